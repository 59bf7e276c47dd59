"""How much flows, averaged over two seconds: sampled from a count now and then, so that packets cost nothing. Pure."""

from __future__ import annotations

from collections import deque
from typing import Final

WINDOW: Final = 2.0
"""Seconds: long enough that a keyframe does not look like a change."""
SAMPLE_EVERY: Final = 0.25
LEAST: Final = 1.0
"""Seconds that the first measurement stands for: a stream begins with its largest picture."""


class RateMeter:
    """Bits per second of a count of bytes that only grows. `sample` may be called as often as one likes."""

    __slots__ = ("_samples", "bitrate")

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque(maxlen=int(WINDOW / SAMPLE_EVERY) + 1)
        self.bitrate = 0.0
        """0 until two samples are there, and when nothing came for the length of the window."""

    def sample(self, total: int, now: float) -> None:
        """The count stands at `total` bytes now."""
        samples = self._samples
        if samples and now - samples[-1][0] < SAMPLE_EVERY:
            return
        samples.append((now, total))
        # After a pause of the caller, what lies further back than the window says nothing about now.
        while len(samples) > 2 and now - samples[1][0] >= WINDOW:
            samples.popleft()
        since, before = samples[0]
        if now > since:
            self.bitrate = (total - before) * 8 / max(now - since, LEAST)
