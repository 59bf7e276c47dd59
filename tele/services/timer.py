"""Waiting until something happens or a time comes: the only place where services touch real time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Protocol


class Timer(Protocol):
    """How a loop waits; tests give one that they turn by hand."""

    async def wait(self, event: asyncio.Event, until: datetime) -> None:
        """Return when `event` is set or `until` has come, whichever is first."""


class WallTimer:
    """Real time. A wait is at most an hour, so that a clock that was set back does not stop a loop for long."""

    LONGEST = 3600.0

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock

    async def wait(self, event: asyncio.Event, until: datetime) -> None:
        seconds = min((until - self._clock()).total_seconds(), self.LONGEST)
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await event.wait()
        except TimeoutError:
            return
