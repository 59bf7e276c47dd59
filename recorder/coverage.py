"""Which file covers which time: a track's segments and, where it was absent, fillings, one for every interval.

Every track covers the recording from its first moment without a hole, so that all of them can be played against one
clock. Media sequence numbers and discontinuities are the same in all tracks, as RFC 8216 §6.2.4 asks of renditions.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from recorder.journal import Segment, State, TrackState
from tele.domain.media import Codec


@dataclass(frozen=True, slots=True)
class Span:
    """One entry of a media playlist, in ticks; `segment` is None for a filling, whose codec is `codec`."""

    msn: int
    start: int
    end: int
    codec: Codec
    segment: Segment | None = None

    @property
    def init(self) -> int | None:
        """The index of the init section that decodes it; None for that of the codec's filling."""
        return self.segment.init if self.segment else None


def cover(state: State, track: TrackState) -> list[Span]:
    """One span for each closed interval, in order and touching one another; none for a track without a segment."""
    if not track.segments:
        return []
    spans: list[Span] = []
    cursor = 0
    codec = _first_codec(track)
    for msn in range(state.closed + 1):
        segment = track.segments.get(msn)
        if segment is not None:
            codec = track.inits[segment.init].config.codec
            start = max(cursor, segment.start)
            cursor = max(start + 1, segment.end)
            spans.append(Span(msn, start, cursor, codec, segment))
            continue
        following = track.segments.get(msn + 1)
        end = following.start if following and msn < state.closed else state.starts[msn + 1] * track.rate // 1000
        # A track whose last segment outlasted the interval after it still needs an entry there, if but a moment's: a
        # player that counts fewer discontinuities in one rendition than in another waits for ever (RFC 8216 §6.2.4).
        end = max(end, cursor + track.rate // 1000)
        spans.append(Span(msn, cursor, end, codec))
        cursor = end
    return spans


def discontinuities(state: State) -> frozenset[int]:
    """The intervals at which some video track's decoder configuration changes: marked in every playlist alike."""
    found: set[int] = set()
    for track in state.tracks.values():
        if track.kind == "audio":
            continue
        spans = cover(state, track)
        found.update(
            after.msn for before, after in pairwise(spans) if (before.init, before.codec) != (after.init, after.codec)
        )
    return frozenset(found)


def absences(state: State, track: TrackState) -> list[tuple[int, int]]:
    """(start, end) in ticks of each time between a track's first and last moment at which it recorded nothing."""
    spans = cover(state, track)
    present = [index for index, span in enumerate(spans) if span.segment]
    if not present:
        return []
    inside = spans[present[0] : present[-1] + 1]
    found = [(span.start, span.end) for span in inside if span.segment is None] + track.gaps
    merged: list[tuple[int, int]] = []
    for start, end in sorted(found):
        if merged and start <= merged[-1][1] + track.rate // 2:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _first_codec(track: TrackState) -> Codec:
    first = next(iter(track.segments.values()))
    return track.inits[first.init].config.codec
