"""Video frames to segments that are watched while they grow: the row of parts goes on whatever the sender does.

While frames are missing the last keyframe is shown again and again, and when they stay away black, at the pace of the
clock. Whatever changes the decoder's configuration, black included, does so at a cut of the grid, which all playlists
mark (RFC 8216bis §6.2.1). Nothing is told to be a gap: players treat gaps as errors.
"""

from __future__ import annotations

from recorder.codec import Config
from recorder.grid import LATE, MIN_INTERVAL, Grid
from recorder.segment import GAP, GapFound, Output, PartClosed, Sample, SegmentClosed
from recorder.segment_video import EARLY, Pending, VideoSegmenter

STEP = 0.3
"""Seconds of a part of black, or of a picture that stands."""

HOLD = 1.0
"""Seconds for which the next frame is waited for, retransmissions included, before the picture stands."""

MOMENT = 10
"""Milliseconds that every segment lasts at least."""

LAST = 2 * MOMENT
"""Milliseconds that the last interval lasts at least: with less some track would have no picture in it."""

BEHIND = 300
"""Milliseconds that black stays behind the clock: a keyframe that comes back is not late for its own time."""


class LiveVideoSegmenter(VideoSegmenter):
    """One video track. Once it has begun it always has an open segment, of pictures or of black."""

    def __init__(self, grid: Grid, config: Config, part: float, *, quiet: float, last: int = -1, end: int = 0) -> None:
        super().__init__(grid, config, part, live=True, quiet=quiet, last=last, end=end)
        self._step = round(STEP * config.rate)
        self._moment = self.ticks(MOMENT)
        self._is_black = False
        self._key = b""
        self._shown = 0

    def frame(self, time: int, data: bytes, config: Config | None, *, after_loss: bool = False) -> list[Output]:
        """Take the next frame in order; `config` is given with keyframes."""
        self.waiting |= after_loss
        pending = self._pending
        if config is None:
            if pending is None or self.waiting or time >= self.ticks(self.grid.end(self.last) + LATE):
                return self._drop()
            time = max(time, pending.time + 1)
            if time - self.end > self._part:
                # No part may last that long, and a picture that stands breaks what depends on the one before.
                return self._stand(time, whole=True) + self._drop()
            self._shown = time
            return self._push(Pending(time, data, False))
        if not self.is_open or self._is_black or config != self.config:
            return self._enter(time, data, config)
        time = max(time, self.end + 1 if pending is None else pending.time + 1)
        outputs: list[Output] = []
        if self.waiting and time - self._shown > GAP * self.rate:
            outputs.append(GapFound(self._shown, time))
        behind = self.grid.index(self.milliseconds(time)) > self.last + 1
        if pending is None or behind or time - self.end > self._part:
            outputs += self._stand(time)
        picture = self._see(time, data)
        if time < self.ticks(self.grid.end(self.last) - EARLY):
            if self._pending is not None:
                return outputs + self._push(picture)
            self._pending = picture
            return outputs
        self.grid.index(self.grid.end(self.last))
        if self._pending is not None:
            outputs += self._append(self._lasting(self._pending, time))
        outputs += self._close() + self._begin(self.last + 1, self.end)
        self._pending = picture
        return outputs

    def clock(self, now: int) -> list[Output]:
        """What time alone decides: that a picture stands, that a track is absent, and the black that stands for it."""
        if not self.is_open:
            return []
        if self._is_black:
            return self._blacken(now - self.ticks(BEHIND))
        if now - self._shown > self.quiet * self.rate:
            at = self._cut(now)
            if at is not None:
                return self._stand(self.ticks(at)) + self._close() + self._begin_black(at)
        if self._pending is not None and now - self._pending.time <= HOLD * self.rate:
            return []
        return self._stand(now - self.ticks(BEHIND), whole=True)

    def resume(self, at: int) -> list[Output]:
        """The recording goes on at `at` milliseconds, a boundary; nobody publishes the track yet."""
        return self._begin_black(at)

    def finish(self, at: int) -> list[Output]:
        """The recording pauses or ends at `at` milliseconds, which is a boundary."""
        if not self.is_open:
            return []
        if self._is_black:
            return self._blacken(self.ticks(at), to_the_end=True) + self._close_black()
        row = self.end if self._pending is None else self._pending.time
        return self._stand(max(self.ticks(at), row + 1)) + self._close()

    def _enter(self, time: int, data: bytes, config: Config) -> list[Output]:
        """A keyframe that begins with a decoder of its own: the first, the first after black, one of another size."""
        if not self.is_open and self.grid.index(self.milliseconds(time)) == 0 and time < self.ticks(MIN_INTERVAL):
            return self._show(0, data, config)
        at = self._cut(time)
        if at is None:
            return self._drop()
        outputs: list[Output] = []
        if self.is_open and self._is_black:
            outputs = self._blacken(self.ticks(at)) + self._close_black()
        elif self.is_open:
            outputs = self._stand(self.ticks(at)) + self._close()
        return outputs + self._show(at, data, config)

    def _show(self, at: int, data: bytes, config: Config) -> list[Output]:
        """Begin a segment of pictures at a boundary."""
        self.config = config
        start = self.ticks(at)
        self._pending = self._see(start, data)
        self._is_black = False
        return self._begin(self.grid.index(at), start)

    def _see(self, time: int, data: bytes) -> Pending:
        """Take note of a keyframe."""
        self.waiting = False
        self._key, self._shown = data, time
        return Pending(time, data, True)

    def _stand(self, until: int, *, whole: bool = False) -> list[Output]:
        """Go on up to `until` with a picture that stands: the last keyframe again and again, each a part by itself.

        What comes after that cannot be decoded before the next keyframe. With `whole`, only whole parts are made.
        """
        outputs: list[Output] = []
        pending, self._pending = self._pending, None
        self.waiting = True
        if pending is not None:
            room = until - self.end
            if self.grid.end(self.last) < self.milliseconds(until):
                # Some of it is left for the segment that comes after.
                room = max(1, room - self._moment)
            duration = max(1, min(room, self._part_start + self._part - self.end))
            outputs += self._append(Sample(pending.data, duration, pending.key))
        while True:
            end = self.grid.end(self.last)
            boundary = self.ticks(end)
            if self.end >= boundary and self.end < until:
                self.grid.index(end)
                outputs += self._close() + self._begin(self.last + 1, self.end)
                boundary = self.ticks(self.grid.end(self.last))
            # What was begun with pictures is filled up: by itself it might be too short.
            whole_step = self._part_start + self._part - self.end if self._samples else self._step
            step = min(whole_step, until - self.end, max(boundary - self.end, self._moment))
            if step <= 0 or (whole and step < whole_step and self.end + step < boundary):
                return outputs
            outputs += self._append(Sample(self._key, step, True)) + self._flush()

    def _begin_black(self, at: int) -> list[Output]:
        self._is_black = True
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
            step = min(self._step, (until if to_the_end else boundary) - self.end)
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
