"""Lets costly steps through one at a time, with a look at the sockets between two of them."""

from __future__ import annotations

import asyncio
from collections import deque


class Turnstile:
    """One caller passes per turn of the event loop, in order of arrival.

    A DTLS step is a millisecond or two of elliptic curves. When two hundred people come back at once, their steps must
    not run in a row: between two of them the loop reads and forwards what has arrived.
    """

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._open = True

    async def turn(self) -> None:
        """Wait for one's turn."""
        loop = asyncio.get_running_loop()
        if self._open and not self._waiting:
            self._open = False
            loop.call_soon(self._next)
            return
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.append(turn)
        await turn

    def _next(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                # The one who was let through runs in the next turn; the one after it may follow in the turn after that.
                loop = turn.get_loop()
                loop.call_soon(loop.call_soon, self._next)
                return
        self._open = True
