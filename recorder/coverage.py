"""Which file covers which time: a track's segments and, where it was absent, fillings, one for every interval.

Every track covers the recording from its first moment without a hole, so that all of them can be played against one
clock. Media sequence numbers and discontinuities are the same in all tracks, as RFC 8216 §6.2.4 asks of renditions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from recorder.codec import Coding
from recorder.journal import Segment, State, TrackState


@dataclass(frozen=True, slots=True)
class Span:
    """One entry of a media playlist, in ticks; `segment` is None for a filling, whose codec is `codec`.

    Of a `gap` there is not even a filling: the picture before it is shown through it.
    """

    msn: int
    start: int
    end: int
    codec: Coding
    segment: Segment | None = None
    gap: bool = False

    @property
    def init(self) -> int | None:
        """The index of the init section that decodes it; None for that of the codec's filling."""
        return self.segment.init if self.segment else None


def cover(state: State, track: TrackState) -> list[Span]:
    """One span for each finished interval, in order and touching one another; none for a track without a segment.

    Finished for the track where parts are watched, else for all.
    """
    return list(spans_after(state, track, None))


def finished(state: State, track: TrackState) -> int:
    """The last interval in which this track changes no more."""
    if state.part is None:
        return state.closed
    if track.open is not None:
        return track.open.msn - 1
    return max(state.closed, next(reversed(track.segments), -1), next(reversed(track.black), -1))


def spans_after(state: State, track: TrackState, before: Span | None) -> Iterator[Span]:
    """What follows on a span, or the beginning: spans once made never change."""
    if before is None and not track.segments and not (state.part and track.open):
        return
    last = finished(state, track)
    cursor, codec = (0, _first_codec(track)) if before is None else (before.end, before.codec)
    for msn in range(0 if before is None else before.msn + 1, last + 1):
        segment = track.segments.get(msn)
        if segment is not None:
            codec = track.inits[segment.init].config.codec
            start = max(cursor, segment.start)
            cursor = max(start + 1, segment.end)
            before = Span(msn, start, cursor, codec, segment)
        elif msn in track.black:
            start = max(cursor, track.black[msn][0])
            cursor = max(start + 1, track.black[msn][1])
            before = Span(msn, start, cursor, codec)
        else:
            end = state.starts[msn + 1] * track.rate // 1000
            following = _start(track, msn + 1)
            if following is not None and (msn < state.closed or state.part is not None):
                end = following
            # A track whose last segment outlasted the interval after it still needs an entry there, if but a moment's:
            # a player that counts fewer discontinuities in one rendition than in another waits for ever (RFC 8216
            # §6.2.4).
            end = max(end, cursor + track.rate // 1000)
            # Black is decoded otherwise than pictures, which must not change but at a cut.
            gap = before is not None and (before.segment is not None or before.gap) and _gap(state, track, msn)
            before = Span(msn, cursor, end, codec, gap=gap)
            cursor = end
        yield before


def _start(track: TrackState, msn: int) -> int | None:
    """Where a segment begins that is known by now, finished or open."""
    if msn in track.segments:
        return track.segments[msn].start
    if msn in track.black:
        return track.black[msn][0]
    return track.open.start if track.open and track.open.msn == msn else None


def _gap(state: State, track: TrackState, msn: int) -> bool:
    return state.part is not None and track.kind == "video" and msn not in state.cuts


def filling_codec(track: TrackState) -> Coding:
    """What black or silence that goes on now is decoded by: the codec of the last that was stored."""
    last = track.last
    return track.inits[last.init].config.codec if last else _first_codec(track)


def discontinuities(state: State) -> frozenset[int]:
    """The intervals at which some video track's decoder configuration changes: marked in every playlist alike.

    None of a recording that is watched while it grows: formats, track ids and timestamps go on, for which alone the
    mark is a must (RFC 8216bis §4.4.4.3), and players that see one begin to count time anew.
    """
    if state.part is not None:
        return frozenset()
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


def _first_codec(track: TrackState) -> Coding:
    if track.kind == "audio":
        return "opus"
    return track.inits[0].config.codec
