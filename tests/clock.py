"""A clock that tests turn by hand, and the timer that waits by it: no test of paging waits for real time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class FakeClock:
    """Both the clock and the timer of services; time stands still until `advance`."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now
        self._sleepers: list[tuple[datetime, asyncio.Event]] = []

    def __call__(self) -> datetime:
        return self.now

    async def wait(self, event: asyncio.Event, until: datetime) -> None:
        """Timer.wait, by this clock."""
        if until <= self.now or event.is_set():
            return
        sleeper = (until, asyncio.Event())
        self._sleepers.append(sleeper)
        waits = [asyncio.ensure_future(event.wait()), asyncio.ensure_future(sleeper[1].wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()
            self._sleepers.remove(sleeper)

    async def advance(self, seconds: float, settle: Callable[[], Awaitable[None]]) -> None:
        """Let time pass as it does: stopping at every instant at which somebody wakes, until all is quiet again."""
        target = self.now + timedelta(seconds=seconds)
        await settle()
        while True:
            following = min((until for until, _ in self._sleepers if until > self.now), default=target)
            self.now = min(target, following)
            self._ring()
            await settle()
            if self.now >= target:
                return

    def leap(self, seconds: float) -> None:
        """Let time pass with nobody awake to see it."""
        self.now += timedelta(seconds=seconds)
        self._ring()

    def _ring(self) -> None:
        for until, turned in self._sleepers:
            if until <= self.now:
                turned.set()
