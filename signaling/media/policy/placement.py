"""Which feed sits in which m-section of a player, which cannot be offered more than it asked for. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from tele.domain.media import Codec, Kind


@dataclass(frozen=True, slots=True)
class Place:
    """One m-section of a player."""

    mid: str
    kind: Kind
    codecs: frozenset[Codec]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A feed that could sit in one. `source` as feeds name it; `participant` is whose it is."""

    id: str
    kind: Kind
    codec: Codec
    source: str
    participant: str


def place(places: Sequence[Place], now: Mapping[str, str], feeds: Collection[Candidate]) -> dict[str, str]:
    """Feed ids by mid. `now` is how it was; `feeds` are in the order in which they came.

    A screen comes before cameras, who came first before who came later. Of sounds, those of the people who are seen
    come first, so that picture and voice belong together. What is shown already stays where it is while it is among
    those to be shown.
    """
    placed = _fill([each for each in places if each.kind == "video"], now, _ordered(feeds, "video", lambda _: False))
    seen = {feed.participant for feed in feeds if feed.id in placed.values()}
    sounds = _ordered(feeds, "audio", lambda feed: feed.participant not in seen)
    return placed | _fill([each for each in places if each.kind == "audio"], now, sounds)


def _ordered(feeds: Collection[Candidate], kind: Kind, later: object) -> list[Candidate]:
    assert callable(later)
    mine = [feed for feed in feeds if feed.kind == kind]
    return sorted(mine, key=lambda feed: (later(feed), feed.source not in ("screen", "microphone")))


def _fill(places: Sequence[Place], now: Mapping[str, str], feeds: Sequence[Candidate]) -> dict[str, str]:
    wanted = [feed for feed in feeds if any(feed.codec in each.codecs for each in places)][: len(places)]
    ids = {feed.id: feed for feed in wanted}
    placed = {each.mid: now[each.mid] for each in places if now.get(each.mid) in ids}
    for feed in wanted:
        if feed.id in placed.values():
            continue
        free = next((each for each in places if each.mid not in placed and feed.codec in each.codecs), None)
        if free is not None:
            placed[free.mid] = feed.id
    return placed
