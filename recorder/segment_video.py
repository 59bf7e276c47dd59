"""Video frames to segments: each begins with a keyframe, and time without pictures is never left uncovered.

A frame lasts until the next one. While nothing comes the last picture stands still; after `quiet` seconds the track is
declared absent with a cut, and readers fill the absence with black.
"""

from __future__ import annotations

from typing import NamedTuple

from recorder.codec import Config
from recorder.grid import LATE, MIN_INTERVAL, Grid
from recorder.segment import GAP, GapFound, Output, Sample, Segmenter

EARLY = 350
"""Milliseconds before its boundary from which a keyframe may begin the next segment."""

ASK_AHEAD = 300
"""Milliseconds before a boundary at which its keyframe is asked for: about a round trip and a frame."""

LAG = 1200
"""Milliseconds that frames may be behind the clock: network and the wait for retransmissions."""


class Pending(NamedTuple):
    """A frame whose duration is not known before the next one."""

    time: int
    data: bytes
    key: bool


class VideoSegmenter(Segmenter):
    """One video track. `waiting` is true while only a keyframe can be used."""

    def __init__(
        self,
        grid: Grid,
        config: Config,
        part: float,
        *,
        quiet: float,
        live: bool = False,
        last: int = -1,
        end: int = 0,
    ) -> None:
        super().__init__(grid, config, part, live=live, last=last, end=end)
        self.quiet = quiet
        self.waiting = True
        self.dropped = 0
        self._pending: Pending | None = None

    def frame(self, time: int, data: bytes, config: Config | None, *, after_loss: bool = False) -> list[Output]:
        """Take the next frame in order; `config` is given with keyframes."""
        self.waiting |= after_loss
        pending = self._pending
        if config is None:
            if pending is None or self.waiting:
                return self._drop()
            if time >= self.ticks(self.grid.end(self.last) + LATE):
                return self._end_at(time) + self._drop()
            return self._push(Pending(max(time, pending.time + 1), data, False))
        if pending is None:
            return self._open(time, data, config)
        time = max(time, pending.time + 1)
        boundary = self.ticks(self.grid.end(self.last) - EARLY)
        if config != self.config and time < boundary:
            if not self.grid.cut(self.milliseconds(time)):
                return self._drop()
            boundary = time
        outputs: list[Output] = []
        if self.waiting and time - pending.time > GAP * self.rate:
            outputs.append(GapFound(pending.time, time))
        self.waiting = False
        if time < boundary:
            return outputs + self._push(Pending(time, data, True))
        self.grid.index(self.grid.end(self.last))
        outputs += self._end_at(time)
        self.config = config
        outputs += self._begin(self.last + 1, time)
        self._pending = Pending(time, data, True)
        self.waiting = False
        return outputs

    def clock(self, now: int) -> list[Output]:
        """What time alone decides: overdue parts, a boundary without its keyframe, a track that fell silent."""
        pending = self._pending
        if pending is None:
            return []
        now_ms = self.milliseconds(now)
        limit = self.grid.end(self.last) + LATE
        if now_ms > limit + LAG:
            return self._end_at(max(pending.time + 1, self.ticks(limit)))
        if now - pending.time > self.quiet * self.rate:
            boundary = self.grid.end(self.last)
            if boundary <= now_ms:
                self.grid.index(boundary)
                return self._end_at(max(pending.time + 1, self.ticks(boundary)))
            if self.grid.cut(now_ms):
                return self._end_at(self.ticks(now_ms))
        return self._flush_overdue(now)

    def finish(self, at: int) -> list[Output]:
        """The recording pauses or ends at `at` milliseconds."""
        pending = self._pending
        return [] if pending is None else self._end_at(max(pending.time + 1, self.ticks(at)))

    def wants_key(self, now: int) -> bool:
        """Whether a keyframe should be asked for at `now` ticks."""
        return self.waiting or self.milliseconds(now) >= self.grid.end(self.last) - ASK_AHEAD

    def _open(self, time: int, data: bytes, config: Config) -> list[Output]:
        """The track's first keyframe, or its first after an absence: near a boundary it is shown from there on."""
        now = self.milliseconds(time)
        msn = self.first_interval(time)
        start = max(self.ticks(self.grid.start(msn)), self.end)
        taken = msn < self.floor or msn <= self.last
        if taken or time - start > self.ticks(MIN_INTERVAL):
            if self.grid.cut(now):
                msn = self.grid.index(now)
                start = max(self.ticks(now), self.end)
            elif taken:
                return self._drop()
        self.config = config
        self.waiting = False
        self._pending = Pending(start, data, True)
        return self._begin(msn, start)

    def _push(self, frame: Pending) -> list[Output]:
        """The frame before gets its duration and goes; this one waits for its own."""
        pending = self._pending
        assert pending is not None
        self._pending = frame
        return self._append(self._lasting(pending, frame.time))

    def _end_at(self, time: int) -> list[Output]:
        pending = self._pending
        assert pending is not None
        self._pending = None
        self.waiting = True
        return self._append(self._lasting(pending, time)) + self._close()

    def _lasting(self, picture: Pending, until: int) -> Sample:
        """A picture that is shown from where the row of samples ends."""
        return Sample(picture.data, max(1, until - self.end), picture.key)

    def _drop(self) -> list[Output]:
        self.waiting = True
        self.dropped += 1
        return []
