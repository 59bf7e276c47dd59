"""A bad line between a browser and the server: a seeded UDP relay with loss, delay, jitter, caps, outages and moves.

For everybody's line the server listens on one loopback address and advertises another, on which the relay listens:
`TELE_MEDIA__BIND=127.0.0.2 TELE_MEDIA__HOST=127.0.0.1`. For one person's line the relay has a port of its own, and
`through(port)` makes their browser use it. Nothing passes on TCP, as in a network without it.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

Address = tuple[str, int]
SERVER_SIDE = "127.0.0.2"
CLIENT_SIDE = "127.0.0.1"
HEADERS = 28
"""Bytes of IPv4 and UDP headers around each datagram: they use up a rate like the rest."""


@dataclass(frozen=True, slots=True)
class Line:
    """How bad the line is. Times in seconds, rate in bits a second (0: no limit), `queue` in seconds of that rate."""

    loss: float = 0.0
    delay: float = 0.0
    jitter: float = 0.0
    burst: float = 1.0
    """Mean length of a run of losses; 1 means that each packet is lost on its own (Gilbert-Elliott above that)."""
    rate: float = 0.0
    queue: float = 0.3
    """Packets that would wait longer than this for the rate are dropped, as at the tail of a router's buffer."""


WIFI = Line(loss=0.01, delay=0.005, jitter=0.005)
LOSSY = Line(loss=0.05, delay=0.02, jitter=0.01)
MOBILE = Line(loss=0.02, delay=0.05, jitter=0.02, burst=2)
SATELLITE = Line(loss=0.03, delay=0.6, jitter=0.02)
CONGESTED = Line(loss=0.10, delay=0.08, jitter=0.04, burst=3)
CLEAN = Line()


def capped(kilobits: float) -> Line:
    """A thin line with an ordinary router before it; kbit/s with headers."""
    return Line(delay=0.02, rate=kilobits * 1000)


class Direction:
    """One way of the line: decides for each packet when it arrives, or that it does not."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._losing = False
        self._free_at = 0.0

    def arrival(self, line: Line, size: int, now: float) -> float | None:
        """When a packet of `size` bytes sent now comes out; None when it is lost."""
        if line.burst > 1:
            leave = 1 / line.burst
            enter = leave * line.loss / max(1e-9, 1 - line.loss)
            self._losing = self._random.random() >= leave if self._losing else self._random.random() < enter
            if self._losing:
                return None
        elif self._random.random() < line.loss:
            return None
        at = now
        if line.rate:
            start = max(now, self._free_at)
            if start - now > line.queue:
                return None
            self._free_at = at = start + (size + HEADERS) * 8 / line.rate
        return at + line.delay + self._random.uniform(0, line.jitter)


class Relay:
    """The relay itself. `up` (to the server) and `down` may be changed at any time; `dead` swallows everything;
    `move` changes addresses."""

    def __init__(self, port: int, seed: int = 1, server: Address | None = None) -> None:
        self.up = self.down = CLEAN
        self.dead = False
        self.passed = self.lost = 0
        self._server = server or (SERVER_SIDE, port)
        self._upwards, self._downwards = Direction(seed), Direction(seed + 1)
        self._listener = _socket((CLIENT_SIDE, port))
        self._upstream: dict[Address, socket.socket] = {}
        self._due: list[tuple[float, int, socket.socket, bytes, Address]] = []
        self._order = itertools.count()
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._listener, self._from_client)

    def both(self, line: Line) -> None:
        """The same line both ways."""
        self.up = self.down = line

    def move(self) -> None:
        """Every client comes from a new address from now on, as after a change of network."""
        for client, old in list(self._upstream.items()):
            self._loop.remove_reader(old)
            old.close()
            del self._upstream[client]

    def close(self) -> None:
        """Stop at once."""
        if self._timer is not None:
            self._timer.cancel()
        for each in (self._listener, *self._upstream.values()):
            self._loop.remove_reader(each)
            each.close()

    def _from_client(self) -> None:
        for data, client in _read(self._listener):
            upstream = self._upstream.get(client)
            if upstream is None:
                upstream = self._upstream[client] = _socket((CLIENT_SIDE, 0))
                self._loop.add_reader(upstream, self._from_server, upstream, client)
            self._pass(self._upwards, self.up, upstream, data, self._server)

    def _from_server(self, upstream: socket.socket, client: Address) -> None:
        for data, _ in _read(upstream):
            self._pass(self._downwards, self.down, self._listener, data, client)

    def _pass(self, way: Direction, line: Line, out: socket.socket, data: bytes, to: Address) -> None:
        now = self._loop.time()
        at = None if self.dead else way.arrival(line, len(data), now)
        if at is None:
            self.lost += 1
        elif at <= now:
            self._send(out, data, to)
        else:
            heapq.heappush(self._due, (at, next(self._order), out, data, to))
            self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._due[0][0], self._deliver) if self._due else None

    def _deliver(self) -> None:
        now = self._loop.time()
        while self._due and self._due[0][0] <= now:
            _, _, out, data, to = heapq.heappop(self._due)
            self._send(out, data, to)
        self._arm()

    def _send(self, out: socket.socket, data: bytes, to: Address) -> None:
        try:
            out.sendto(data, to)
            self.passed += 1
        except OSError:
            self.lost += 1  # a full buffer, or a socket that a move closed: lost like any other packet


@asynccontextmanager
async def relay(port: int, seed: int = 1, server: Address | None = None) -> AsyncIterator[Relay]:
    """A relay on `port` for the length of an `async with`, before the server at SERVER_SIDE or at `server`."""
    running = Relay(port, seed, server)
    try:
        yield running
    finally:
        running.close()


def through(port: int) -> str:
    """A script for one page, run before its own: every candidate of the server is at `port` instead."""
    return f"""(() => {{
      const native = RTCPeerConnection.prototype.setRemoteDescription;
      RTCPeerConnection.prototype.setRemoteDescription = function (description) {{
        const sdp = description.sdp.replace(/^(a=candidate:\\S+ \\d+ \\S+ \\d+ \\S+) \\d+/gm, '$1 {port}');
        return native.call(this, {{ type: description.type, sdp }});
      }};
    }})();"""


def _socket(address: Address) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setblocking(False)
    for buffer in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        made.setsockopt(socket.SOL_SOCKET, buffer, 1 << 20)
    made.bind(address)
    return made


def _read(source: socket.socket) -> list[tuple[bytes, Address]]:
    found = []
    while len(found) < 256:
        try:
            found.append(source.recvfrom(65_536))
        except (BlockingIOError, ConnectionError, OSError):
            break
    return found
