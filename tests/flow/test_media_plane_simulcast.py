"""A camera in two layers of one m-section: told apart by RID, each a publication, one slot for those who receive."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator

import pytest

from signaling.media.packets import rtcp, rtp_header
from tests.media_call import DELTA, H264, KEYFRAME, RTX, VIDEO, Call, calling
from tests.media_client import MediaClient

LARGE, SMALL = 0x0E000000, 0x0F000000
RIDS = (
    "a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n"
    "a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id\r\n"
    "a=rid:lo send\r\na=rid:mid send\r\na=rid:hi send\r\na=simulcast:send lo;mid;hi\r\n"
)


@pytest.fixture
async def call() -> AsyncIterator[Call]:
    async with calling() as running:
        yield running


def packet(ssrc: int, kind: int, number: int, payload: bytes, rid: str = "", repaired: str = "") -> bytes:
    """An RTP packet that names its layer."""
    elements = bytes((4 << 4, ord("0")))
    for identifier, name in ((10, rid), (11, repaired)):
        if name:
            elements += bytes((identifier << 4 | len(name) - 1,)) + name.encode()
    elements += bytes(-len(elements) % 4)
    head = struct.pack("!BBHII", 0x90, kind, number, 9_000, ssrc) + struct.pack("!HH", 0xBEDE, len(elements) // 4)
    return head + elements + payload


async def publish(call: Call) -> MediaClient:
    """A participant whose camera comes by simulcast; its SSRC lines say nothing, as Firefox' do."""
    client = call.client()
    await call.plane.join(call.room, "gp", ["H264"])
    answer = await call.plane.publish(
        call.room, "gp", "p1", client.offer(("video", "H264", VIDEO)) + RIDS, {"0": "camera"}
    )
    assert "a=simulcast:recv lo;hi\r\n" in answer["sdp"]
    await client.connect(answer["sdp"])
    await call.state("gp", "publish", "p1", "connected")
    return client


async def test_layers_are_publications_of_their_own_with_their_own_repairs(call: Call) -> None:
    publisher = await publish(call)
    assert [event["source"] for event in call.of("publication")] == ["camera", "camera-low"]
    subscriber = await call.subscriber()
    assert [track["source"] for track in call.of("offer")[-1]["tracks"]] == ["camera"]
    publisher.send_secured(packet(LARGE, H264, 10, KEYFRAME + b"large", rid="hi"))
    publisher.send_secured(packet(SMALL, H264, 70, KEYFRAME + b"small", rid="lo"))
    publisher.send_secured(packet(VIDEO, H264, 90, KEYFRAME + b"middle", rid="mid"))
    publisher.send_secured(packet(LARGE, H264, 12, DELTA + b"large"))
    publisher.send_secured(packet(SMALL, H264, 72, DELTA + b"small"))

    def asked() -> set[tuple[int | None, tuple[int, ...]]]:
        parts = [part for data in publisher.rtcp for part in rtcp.walk(data)]
        nacks = [part for part in parts if (part.kind, part.format) == (rtcp.TRANSPORT_FEEDBACK, rtcp.NACK)]
        return {(rtcp.feedback_about(part), tuple(rtcp.read_nack(part))) for part in nacks}

    await call.until(lambda: {(LARGE, (11,)), (SMALL, (71,))} <= asked())
    publisher.send_secured(packet(LARGE + 1, RTX, 1, struct.pack("!H", 11) + DELTA + b"again large", repaired="hi"))
    publisher.send_secured(packet(SMALL + 1, RTX, 1, struct.pack("!H", 71) + DELTA + b"again small", repaired="lo"))
    await call.until(lambda: call.plane._counters.get("retransmissions_in") == 2)
    await call.until(lambda: len(subscriber.rtp) >= 3)
    layers = {data[-5:] for data in subscriber.rtp}
    assert len(layers) == 1, "one layer at a time"
    assert layers <= {b"large", b"small"}
    assert len({rtp_header.parse(data).sequence for data in subscriber.rtp}) == len(subscriber.rtp)
    assert await call.count("dropped_unknown_ssrc") == 1, "the layer that was not taken"
    stats = await call.plane.stats()
    assert stats["publications"] == 2
