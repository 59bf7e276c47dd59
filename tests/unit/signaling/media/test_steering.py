"""What can wait comes to a second socket of the same port, and all else to the first."""

from __future__ import annotations

import asyncio
import errno
import socket
import time
from collections.abc import Iterator

import pytest

from signaling.media.config import MediaConfig
from signaling.media.counters import Counters
from signaling.media.transport import mux as mux_module
from signaling.media.transport.mux import Mux
from signaling.media.transport.steering import can_wait, second_socket

FEEDBACK = [bytes((0x8F, 205, 0, 4)) + bytes(16), bytes((0xAF, 205)) + bytes(30)]
OTHER = [
    bytes((0x80, 96)) + bytes(50),
    bytes((0x8F, 206)) + bytes(20),
    bytes((0x81, 205)) + bytes(20),
    bytes((0x80, 200)) + bytes(24),
    bytes((0x00, 0x01)) + bytes(18),
    b"\x8f",
    b"",
]


@pytest.fixture(params=["127.0.0.1", "::1"])
def sock(request: pytest.FixtureRequest) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        try:
            sock.bind((request.param, 0))
        except OSError:
            pytest.skip("no IPv6 here")
        yield sock


def _received(sock: socket.socket) -> list[bytes]:
    sock.setblocking(False)
    found = []
    while True:
        try:
            found.append(sock.recv(2_048))
        except BlockingIOError:
            return found


def test_the_kernel_sorts(sock: socket.socket) -> None:
    patient = second_socket(sock)
    assert patient is not None
    with patient, socket.socket(sock.family, socket.SOCK_DGRAM) as sender:
        for data in [*FEEDBACK, *OTHER, *FEEDBACK]:
            sender.sendto(data, sock.getsockname())
        assert _received(patient) == FEEDBACK * 2
        assert _received(sock) == OTHER


def test_the_port_stays_taken(sock: socket.socket) -> None:
    patient = second_socket(sock)
    assert patient is not None
    with patient, socket.socket(sock.family, socket.SOCK_DGRAM) as other:
        with pytest.raises(OSError) as refused:
            other.bind(sock.getsockname())
        assert refused.value.errno == errno.EADDRINUSE


def test_both_say_what_can_wait() -> None:
    assert all(can_wait(data[0], data[1]) for data in FEEDBACK)
    assert not any(can_wait(data[0], data[1]) for data in OTHER if len(data) > 1)


async def test_where_the_kernel_sorts_wrongly_nothing_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    wrong.bind(("127.0.0.1", 0))
    wrong.setblocking(False)
    monkeypatch.setattr(mux_module, "second_socket", lambda sock: wrong)
    counters = Counters()
    mux = Mux(MediaConfig(port=0, bind="127.0.0.1"), counters, time.monotonic)
    await mux.open()
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(OTHER[0], wrong.getsockname())
            mux.tick(time.monotonic())
            assert counters.get("datagrams_missorted") == 1
            assert counters.get("datagrams_in") == 1
            sender.sendto(OTHER[0], wrong.getsockname())
            async with asyncio.timeout(5):
                while counters.get("datagrams_in") < 2:
                    await asyncio.sleep(0)
    finally:
        await mux.close()
