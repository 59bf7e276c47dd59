"""The web half of a bad line: a TCP relay whose outages last for a connection as long as TCP itself makes them last.

A relay cannot drop single packets of a TCP connection, so it waits instead: what was sent into an outage goes on when a
kernel would have sent it again (RFC 6298 §5.5: the timer doubles each time), which can be long after the line is back.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from signaling.media.counters import Counters
from signaling.media.tasks import Tasks

FIRST_TIMEOUT = 0.2
"""Seconds until Linux sends data again on a line as short as this one."""
CONNECT_TIMEOUT = 1.0
"""Seconds until a SYN is sent again (RFC 6298 §2.1)."""
LONGEST_TIMEOUT = 120.0
CHUNK = 65_536
PACKET = 1_400
"""Bytes that pass at once on a thin line: it delivers an answer bit by bit, not late and whole."""
HELD = 4_096
"""Bytes of an answer that are taken in before they are due: the queue is the server's, as on a real line."""


class TcpLine:
    """Everything that connects to `port` reaches the server. `dead` stops the bytes; `move` orphans what is open;
    `rate` is what all connections carry together towards the browser, bit/s, None as much as there is.
    """

    def __init__(self, server: tuple[str, int], port: int) -> None:
        self._address = server
        self._tasks = Tasks(Counters())
        self._alive = asyncio.Event()
        self._alive.set()
        self._server: asyncio.Server | None = None
        self._generation = 0
        self.port = port
        self.rate: float | None = None
        self._free = 0.0

    @property
    def dead(self) -> bool:
        """Whether nothing passes now."""
        return not self._alive.is_set()

    @dead.setter
    def dead(self, dead: bool) -> None:
        self._alive.clear() if dead else self._alive.set()

    def move(self) -> None:
        """Connections that are open now hear nothing any more, and are reset when they send, as behind another NAT."""
        self._generation += 1

    async def open(self) -> None:
        """Listen on its loopback port."""
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop at once."""
        if self._server is not None:
            self._server.close()
        await self._tasks.stop()

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.spawn(self._serve(reader, writer), "connection")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        generation = self._generation
        with contextlib.closing(writer):
            await self._passable(CONNECT_TIMEOUT)
            try:
                onward, back = await asyncio.open_connection(*self._address, limit=HELD)
            except OSError:
                return  # nobody listens: the browser's connection is refused by being closed
            with contextlib.closing(back), contextlib.suppress(ConnectionError):
                ways = [
                    asyncio.ensure_future(self._up(reader, back, generation, writer)),
                    asyncio.ensure_future(self._down(onward, writer, generation)),
                ]
                try:
                    await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for way in ways:
                        way.cancel()
                    await asyncio.gather(*ways, return_exceptions=True)

    async def _up(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, generation: int, origin: asyncio.StreamWriter
    ) -> None:
        while data := await source.read(CHUNK):
            await self._passable(FIRST_TIMEOUT)
            if generation != self._generation:
                origin.transport.abort()  # the server knows no connection from the new address (RFC 9293 §3.5.2)
                return
            sink.write(data)
            await sink.drain()
        await self._passable(FIRST_TIMEOUT)

    async def _down(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, generation: int) -> None:
        while data := await source.read(CHUNK if self.rate is None else PACKET):
            await self._passable(FIRST_TIMEOUT)
            await self._carried(len(data))
            if generation == self._generation:
                sink.write(data)
                await sink.drain()
        await self._passable(FIRST_TIMEOUT)
        if generation != self._generation:
            await asyncio.Event().wait()  # not even the end gets through

    async def _carried(self, size: int) -> None:
        """Returns when the line has carried so many bytes."""
        if self.rate is not None:
            now = asyncio.get_running_loop().time()
            self._free = max(self._free, now) + 8 * size / self.rate
            await asyncio.sleep(self._free - now)

    async def _passable(self, timeout: float) -> None:
        """Returns at once on a good line, else at the first retransmission that finds it good again."""
        loop = asyncio.get_running_loop()
        at = loop.time()
        while self.dead:
            at += timeout
            timeout = min(timeout * 2, LONGEST_TIMEOUT)
            await asyncio.sleep(at - loop.time())


@contextlib.asynccontextmanager
async def tcp_line(server_port: int, *, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[TcpLine]:
    """A line for the length of an `async with`, to this host and port; it listens on `port`, 0 is a free one."""
    line = TcpLine((host, server_port), port)
    await line.open()
    try:
        yield line
    finally:
        await line.close()
