"""Samples, parts and segments as plain values, and the one track's worth of state that turns samples into them.

Times and durations are ticks of the track's clock in session time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from recorder.codec import Config
from recorder.grid import Grid


class Sample(NamedTuple):
    """One frame with the time it is shown for; `key` means that decoding can begin here."""

    data: bytes
    duration: int
    key: bool


@dataclass(frozen=True, slots=True)
class SegmentOpened:
    """`config` is None for one of which nothing is stored: black stands there while a picture is absent."""

    msn: int
    start: int
    config: Config | None


@dataclass(frozen=True, slots=True)
class PartClosed:
    """A run of samples, final: what is written, and for low latency published, as one piece.

    Without samples it is a piece of black.
    """

    msn: int
    index: int
    start: int
    duration: int
    samples: tuple[Sample, ...]

    @property
    def independent(self) -> bool:
        """Whether decoding can begin in it."""
        return not self.samples or any(sample.key for sample in self.samples)


@dataclass(frozen=True, slots=True)
class SegmentClosed:
    msn: int
    start: int
    end: int
    samples: int


@dataclass(frozen=True, slots=True)
class GapFound:
    """Nothing could be recorded between `start` and `end`; a still picture or silence stands there."""

    start: int
    end: int


Output = SegmentOpened | PartClosed | SegmentClosed | GapFound

GAP = 1.0
"""Seconds; shorter interruptions are counted as lost frames alone."""

FULL = 0.85
"""How much of the target duration every part must reach for low latency (RFC 8216bis §4.4.4.9)."""


class Segmenter:
    """Cuts one track's samples into parts of at most `part` seconds and hands them on at once."""

    def __init__(
        self, grid: Grid, config: Config, part: float, *, live: bool = False, last: int = -1, end: int = 0
    ) -> None:
        """`live`: parts are published as they close, so that `part` is the target of all.

        `last` and `end`: the last segment's number and end when an earlier recording of the track is continued.
        """
        self.grid = grid
        self.config = config
        self.rate = config.rate
        self.last = last
        self.end = end
        self.floor = last + 1
        self.is_open = False
        self.live = live
        self._part = round(part * config.rate)
        self._full = round(part * config.rate * FULL) if live else self._part + 1
        self._samples: list[Sample] = []
        self._part_start = 0
        self._part_index = 0
        self._start = 0
        self._count = 0

    def ticks(self, milliseconds: int) -> int:
        return milliseconds * self.rate // 1000

    def milliseconds(self, ticks: int) -> int:
        return ticks * 1000 // self.rate

    def first_interval(self, time: int) -> int:
        """The segment that a track begins with at `time`, after none or an earlier one.

        It is that of the current interval, unless the intervals between would be left with no time of their own.
        """
        interval = self.grid.index(self.milliseconds(time))
        following = self.last + 1
        if interval > following and self.ticks(self.grid.end(following)) <= self.end:
            return max(following, self.floor)
        return interval

    def _begin(self, msn: int, start: int, *, black: bool = False) -> list[Output]:
        # An interval that is passed over is given a moment of its own by whoever reads.
        start = max(start, self.end + (msn - self.last - 1) * self.ticks(1))
        self.is_open = True
        self.last = msn
        self.floor = max(self.floor, msn)
        self.end = self._start = self._part_start = start
        self._part_index = self._count = 0
        return [SegmentOpened(msn, start, None if black else self.config)]

    def _append(self, sample: Sample) -> list[Output]:
        """Add a sample; the part is closed before the sample that would make it longer than it may be.

        A published part that is not full yet takes the beginning of it, and what follows is shown that much sooner.
        """
        outputs: list[Output] = []
        room = self._part_start + self._part - self.end
        if self._samples and sample.duration > room:
            if self.live and self._part - room < self._full:
                sample = Sample(sample.data, room, sample.key)
            else:
                outputs = self._flush()
        self._samples.append(sample)
        self.end += sample.duration
        self._count += 1
        if self.end - self._part_start >= self._full:
            outputs += self._flush()
        return outputs

    def _flush(self) -> list[Output]:
        if not self._samples:
            return []
        duration = self.end - self._part_start
        part = PartClosed(self.last, self._part_index, self._part_start, duration, tuple(self._samples))
        self._samples = []
        self._part_index += 1
        self._part_start = self.end
        return [part]

    def _flush_overdue(self, now: int) -> list[Output]:
        """Frames come seldom or have stopped: what there is goes to disk without waiting for the next one."""
        return self._flush() if now - self._part_start > self._part * 3 // 2 else []

    def _close(self) -> list[Output]:
        outputs = self._flush()
        self.is_open = False
        if self._count:
            outputs.append(SegmentClosed(self.last, self._start, self.end, self._count))
        return outputs
