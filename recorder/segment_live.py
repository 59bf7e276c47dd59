"""Video frames to segments that are watched while they grow: the row of parts goes on whatever the sender does.

While a picture is absent, parts of black take its place at the pace of the clock. Whatever changes the decoder's
configuration, black included, does so at a cut of the grid, which all playlists mark (RFC 8216bis §6.2.1).
"""

from __future__ import annotations

from recorder.codec import Config
from recorder.grid import LATE, MIN_INTERVAL, Grid
from recorder.segment import GAP, GapFound, Output, PartClosed, Sample, SegmentClosed
from recorder.segment_video import EARLY, LAG, Pending, VideoSegmenter

BLACK = 0.3
"""Seconds of a part of black."""

BEHIND = 300
"""Milliseconds that black stays behind the clock: a keyframe that comes back is not late for its own time."""


class LiveVideoSegmenter(VideoSegmenter):
    """One video track. Once it has begun it always has an open segment, of pictures or of black."""

    def __init__(self, grid: Grid, config: Config, part: float, *, quiet: float, last: int = -1, end: int = 0) -> None:
        super().__init__(grid, config, part, live=True, quiet=quiet, last=last, end=end)
        self._black = round(BLACK * config.rate)

    def frame(self, time: int, data: bytes, config: Config | None, *, after_loss: bool = False) -> list[Output]:
        """Take the next frame in order; `config` is given with keyframes."""
        self.waiting |= after_loss
        pending = self._pending
        if config is None:
            if pending is None or self.waiting or time >= self.ticks(self.grid.end(self.last) + LATE):
                return self._drop()
            return self._push(Pending(max(time, pending.time + 1), data, False))
        if pending is None:
            return self._enter(time, data, config)
        time = max(time, pending.time + 1)
        outputs: list[Output] = []
        if self.waiting and time - pending.time > GAP * self.rate:
            outputs.append(GapFound(pending.time, time))
        if config != self.config:
            at = self._cut(time)
            if at is None:
                return self._drop()
            return outputs + self._leave(self.ticks(at), self.grid.index(at)) + self._show(at, data, config)
        self.waiting = False
        if time < self.ticks(self.grid.end(self.last) - EARLY):
            return outputs + self._push(Pending(time, data, True))
        self.grid.index(self.grid.end(self.last))
        msn = max(self.last + 1, self.grid.index(self.milliseconds(time)))
        outputs += self._leave(time, msn)
        outputs += self._begin(msn, time)
        self._pending = Pending(time, data, True)
        self.waiting = False
        return outputs

    def clock(self, now: int) -> list[Output]:
        """What time alone decides: that a track is absent, and the black that stands for it."""
        pending = self._pending
        now_ms = self.milliseconds(now)
        if pending is None:
            return self._blacken(self.ticks(now_ms - BEHIND)) if self.is_open else []
        if now - pending.time <= self.quiet * self.rate and now_ms <= self.grid.end(self.last) + LATE + LAG:
            return []
        at = self._cut(now)
        if at is None:
            return []
        return self._leave(self.ticks(at), self.grid.index(at)) + self._begin_black(at)

    def resume(self, at: int) -> list[Output]:
        """The recording goes on at `at` milliseconds, a boundary; nobody publishes the track yet."""
        return self._begin_black(at)

    def finish(self, at: int) -> list[Output]:
        """The recording pauses or ends at `at` milliseconds, which is a boundary."""
        if self._pending is not None:
            return self._leave(self.ticks(at), self.grid.index(at))
        return self._blacken(self.ticks(at), to_the_end=True) + self._close_black() if self.is_open else []

    def _enter(self, time: int, data: bytes, config: Config) -> list[Output]:
        """The track's first keyframe, or its first after an absence."""
        if not self.is_open and self.grid.index(self.milliseconds(time)) == 0 and time < self.ticks(MIN_INTERVAL):
            return self._show(0, data, config)
        at = self._cut(time)
        if at is None:
            return self._drop()
        outputs: list[Output] = []
        if self.is_open:
            outputs = self._blacken(self.ticks(at)) + self._close_black()
        return outputs + self._show(at, data, config)

    def _show(self, at: int, data: bytes, config: Config) -> list[Output]:
        """Begin a segment of pictures at a boundary."""
        self.config = config
        self.waiting = False
        start = self.ticks(at)
        self._pending = Pending(start, data, True)
        return self._begin(self.grid.index(at), start)

    def _leave(self, end: int, following: int) -> list[Output]:
        """End the open segment of pictures, the last of which is shown until `end`, when segment `following` begins.

        Where that is not the next one, this track has nothing of the numbers between: they are told to be gaps.
        """
        pending = self._pending
        assert pending is not None
        self._pending = None
        self.waiting = True
        end = max(end, pending.time + 1)
        told = end
        if following > self.last + 1:
            told = min(end, max(self.ticks(self.grid.start(self.last + 1)), pending.time + 1))
        sample = Sample(pending.data, end - pending.time, pending.key)
        self._samples.append(sample)
        self._count += 1
        self.end = told
        outputs = self._flush(min(told - self._part_start, self._part)) + self._close()
        self.end = end
        return outputs

    def _begin_black(self, at: int) -> list[Output]:
        return self._begin(self.grid.index(at), self.ticks(at), black=True)

    def _blacken(self, until: int, *, to_the_end: bool = False) -> list[Output]:
        """Black up to `until`: in whole parts, or to the end of the open segment."""
        outputs: list[Output] = []
        while True:
            boundary = self.ticks(self.grid.end(self.last))
            if self.end >= boundary and not to_the_end:
                self.grid.index(self.grid.end(self.last))
                outputs += self._close_black()
                outputs += self._begin(self.last + 1, self.end, black=True)
                continue
            step = min(self._black, (until if to_the_end else boundary) - self.end)
            if step <= 0 or self.end + step > until:
                return outputs
            outputs.append(PartClosed(self.last, self._part_index, self.end, step, ()))
            self._part_index += 1
            self.end += step

    def _close_black(self) -> list[Output]:
        self.is_open = False
        return [SegmentClosed(self.last, self._start, self.end, 0)]

    def _cut(self, time: int) -> int | None:
        """Cut the grid at `time` ticks, or after what is published of this track; returns milliseconds."""
        return self.grid.cut_after(self.milliseconds(max(time, self.end)) + 1)
