"""Tries one way to a media worker: UDP, TCP, or through the TURN server. Each try says in how many seconds, or None."""

from __future__ import annotations

import asyncio
import contextlib
import re
import struct
import time
from dataclasses import dataclass
from typing import Final

from aioice import stun, turn

UDP_TRIES: Final = (0.0, 0.3, 0.8, 1.8)
"""Seconds after which the check is sent (again): one packet may be lost."""
LIMIT: Final = 4.0
TURN_URL: Final = re.compile(r"(turns?):(\[[^\]]+\]|[^:?]+)(?::(\d+))?(?:\?transport=(udp|tcp))?")
TURN_PORT, TURNS_PORT = 3478, 5349
"""Where a URL names none (RFC 7065 §3.1)."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A media worker's address, and what a check for it is signed with (`GET /api/line-check`)."""

    host: str
    port: int
    ufrag: str
    password: str

    def check(self) -> bytes:
        """A binding request as a browser sends it (RFC 8445 §7.2.2)."""
        message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
        message.attributes["USERNAME"] = f"{self.ufrag}:check"
        message.attributes["PRIORITY"] = 1
        message.attributes["ICE-CONTROLLING"] = 1
        message.add_message_integrity(self.password.encode())
        return bytes(message)

    def is_answer(self, data: bytes) -> bool:
        """Whether this is the worker's own word, and not that of something on the way."""
        try:
            message = stun.parse_message(data)
        except ValueError:
            return False
        is_success = message.message_class == stun.Class.RESPONSE
        return is_success and bool(message.check_message_integrity(self.password.encode()))


class _Ear(asyncio.DatagramProtocol):
    """Waits for the answer to a check, whatever else comes."""

    def __init__(self, goal: Goal) -> None:
        self._goal = goal
        self.answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, address: object) -> None:
        if not self.answered.done() and self._goal.is_answer(data):
            self.answered.set_result(None)


async def by_udp(goal: Goal) -> float | None:
    """Checks by UDP, as pictures and sound go best."""
    loop = asyncio.get_running_loop()
    try:
        transport, ear = await loop.create_datagram_endpoint(lambda: _Ear(goal), remote_addr=(goal.host, goal.port))
    except OSError:
        return None  # no way to this kind of address at all, as to IPv6 in many networks
    with contextlib.closing(transport):
        return await _sent(lambda: transport.sendto(goal.check()), ear)


async def by_tcp(goal: Goal) -> float | None:
    """Checks by TCP in the frames of RFC 4571, as browsers do where UDP is blocked."""
    began = time.monotonic()
    try:
        async with asyncio.timeout(LIMIT):
            reader, writer = await asyncio.open_connection(goal.host, goal.port)
            with contextlib.closing(writer):
                check = goal.check()
                writer.write(struct.pack("!H", len(check)) + check)
                (size,) = struct.unpack("!H", await reader.readexactly(2))
                return time.monotonic() - began if goal.is_answer(await reader.readexactly(size)) else None
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        return None


@dataclass(frozen=True, slots=True)
class Relayed:
    """How far one comes with a TURN server: up to it, and through it to the media worker."""

    reached: bool
    seconds: float | None = None


async def by_turn(url: str, username: str, credential: str, goal: Goal) -> Relayed:
    """Asks the TURN server for a relay and sends a check through it. `url` as in RFC 7065."""
    parts = TURN_URL.fullmatch(url)
    if parts is None:
        return Relayed(reached=False)
    scheme, host, port, transport_name = parts.groups()
    secure = scheme == "turns"
    server = host.strip("[]"), int(port or (TURNS_PORT if secure else TURN_PORT))
    try:
        async with asyncio.timeout(LIMIT):
            transport, ear = await turn.create_turn_endpoint(
                lambda: _Ear(goal), server, username, credential, ssl=secure,
                transport="tcp" if secure else transport_name or "udp",
            )  # fmt: skip
    except (OSError, TimeoutError, stun.TransactionError, ConnectionError):
        return Relayed(reached=False)
    with contextlib.closing(transport):
        to = goal.host, goal.port
        return Relayed(reached=True, seconds=await _sent(lambda: transport.sendto(goal.check(), to), ear))


async def _sent(send: object, ear: _Ear) -> float | None:
    assert callable(send)
    began = time.monotonic()
    for at, following in zip(UDP_TRIES, (*UDP_TRIES[1:], LIMIT), strict=True):
        send()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(ear.answered), following - at)
            return time.monotonic() - began
    return None
