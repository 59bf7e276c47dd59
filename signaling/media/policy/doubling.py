"""When pictures are sent twice: the line loses at random, is too long to wait for repairs, and has the room. Pure."""

from __future__ import annotations

from typing import Final

LOSSY: Final = 0.01
"""Share of lost packets from which on it is worth it."""
FAR: Final = 0.15
"""Seconds from sending to feedback beyond which a repair comes when the picture has already stood still."""
KEPT: Final = 10.0
"""Seconds for which a line counts as lossy after the last sign of it."""
TWICE: Final = 2.1
"""What it takes, as a part of sending once."""
STAYS: Final = 1.9
"""Below this the room is gone."""
PAUSE: Final = 20.0
"""Seconds until it is tried again after the room was gone: the copies may have taken it."""


class Doubling:
    """For one subscriber; bitrates in bit/s, times in seconds. Only where no packet waits: a queue says that the losses
    are of the line's own making."""

    def __init__(self) -> None:
        self.active = False
        self._lossy_until = float("-inf")
        self._not_before = float("-inf")

    def judge(self, loss: float, round_trip: float | None, estimate: float, sent: float, now: float) -> float:
        """Decide whether pictures are sent twice from now on.

        `sent` is what sending once takes, 0 while packets wait in the line. Returns the estimate that there
        would be use for, 0 when none beyond this.
        """
        if loss > LOSSY:
            self._lossy_until = now + KEPT
        if not sent or now > self._lossy_until or round_trip is None or round_trip < FAR:
            self.active = False
            return 0.0
        if self.active:
            if estimate < STAYS * sent:
                self.active = False
                self._not_before = now + PAUSE
        elif now >= self._not_before:
            self.active = estimate >= TWICE * sent
        return 0.0 if self.active or now < self._not_before else TWICE * sent
