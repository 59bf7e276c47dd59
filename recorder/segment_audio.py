"""Audio frames to segments: an unbroken row of samples whose durations are true, so that a player cannot drift.

Where nothing was sent (DTX), nothing arrived, or the sender's clock runs slow, silence is put in; where it runs fast,
a frame is left out. The row thus stays within 15 ms of session time.
"""

from __future__ import annotations

from recorder import opus
from recorder.codec import OPUS
from recorder.grid import Grid
from recorder.segment import GAP, GapFound, Output, Sample, Segmenter

TOLERANCE = 720
"""Samples that the row may be off; more than half a frame, so that one correction does not call for the opposite."""

PATIENCE = 1.0
"""Seconds after which what has not come is replaced by silence: beyond any jitter and retransmission."""


class AudioSegmenter(Segmenter):
    """One audio track; `attached` is false while nobody publishes it, then the open segment is filled to its end.

    In a live recording silence goes on beyond, so that whoever listens is not left waiting.
    """

    def __init__(self, grid: Grid, part: float, *, live: bool = False, last: int = -1, end: int = 0) -> None:
        super().__init__(grid, OPUS, part, live=live, last=last, end=end)
        self.attached = True
        self.dropped = 0
        self.silence = 0
        self.corrections = 0
        self._filled_from: int | None = None

    def frame(self, time: int, data: bytes, duration: int, *, after_loss: bool = False) -> list[Output]:
        """Take the next packet in order, empty `data` meaning silence of that `duration`."""
        outputs: list[Output] = []
        if not self.is_open:
            msn = self.first_interval(time)
            start = max(self.ticks(self.grid.start(msn)), self.end)
            if msn <= self.last or msn < self.floor or time - start <= -TOLERANCE:
                self.dropped += 1
                return []
            if self.last >= 0:
                self._filled_from = start
            outputs += self._begin(msn, start)
        error = time - self.end
        if error <= -TOLERANCE:
            self.dropped += 1
            return outputs
        if error >= TOLERANCE:
            missing = (error + opus.FRAME // 2) // opus.FRAME * opus.FRAME
            if after_loss and missing > GAP * self.rate and self._filled_from is None:
                self._filled_from = self.end
            self.corrections += missing == opus.FRAME and not after_loss
            outputs += self._fill(missing)
        outputs += self._gap_ends()
        if data:
            outputs += self._add(Sample(data, duration, True))
        else:
            outputs += self._fill(duration)
        return outputs

    def clock(self, now: int) -> list[Output]:
        """What time alone decides: silence for what will not come any more, overdue parts."""
        if not self.is_open:
            return []
        outputs: list[Output] = []
        missing = now - round(PATIENCE * self.rate) - self.end
        if missing >= opus.FRAME:
            if self._filled_from is None:
                self._filled_from = self.end
            leaving = not (self.attached or self.live)
            if leaving:
                missing = min(missing, max(0, self.ticks(self.grid.end(self.last)) - self.end + opus.FRAME - 1))
            outputs += self._fill(missing // opus.FRAME * opus.FRAME)
            if leaving and self.end >= self.ticks(self.grid.end(self.last)):
                return outputs + self._shut()
        return outputs + self._flush_overdue(now)

    def resume(self, at: int) -> list[Output]:
        """A live recording goes on at `at` milliseconds; nobody publishes the track yet."""
        return self._begin(self.grid.index(at), max(self.ticks(at), self.end))

    def finish(self, at: int) -> list[Output]:
        """The recording pauses or ends at `at` milliseconds."""
        if not self.is_open:
            return []
        # What is to end now must end in this segment: the boundary just set is not one to roll over.
        missing = self.ticks(at) - self.end
        outputs: list[Output] = []
        for data, duration in opus.silence(max(0, missing)):
            outputs += self._append(Sample(data, duration, True))
            self.silence += duration
        return outputs + self._shut()

    def _fill(self, length: int) -> list[Output]:
        outputs: list[Output] = []
        for data, duration in opus.silence(length):
            outputs += self._add(Sample(data, duration, True))
        self.silence += length
        return outputs

    def _add(self, sample: Sample) -> list[Output]:
        """Append, moving on to the next segment where its boundary has been reached."""
        outputs: list[Output] = []
        boundary = self.grid.end(self.last)
        if self.end >= self.ticks(boundary) and self._count:
            self.grid.index(boundary)
            outputs += self._close()
            outputs += self._begin(self.last + 1, self.end)
        return outputs + self._append(sample)

    def _gap_ends(self) -> list[Output]:
        start, self._filled_from = self._filled_from, None
        if start is None or self.end - start < GAP * self.rate:
            return []
        return [GapFound(start, self.end)]

    def _shut(self) -> list[Output]:
        return self._gap_ends() + self._close()
