"""The AAC track beside an Opus one of a live recording: of the same intervals, and told of as soon as its Opus is.

Nothing of it need exist: it says what will be made when somebody asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from recorder.aac_format import BIT_RATE, CONFIG, FRAME, aac_name, longest, pieces, whole
from recorder.coverage import Span, spans_after
from recorder.fmp4 import init_section
from recorder.journal import KEPT, Init, Part, Segment, State, TrackState

_TOLD_RATE = BIT_RATE * 5 // 4
"""Bits per second that players are told to need: the encoder keeps to its rate on average alone."""

_INIT = Init(CONFIG, len(init_section(CONFIG)), "")


@dataclass(slots=True)
class AacTrack(TrackState):
    """Segments and parts by their times; sizes are estimates, there are no hashes.

    A part's `number` is that of its first frame, so that its address follows from its time alone and the next one's is
    always known: `numbered` is the frame at which what is told of ends.
    """

    inits: list[Init] = field(default_factory=lambda: [_INIT])
    _last: Span | None = None
    _taken: int = 0
    """How many parts of the open Opus segment have been taken in."""

    def follow(self, state: State, of: TrackState) -> None:
        """Take in what the Opus track has come to be since."""
        most = longest(state.part or 0.0)
        for span in spans_after(state, of, self._last):
            self._close(span, of, most)
            self._last = span
        if of.open is None:
            self.open, self._taken = None, 0
            return
        if self.open is None:
            self.open = self._segment(of.open.msn, self._end, self._end)
            self._list(of.open.msn)
        self._grow(of.open.msn, of, most)

    def part(self, number: int) -> tuple[int, Part] | None:
        for msn, parts in self.parts.items():
            for part in parts:
                if part.number == number:
                    return msn, part
        return None

    @property
    def _end(self) -> int:
        """The frame at which the whole segments end."""
        return self.last.end // FRAME if self.last else 0

    def _close(self, span: Span, of: TrackState, most: int) -> None:
        """An interval is whole, and so are its parts, which silence that stands where there was no Opus has too."""
        first = self._end
        last = max(first + 1, whole(span.end))
        if span.msn not in self.parts and (span.segment is None or span.msn in of.parts):
            self._list(span.msn)
        if span.msn in self.parts:
            self._grow(span.msn, of, most)
            self._add(span.msn, [], last, most)
        self.segments[span.msn] = self._segment(span.msn, first, last)
        self.numbered, self.open, self._taken = last, None, 0

    def _list(self, msn: int) -> None:
        self.parts[msn] = []
        while len(self.parts) > KEPT:
            del self.parts[next(iter(self.parts))]

    def _grow(self, msn: int, of: TrackState, most: int) -> None:
        """The parts that follow from those of Opus."""
        ends = [part.start + part.duration for part in of.parts.get(msn, ())[self._taken :]]
        self._taken += len(ends)
        if ends:
            self._add(msn, ends, whole(ends[-1]), most)

    def _add(self, msn: int, ends: Sequence[int], last: int, most: int) -> None:
        for first, following in pieces(self.numbered, last, ends, most):
            size = (following - first) * FRAME
            self.parts[msn].append(Part(first, first * FRAME, size, 0, _bytes(size), True))
            self.numbered = following

    def _segment(self, msn: int, first: int, last: int) -> Segment:
        start, end = first * FRAME, last * FRAME
        return Segment(msn, 0, start, end, last - first, _bytes(end - start), "")


def _bytes(ticks: int) -> int:
    return ticks * _TOLD_RATE // 8 // CONFIG.rate


def beside(track: TrackState) -> AacTrack:
    """The AAC of a track of which nothing has been followed yet."""
    return AacTrack(aac_name(track.name), track.participant, track.source, "audio", 0)


def follow_sounds(state: State) -> None:
    """Bring the AAC of all sounds of a live recording up to date, in `state.others`, where it is not on disk."""
    if state.part is None:
        return
    for track in state.tracks.values():
        if track.kind != "audio":
            continue
        name = aac_name(track.name)
        if name not in state.others:
            state.others[name] = beside(track)
        other = state.others[name]
        if isinstance(other, AacTrack):
            other.follow(state, track)
