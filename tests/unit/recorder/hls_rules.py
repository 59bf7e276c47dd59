"""Playlists held against the rules of RFC 8216bis that players rely upon: one alone, one after another, all of a kind.

Written from the standard alone; nothing of the code that makes playlists is used.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from datetime import datetime

NEAR = 0.002
"""Seconds by which rounded figures may differ."""

_ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"]*"|[^,]*)(?:,|$)')
_ONCE = (
    "EXTM3U",
    "EXT-X-VERSION",
    "EXT-X-TARGETDURATION",
    "EXT-X-PLAYLIST-TYPE",
    "EXT-X-MEDIA-SEQUENCE",
    "EXT-X-PART-INF",
    "EXT-X-SERVER-CONTROL",
    "EXT-X-INDEPENDENT-SEGMENTS",
)


@dataclass(frozen=True)
class Part:
    uri: str
    duration: float
    independent: bool
    gap: bool


@dataclass
class Segment:
    """One entry; `duration` and `uri` are missing while it is not whole."""

    discontinuity: bool = False
    map: str = ""
    date: float | None = None
    gap: bool = False
    parts: list[Part] = field(default_factory=list)
    duration: float = 0.0
    uri: str = ""

    @property
    def told(self) -> tuple[bool, str, float | None, bool, float, str]:
        """All that must never change: what is said besides parts."""
        return self.discontinuity, self.map, self.date, self.gap, self.duration, self.uri

    @property
    def unmapped(self) -> tuple[object, ...]:
        """All but the init section, which a delta update may have told further up."""
        return self.discontinuity, self.date, self.gap, self.duration, self.uri, self.parts


@dataclass
class Playlist:
    tags: dict[str, str] = field(default_factory=dict)
    segments: list[Segment] = field(default_factory=list)
    open: Segment | None = None
    hint: str = ""
    reports: dict[str, dict[str, str]] = field(default_factory=dict)
    skipped: int = 0
    ended: bool = False

    @property
    def target(self) -> int:
        return int(self.tags["EXT-X-TARGETDURATION"])

    @property
    def part_target(self) -> float:
        return float(attributes(self.tags["EXT-X-PART-INF"])["PART-TARGET"])

    @property
    def parts(self) -> list[Part]:
        """All parts listed, in order."""
        found = [part for segment in self.segments for part in segment.parts]
        return found + (self.open.parts if self.open else [])

    @property
    def end(self) -> tuple[int, int]:
        """Media sequence number and index of the last part."""
        if self.open and self.open.parts:
            return self.skipped + len(self.segments), len(self.open.parts) - 1
        return self.skipped + len(self.segments) - 1, len(self.segments[-1].parts) - 1 if self.segments else -1


def attributes(text: str) -> dict[str, str]:
    return {name: value.strip('"') for name, value in _ATTRIBUTE.findall(text)}


def parse(text: str) -> Playlist:
    """Read a media playlist; fails on any line that is not known."""
    assert text.endswith("\n") and "\r" not in text
    found, segment, seen, current = Playlist(), Segment(), False, ""
    for line in text.splitlines():
        name, _, value = line.removeprefix("#").partition(":")
        if not line.startswith("#"):
            segment.uri = line
            assert segment.duration > 0 and not found.ended
            found.segments.append(segment)
            segment, seen = Segment(map=current), False
        elif name in _ONCE:
            assert name not in found.tags, f"{name} twice"
            assert not found.segments and not seen, f"{name} after segments"
            found.tags[name] = value
        elif name == "EXT-X-DISCONTINUITY":
            assert not segment.parts, "a discontinuity after the parts it applies to"
            segment.discontinuity = seen = True
        elif name == "EXT-X-MAP":
            assert not segment.parts, "a map after the parts it applies to"
            segment.map = current = attributes(value)["URI"]
            seen = True
        elif name == "EXT-X-PROGRAM-DATE-TIME":
            assert not segment.parts, "a date after the parts it applies to"
            segment.date = datetime.fromisoformat(value).timestamp()
            seen = True
        elif name == "EXT-X-GAP":
            segment.gap = True
        elif name == "EXTINF":
            segment.duration = float(value.rstrip(","))
        elif name == "EXT-X-PART":
            read = attributes(value)
            part = Part(
                read["URI"], float(read["DURATION"]), read.get("INDEPENDENT") == "YES", read.get("GAP") == "YES"
            )
            segment.parts.append(part)
            seen = True
        elif name == "EXT-X-PRELOAD-HINT":
            assert not found.hint, "two hints"
            assert attributes(value)["TYPE"] == "PART"
            found.hint = attributes(value)["URI"]
        elif name == "EXT-X-RENDITION-REPORT":
            read = attributes(value)
            assert read["URI"] not in found.reports
            found.reports[read["URI"]] = read
        elif name == "EXT-X-SKIP":
            assert not found.segments and not seen
            found.skipped = int(attributes(value)["SKIPPED-SEGMENTS"])
        elif name == "EXT-X-ENDLIST":
            found.ended = True
        else:
            raise AssertionError(f"unknown line {line}")
    if seen:
        found.open = segment
    return found


def check(text: str, *, video: bool, counted: bool = True) -> Playlist:
    """The rules that hold for one playlist by itself; returns it. `counted`: addresses of parts count them."""
    assert text.startswith("#EXTM3U\n")
    found = parse(text)
    if not found.skipped:
        assert set(_ONCE) == set(found.tags)
    control = attributes(found.tags["EXT-X-SERVER-CONTROL"])
    target = found.part_target
    assert control["CAN-BLOCK-RELOAD"] == "YES"
    # §4.4.3.8
    assert float(control["PART-HOLD-BACK"]) >= 3 * target - 1e-9
    assert float(control["CAN-SKIP-UNTIL"]) >= 6 * found.target
    assert int(found.tags["EXT-X-VERSION"]) >= 9
    for segment in found.segments:
        # §4.4.3.1
        assert math.floor(segment.duration + 0.5) <= found.target, segment
    _check_parts(found, target, video=video, counted=counted)
    _check_order(found)
    if found.ended:
        assert not found.hint and not found.parts and found.open is None and not found.reports
    else:
        assert found.hint, "nothing to preload"
    return found


def _check_parts(found: Playlist, target: float, *, video: bool, counted: bool) -> None:
    """§4.4.4.9."""
    everything = [*found.segments, *([found.open] if found.open else [])]
    for segment in everything:
        last = len(segment.parts) - 1
        for index, part in enumerate(segment.parts):
            assert part.duration <= target + NEAR, part
            spared = part.independent or part.gap or (index < last and segment.parts[index + 1].gap)
            final = index == last
            assert spared or final or part.duration >= 0.85 * target - NEAR, (part, segment)
        if segment.parts and not segment.gap:
            assert segment.parts[0].independent, segment
        if segment.parts and segment.uri:
            assert abs(sum(part.duration for part in segment.parts) - segment.duration) < NEAR, segment
        if not video:
            assert all(part.independent and not part.gap for part in segment.parts)
    numbers = [_number(part.uri) for part in found.parts]
    if numbers and found.hint:
        numbers.append(_number(found.hint))
    assert numbers == sorted(set(numbers))
    assert not numbers or not counted or numbers[-1] - numbers[0] == len(numbers) - 1


def _check_order(found: Playlist) -> None:
    """§4.4.4.5, §4.4.4.6, §6.2.1: whoever decodes has an init section, and the clock has no holes.

    Track ids, formats and timestamps go on (§4.4.4.3), so nothing is told to be a discontinuity.
    """
    everything = [*found.segments, *([found.open] if found.open else [])]
    before: Segment | None = None
    for segment in everything:
        assert segment.date is not None
        assert found.skipped or segment.gap or segment.map
        if before is not None and before.date is not None:
            assert abs(before.date + before.duration - segment.date) < NEAR, (before, segment)
        assert not segment.discontinuity
        before = segment


def check_change(before: Playlist, after: Playlist) -> None:
    """§6.2.1, §6.2.2: what may change from one reload to the next."""
    assert before.tags == after.tags
    assert not before.ended or after == before
    assert [s.told for s in after.segments[: len(before.segments)]] == [s.told for s in before.segments]
    if before.open is not None and len(after.segments) > len(before.segments):
        whole = after.segments[len(before.segments)]
        assert (whole.discontinuity, whole.map, whole.date) == (
            before.open.discontinuity,
            before.open.map,
            before.open.date,
        )
    if after.ended:
        return
    assert after.end >= before.end
    kept = {part.uri: part for part in after.parts}
    gone = [part for part in before.parts if part.uri not in kept]
    assert gone == before.parts[: len(gone)], "parts are removed from the front"
    assert all(kept[part.uri] == part for part in before.parts[len(gone) :])
    # What was hinted at is what came (§4.4.5.3).
    new = after.parts[len(before.parts) - len(gone) :]
    assert not new or new[0].uri == before.hint, (before.hint, new[0])
    # Parts stay listed for three target durations (§6.2.2).
    since = 0.0
    for old, new in reversed(list(zip(before.segments, after.segments, strict=False))):
        assert (
            not (set(old.parts) & set(gone))
            or since + sum(segment.duration for segment in after.segments[len(before.segments) :])
            >= 3 * after.target - NEAR
        )
        since += new.duration


def check_delta(full: Playlist, delta: Playlist) -> None:
    """§6.2.5.1: a delta update is the playlist without what is older than the skip boundary."""
    assert full.tags == delta.tags
    assert (full.hint, full.reports, full.ended) == (delta.hint, delta.reports, delta.ended)
    assert (full.open is None) == (delta.open is None)
    if full.open is not None and delta.open is not None:
        assert full.open.unmapped == delta.open.unmapped
    if not delta.skipped:
        assert full == delta
        return
    kept = full.segments[delta.skipped :]
    assert len(kept) == len(delta.segments) and delta.skipped > 0
    for mine, other in zip(kept, delta.segments, strict=True):
        assert mine.unmapped == other.unmapped
    boundary = float(attributes(full.tags["EXT-X-SERVER-CONTROL"])["CAN-SKIP-UNTIL"])
    assert sum(segment.duration for segment in kept) >= boundary - NEAR


def check_renditions(playlists: dict[str, Playlist]) -> None:
    """§6.2.4: what all playlists of one presentation have in common."""
    found = list(playlists.values())
    for one in found:
        for tag in ("EXT-X-TARGETDURATION", "EXT-X-PLAYLIST-TYPE", "EXT-X-SERVER-CONTROL"):
            assert one.tags[tag] == found[0].tags[tag]
        for other in found:
            # The same interval has the same number and the same discontinuities everywhere.
            flags = [[segment.discontinuity for segment in p.segments] for p in (one, other)]
            common = min(map(len, flags))
            assert flags[0][:common] == flags[1][:common]
    for name, one in playlists.items():
        if one.ended:
            continue
        for uri, report in one.reports.items():
            told = (int(report["LAST-MSN"]), int(report.get("LAST-PART", -1)))
            other = playlists[uri.removeprefix("../").removesuffix("/index.m3u8")]
            assert told <= other.end, (name, uri)


def _number(uri: str) -> int:
    match = re.fullmatch(r"part-(\d+)\.m4s", uri)
    assert match is not None, uri
    return int(match[1])
