"""A third party's ClientHello before, within and after a handshake, from elsewhere and from the peer's own address."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator

import pytest

from signaling.media.transport import dtls
from signaling.media.transport.turnstile import Turnstile
from tests.media_call import AUDIO, OPUS, Call, calling, publishing, rtp
from tests.media_client import MediaClient

CLIENT_HELLO = 1
"""HandshakeType (RFC 6347 §4.3.2), the byte behind the 13 of the record header."""


@pytest.fixture
def stranger() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        yield sock


async def foreign_hello() -> bytes:
    """The first flight of somebody else's DTLS client."""
    sent: list[bytes] = []
    foreign = dtls.DtlsAssociation(dtls.Certificate(), "client", sent.append, Turnstile(), lambda: None)
    assert await foreign.handshake((("sha-256", "AB"),), 0.2) is None
    await foreign.close()
    assert sent[0][13] == CLIENT_HELLO
    return sent[0]


class Forger:
    """Puts a datagram in front of each flight of a client's handshake from number `begin` on."""

    def __init__(self, client: MediaClient, begin: int, inject: Callable[[], None]) -> None:
        self._send = client.send
        self._begin = begin
        self._inject = inject
        self.flights = 0
        client.send = self  # type: ignore[method-assign]

    def __call__(self, data: bytes) -> None:
        if 20 <= data[0] <= 63:
            if self.flights >= self._begin:
                self._inject()
            self.flights += 1
        self._send(data)


async def talk(call: Call, speaker: MediaClient, first: int) -> None:
    """Five words, each of which a listener hears."""
    listener = await call.subscriber(f"listener-{first}")
    for number in range(first, first + 5):
        speaker.send_secured(rtp(AUDIO, OPUS, number, 960 * number, b"%d" % number))
    await call.until(lambda: [data[28:] for data in listener.rtp] == [b"%d" % n for n in range(first, first + 5)])


@pytest.mark.parametrize("own_address", [True, False])
@pytest.mark.parametrize("begin", [0, 1])
async def test_within_a_handshake(own_address: bool, begin: int, stranger: socket.socket) -> None:
    hello = await foreign_hello()
    async with calling() as call:
        client = call.client()
        await call.plane.join(call.room, "gp", ["H264"])
        answer = await call.plane.publish(call.room, "gp", "p1", *publishing(client))
        send = client.send
        injected = 0

        def inject() -> None:
            nonlocal injected
            if injected < 3:  # a client that was spoiled begins again: that is not spoiled for ever
                injected += 1
                send(hello) if own_address else stranger.sendto(hello, client.remote)

        forger = Forger(client, begin, inject)
        await client.connect(answer["sdp"])
        await call.state("gp", "publish", "p1", "connected")
        assert injected > 0
        if begin or not own_address:
            assert forger.flights == 2, "the client noticed nothing"
        assert call.states("gp", "publish", "p1") == ["connecting", "connected"]
        await talk(call, client, 1)
        assert await call.count("handshakes_failed") == 0


@pytest.mark.parametrize("own_address", [True, False])
async def test_after_the_handshake(own_address: bool, stranger: socket.socket) -> None:
    hello = await foreign_hello()
    async with calling() as call:
        client = await call.publisher()
        peer = call.plane._rooms[call.room].participants["gp"].publish
        assert peer is not None
        keys = peer.keys
        client.said_goodbye.clear()
        for _ in range(200):
            client.send(hello) if own_address else stranger.sendto(hello, client.remote)
            await asyncio.sleep(0)
        await talk(call, client, 1)
        assert peer.keys is keys
        assert not client.said_goodbye.is_set()
        reason = "dropped_over_limit_dtls" if own_address else "dropped_unknown_source"
        assert await call.count(reason) > 100, "the rest was not even read"
        assert call.states("gp", "publish", "p1") == ["connecting", "connected"]
        await call.plane.leave(call.room, "gp")
        await call.until(client.said_goodbye.is_set, "the good-bye, in the same association")
