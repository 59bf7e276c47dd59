"""A web connection that carries so many bits a second: a TCP relay before a server, for viewers on thin lines."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

PACKET = 1_400
"""Bytes that pass at once: a thin line delivers an answer bit by bit, not late and whole."""
HELD = 4_096
"""Bytes that the relay takes in before they are due, so that the queue is the server's as on a real line."""


class ThinWeb:
    """The relay. All connections share `rate`, bit/s from the server to the browser; None: as fast as it goes."""

    def __init__(self, port: int) -> None:
        self.rate: float | None = None
        self.url = ""
        self._port = port
        self._free = 0.0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of a browser."""
        down, up = await asyncio.open_connection("127.0.0.1", self._port, limit=HELD)
        await asyncio.gather(self._pass(reader, up, thin=False), self._pass(down, writer, thin=True))

    async def _pass(self, source: asyncio.StreamReader, to: asyncio.StreamWriter, *, thin: bool) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await source.read(PACKET):
                if thin and self.rate is not None:
                    now = time.monotonic()
                    self._free = max(self._free, now) + 8 * len(data) / self.rate
                    await asyncio.sleep(self._free - now)
                to.write(data)
                await to.drain()
        to.close()


@contextlib.asynccontextmanager
async def thin_web(url: str) -> AsyncIterator[ThinWeb]:
    """The server at `url` (its port on 127.0.0.1), also reached at the relay's own `url`."""
    line = ThinWeb(int(url.rpartition(":")[2]))
    async with await asyncio.start_server(line.serve, "127.0.0.1", 0, limit=HELD) as server:
        line.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield line
