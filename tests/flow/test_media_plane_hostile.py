"""What must not harm a running call: junk, forgeries, strangers, and requests that make no sense."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from signaling.media.errors import (
    BadArgumentError,
    BadSdpError,
    MediaError,
    NoSuchParticipantError,
    NoSuchRoomError,
    NoSuchSessionError,
    TooManyError,
)
from signaling.media.transport import dtls
from signaling.media.transport.turnstile import Turnstile
from tests.media_call import AUDIO, H264, KEYFRAME, OPUS, RED, VIDEO, Call, calling, publishing, rtp
from tests.media_client import MediaClient, stun_request


@pytest.fixture
async def call() -> AsyncIterator[Call]:
    async with calling() as running:
        yield running


@pytest.fixture
def stranger() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        yield sock


class Voice:
    """Someone who talks all the time, and someone who must hear every packet."""

    def __init__(self, speaker: MediaClient, listener: MediaClient) -> None:
        self.speaker, self.listener = speaker, listener
        self.said = 0

    def say(self) -> None:
        self.said += 1
        self.speaker.send_secured(rtp(AUDIO, OPUS, self.said, 960 * self.said, b"%d" % self.said))

    def all_heard(self) -> bool:
        return [data[28:] for data in self.listener.rtp] == [b"%d" % each for each in range(1, self.said + 1)]


async def talking(call: Call) -> Voice:
    return Voice(await call.publisher(), await call.subscriber())


async def test_junk_from_strangers_is_dropped_and_the_call_goes_on(call: Call, stranger: socket.socket) -> None:
    voice = await talking(call)
    server = ("127.0.0.1", call.plane.port)
    chance = random.Random(7)
    for index in range(10_000):
        stranger.sendto(chance.randbytes(chance.randrange(0, 200)), server)
        if index % 50 == 0:
            voice.say()
            await asyncio.sleep(0)
    stranger.sendto(b"", server)
    for first in range(256):
        stranger.sendto(bytes((first,)) + chance.randbytes(40), server)
    stranger.sendto(b"\x80" + bytes(3000), server)
    voice.say()
    await call.until(voice.all_heard, "every word")
    stats = await call.plane.stats()
    for reason in ("empty", "wrong_range", "unknown_source", "stun_unknown", "oversize"):
        assert stats[f"dropped_{reason}"] > 0, reason
    with pytest.raises(BlockingIOError):
        stranger.recv(2048)


async def test_junk_from_a_participants_own_address_harms_only_itself(call: Call) -> None:
    voice = await talking(call)
    chance = random.Random(11)
    for index in range(2_000):
        voice.listener.send(chance.randbytes(chance.randrange(0, 120)))
        voice.speaker.send(bytes((chance.choice((0x80, 0x90, 20, 22, 0)),)) + chance.randbytes(60))
        if index % 20 == 0:
            voice.say()
            await asyncio.sleep(0)
    voice.say()
    await call.until(voice.all_heard, "every word")
    assert call.states("gp", "publish", "p1")[-1] == "connected"


async def test_authentic_nonsense_is_counted_and_dropped(call: Call) -> None:
    voice = await talking(call)
    for packet in (
        b"\x80\x6f" + bytes(10),  # SSRC 0, known to nobody
        b"\xa0\x6f" + bytes(30),  # padding of length 0
        rtp(AUDIO, 77, 65_534, 0, b"a payload type of nobody"),
        rtp(AUDIO, RED, 65_535, 0, b"\xff\xff"),
        struct.pack("!BBHI", 0x81, 200, 1, AUDIO),
        struct.pack("!BBHI", 0x9F, 205, 1, 5),
        struct.pack("!BBHII", 0x81, 205, 2, 5, AUDIO),
        b"\xbf\xcf\x00\x01" + b"\xff" * 4,
    ):
        voice.speaker.send_secured(packet)
        if 192 <= packet[1] <= 223:
            voice.listener.send_secured(packet)
    voice.say()
    await call.until(voice.all_heard, "the word")


async def test_a_check_with_a_wrong_password_gets_no_answer(call: Call, stranger: socket.socket) -> None:
    voice = await talking(call)
    client = voice.speaker
    server = ("127.0.0.1", call.plane.port)
    stranger.sendto(stun_request(f"{client.remote_ufrag}:x", "wrong"), server)
    good = stun_request(f"{client.remote_ufrag}:x", client.remote_password)
    stranger.sendto(good[:-1] + bytes((good[-1] ^ 1,)), server)
    stranger.sendto(good[:30] + b"?" + good[31:], server)
    stranger.sendto(stun_request(f"nobody:{client.ufrag}", client.remote_password), server)
    voice.say()
    await call.until(voice.all_heard)
    await call.until(lambda: call.plane._counters.get("dropped_stun_unknown") >= 3)
    assert await call.count("dropped_stun_integrity") == 1
    with pytest.raises(BlockingIOError):
        stranger.recv(2048)


async def test_a_strangers_client_hello_disturbs_neither_call_nor_handshake(
    call: Call, stranger: socket.socket
) -> None:
    hellos: list[bytes] = []
    foreign = dtls.DtlsAssociation(dtls.Certificate(), "client", hellos.append, Turnstile(), lambda: None)
    attempt = asyncio.create_task(foreign.handshake((("sha-256", "AB"),), 0.5))
    await call.until(lambda: hellos)
    voice = await talking(call)
    newcomer = call.client()
    await call.plane.join(call.room, "new", ["H264"])
    answer = await call.plane.publish(call.room, "new", "n1", *publishing(newcomer))
    newcomer.read_transport(answer["sdp"])
    for _ in range(20):
        stranger.sendto(hellos[0], ("127.0.0.1", call.plane.port))
        voice.speaker.send(hellos[0])  # as if the stranger had forged the speaker's address
        voice.say()
    await newcomer.connect(answer["sdp"])
    await call.state("new", "publish", "n1", "connected")
    await call.until(voice.all_heard, "every word")
    assert await call.count("dropped_unknown_source") == 20
    await attempt
    await foreign.close()


async def test_a_peer_with_another_certificate_than_announced_is_refused(call: Call) -> None:
    client = call.client()
    await call.plane.join(call.room, "gp", ["H264"])
    offer, sources = publishing(client)
    value = client.certificate.fingerprint[1]
    forged = offer.replace(value, ":".join(["AB"] * 32))
    answer = await call.plane.publish(call.room, "gp", "p1", forged, sources)
    await client.connect(answer["sdp"])  # the client's own checks are fulfilled
    client.send_secured(rtp(AUDIO, OPUS, 1, 0, b"let me in"))
    await call.until(lambda: call.plane._counters.get("dropped_before_keys"))
    assert "connected" not in call.states("gp", "publish", "p1")


async def test_requests_that_make_no_sense_get_an_error_with_a_code(call: Call) -> None:
    plane, room = call.plane, call.room
    offer, sources = publishing(call.client())
    with pytest.raises(NoSuchRoomError):
        await plane.publish("nowhere", "gp", "p1", offer, sources)
    await plane.join(room, "gp", ["H264"])
    with pytest.raises(NoSuchParticipantError):
        await plane.publish(room, "stranger", "p1", offer, sources)
    with pytest.raises(NoSuchSessionError):
        await plane.answer(room, "gp", "s1", 1, offer)
    for sdp in (
        "",
        "v=0",
        "hello",
        offer[:200],
        offer.replace("a=mid:1", "a=mid:0"),
        "v=0\r\n" * 50_000,
        5,
        None,
        b"v=0",
    ):
        with pytest.raises(BadSdpError):
            await plane.publish(room, "gp", "p1", sdp, sources)  # type: ignore[arg-type]
    for unfitting in ({"0": "camera"}, {"9": "camera"}):
        with pytest.raises(BadSdpError):
            await plane.publish(room, "gp", "p1", offer, unfitting)
    wrongs: list[Any] = [{"0": "knee"}, {"0": "camera", "1": "camera"}, [], None, {1: "camera"}]
    for wrong in wrongs:
        with pytest.raises(BadArgumentError):
            await plane.publish(room, "gp", "p1", offer, wrong)
    for name in ("", "x" * 129, "a\nb", 5, None):
        with pytest.raises(BadArgumentError):
            await plane.join(name, "gp", [])  # type: ignore[arg-type]
        with pytest.raises(BadArgumentError):
            await plane.subscribe(room, "gp", name)  # type: ignore[arg-type]
    with pytest.raises(BadArgumentError):
        await plane.join(room, "gp", "H264")  # type: ignore[arg-type]
    assert issubclass(BadArgumentError, MediaError)
    assert BadSdpError.code == "bad-sdp"
    assert (await plane.snapshot())["rooms"][room]["participants"]["gp"]["publish"] is None


async def test_bounds_hold() -> None:
    async with calling(max_peers=2, max_rooms=1, max_participants=2) as call:
        await call.publisher("gp")
        await call.subscriber("spec")
        with pytest.raises(TooManyError):
            await call.plane.subscribe(call.room, "gp", "s9")
        with pytest.raises(TooManyError):
            await call.plane.join("another", "gp", [])
        with pytest.raises(TooManyError):
            await call.plane.join(call.room, "third", [])
    async with calling(max_handshakes=1) as call:
        await call.plane.join(call.room, "gp", [])
        await call.plane.subscribe(call.room, "gp", "s1")
        with pytest.raises(TooManyError):
            await call.plane.publish(call.room, "gp", "p1", *publishing(call.client()))


async def test_an_emit_that_fails_is_counted_and_nothing_else(call: Call) -> None:
    def fail(event: object) -> None:
        raise RuntimeError("the front is gone")

    call.plane._emit_to = fail
    assert await call.plane.join(call.room, "gp", ["H264"]) == {"codec": "H264"}
    assert await call.plane.subscribe(call.room, "gp", "s1") == {}
    assert await call.count("emit_errors") > 0


async def test_a_video_of_the_wrong_kind_never_reaches_a_subscriber(call: Call) -> None:
    voice = await talking(call)
    voice.speaker.send_secured(rtp(VIDEO, OPUS, 1, 0, b"audio in a video stream"))
    voice.speaker.send_secured(rtp(AUDIO, H264, 50, 0, KEYFRAME))
    voice.say()
    await call.until(voice.all_heard)
    assert await call.count("dropped_unknown_payload_type") == 2
