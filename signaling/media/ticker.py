"""When a round of feedback is due: along with packets while they flow, by the clock when nothing comes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

LATE: Final = 0.01
"""Seconds that a round may wait for packets to come: being woken for them anyway, the process is not woken twice."""


class Ticker:
    """Calls `work(now)` every so many seconds, some milliseconds late at most. `clock` is the caller's own."""

    def __init__(self, every: float, work: Callable[[float], None], clock: Callable[[], float]) -> None:
        self.every = every
        """Seconds; a change counts from the next round on."""
        self._work = work
        self._clock = clock
        self._due = float("inf")
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin, with the first round after one interval."""
        self._due = self._clock() + self.every
        self._arm(self._clock())

    def stop(self) -> None:
        """No round follows."""
        self._due = float("inf")
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def passed(self, now: float) -> None:
        """Packets were read: work if it is time."""
        if now >= self._due:
            self._round(now)

    def _arm(self, now: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(max(0.0, self._due + LATE - now), self._awake)

    def _awake(self) -> None:
        now = self._clock()
        if now >= self._due:
            self._round(now)
        else:
            self._arm(now)

    def _round(self, now: float) -> None:
        following = self._due + self.every
        self._due = following if following > now else now + self.every
        self._arm(now)
        self._work(now)
