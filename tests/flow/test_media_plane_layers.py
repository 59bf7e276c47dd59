"""Two layers of a camera in one slot: what is sent follows the line, and what arrives is one stream."""

from __future__ import annotations

import itertools
import struct
from collections.abc import AsyncIterator
from typing import Any

import pytest

from signaling.media.packets import rtcp, rtp_header
from tests.media_call import AUDIO, DELTA, H264, KEYFRAME, RTX, VIDEO, Call, calling, rtp
from tests.media_camera import LOW, Camera, ThinLine
from tests.media_client import MediaClient

SOURCES = {"0": "microphone", "1": "camera", "2": "camera-low"}


@pytest.fixture
async def call() -> AsyncIterator[Call]:
    async with calling() as running:
        yield running


def remb(bitrate: int) -> bytes:
    """A receiver's own estimate (draft-alvestrand-rmcat-remb-03 §2.2)."""
    exponent = max(0, bitrate.bit_length() - 18)
    word = 1 << 24 | exponent << 18 | bitrate >> exponent
    return struct.pack("!BBHII4sII", 0x80 | rtcp.APPLICATION, rtcp.PAYLOAD_FEEDBACK, 5, 1, 0, b"REMB", word, 0)


async def publish_layers(call: Call, name: str = "gp") -> tuple[MediaClient, str]:
    """A participant whose camera comes in two layers; also the offer."""
    client = call.client()
    await call.plane.join(call.room, name, ["H264"])
    offer = client.offer(("audio", "opus", AUDIO), ("video", "H264", VIDEO), ("video", "H264", LOW))
    answer = await call.plane.publish(call.room, name, "p1", offer, SOURCES)
    await client.connect(answer["sdp"])
    await call.state(name, "publish", "p1", "connected")
    return client, offer


def pictures(client: MediaClient) -> list[tuple[rtp_header.RtpHeader, bytes]]:
    """The H264 packets that came, in order."""
    packets = [(rtp_header.parse(data), data) for data in client.rtp]
    return [(header, data) for header, data in packets if header.payload_type == 96]


def layer(client: MediaClient) -> str:
    """The layer of the last packet that came."""
    seen = pictures(client)
    return "" if not seen else "high" if seen[-1][1].endswith(b"high") else "low"


def sound(client: MediaClient) -> int:
    """Audio packets so far."""
    return sum(rtp_header.parse(data).payload_type == 111 for data in client.rtp)


def lines(call: Call, name: str) -> list[str]:
    """How a subscriber's line was told to be."""
    return [event["state"] for event in call.of("line") if event["participant"] == name]


async def widen(call: Call, client: MediaClient, bitrate: int, wanted: str) -> None:
    """Say that the line carries so much, until this layer comes."""

    def said() -> bool:
        client.send_secured(remb(bitrate))
        return layer(client) == wanted

    await call.until(said, f"the {wanted} layer")


def numbered(headers: list[rtp_header.RtpHeader]) -> None:
    """Assert that the numbers have no hole and no double."""
    first = headers[0].sequence
    assert [header.sequence for header in headers] == [first + index & 0xFFFF for index in range(len(headers))]


def one_stream(client: MediaClient) -> None:
    """Assert that what came is one stream: no number twice, no hole, time that only goes on."""
    headers = [header for header, _ in pictures(client)]
    assert len({header.ssrc for header in headers}) == 1
    assert headers[0].sequence < 2**15
    numbered(headers)
    steps = [
        (after.timestamp - before.timestamp + 2**31 & 0xFFFFFFFF) - 2**31
        for before, after in itertools.pairwise(headers)
    ]
    assert min(steps) >= 0
    assert max(steps) < 90_000 * 2, "and at its pace"


async def test_a_camera_of_two_layers_is_one_track_and_follows_the_line(call: Call) -> None:
    publisher, _ = await publish_layers(call)
    subscriber = await call.subscriber()
    assert [(each["source"], each["kind"]) for each in call.of("offer")[-1]["tracks"]] == [
        ("microphone", "audio"),
        ("camera", "video"),
    ]
    camera = Camera(publisher)
    call.tasks.spawn(camera.run(), "camera")
    await widen(call, subscriber, 3_000_000, "high")
    asked = camera.low.asked if camera.low else 0
    await widen(call, subscriber, 250_000, "low")
    assert camera.low is not None
    assert camera.low.asked > asked, "the other layer begins with a keyframe"
    await widen(call, subscriber, 3_000_000, "high")
    one_stream(subscriber)
    changes = [data for (_, before), (_, data) in itertools.pairwise(pictures(subscriber)) if before[-3:] != data[-3:]]
    assert all(data[28:].startswith(KEYFRAME) for data in changes)
    assert len(changes) >= 2
    assert sound(subscriber) > 10
    assert await call.count("dropped_not_authentic") == 0


async def test_transport_feedback_finds_the_layer_that_the_line_carries(call: Call) -> None:
    publisher, _ = await publish_layers(call)
    subscriber = await call.subscriber()
    line = ThinLine(subscriber, 3_000_000)
    call.tasks.spawn(line.run(), "feedback")
    call.tasks.spawn(Camera(publisher).run(), "camera")
    await call.until(lambda: layer(subscriber) == "high", "the large layer", 20)
    line.rate = 350_000
    await call.until(lambda: layer(subscriber) == "low", "the small layer", 20)
    heard = sound(subscriber)
    line.rate = 3_000_000
    await call.until(lambda: layer(subscriber) == "high", "the large layer again", 20)
    assert sound(subscriber) > heard
    one_stream(subscriber)
    assert await call.count("probes_out") > 0, "that there was more was found out by padding"
    assert await call.count("transport_feedback_strange") == 0


async def test_the_times_of_both_layers_are_those_of_one_camera(call: Call) -> None:
    publisher, _ = await publish_layers(call)
    subscriber = await call.subscriber()
    call.tasks.spawn(Camera(publisher).run(), "camera")
    await widen(call, subscriber, 3_000_000, "high")
    await widen(call, subscriber, 250_000, "low")
    await call.until(lambda: len({data[-3:] for _, data in pictures(subscriber)}) == 2)
    reports: list[Any] = []

    def told() -> bool:
        walked = [part for data in subscriber.rtcp for part in rtcp.walk(data) if part.kind == rtcp.SENDER_REPORT]
        ssrc = pictures(subscriber)[0][0].ssrc
        reports[:] = [each for each in map(rtcp.read_sender_report, walked) if each is not None and each.ssrc == ssrc]
        return len(reports) >= 4

    await call.until(told)
    # Whatever layer a report was rewritten for, it puts the same instant at the same timestamp, to a few ticks.
    lines = {(each.rtp - int((each.ntp - reports[0].ntp) * 90_000 / 2**32)) & 0xFFFFFFFF for each in reports}
    assert max(lines) - min(lines) < 90, "a millisecond"


async def test_sound_goes_on_while_pictures_wait_for_a_wider_line(call: Call) -> None:
    publisher, _ = await publish_layers(call)
    subscriber = await call.subscriber()
    camera = Camera(publisher)
    call.tasks.spawn(camera.run(), "camera")
    await widen(call, subscriber, 3_000_000, "high")
    subscriber.send_secured(remb(60_000))
    await call.until(lambda: lines(call, "spec")[-1:] == ["sound"])
    paused, heard = len(pictures(subscriber)), sound(subscriber)
    await call.until(lambda: sound(subscriber) > heard + 15)
    assert len(pictures(subscriber)) <= paused + 3, "what was on its way when it was told"
    subscriber.send_secured(remb(3_000_000))
    await call.until(lambda: len(pictures(subscriber)) > paused + 10)
    headers = [header for header, _ in pictures(subscriber)]
    numbered(headers)
    after = range(max(1, paused - 1), paused + 5)  # some were on their way
    waited = {index: headers[index].timestamp - headers[index - 1].timestamp & 0xFFFFFFFF for index in after}
    first = max(waited, key=waited.__getitem__)
    assert waited[first] > 20_000, "time went on while nothing was sent"
    assert pictures(subscriber)[first][1][28:].startswith(KEYFRAME)
    await call.until(lambda: lines(call, "spec")[-1:] == ["good"])


async def test_what_was_lost_before_a_change_is_sent_again_from_the_layer_it_came_from(call: Call) -> None:
    publisher, _ = await publish_layers(call)
    subscriber = await call.subscriber()
    camera = Camera(publisher)
    call.tasks.spawn(camera.run(), "camera")
    await widen(call, subscriber, 3_000_000, "high")
    await widen(call, subscriber, 250_000, "low")
    seen = pictures(subscriber)
    change = next(index for index in range(len(seen) - 1, 0, -1) if seen[index - 1][1].endswith(b"high"))
    lost = seen[change - 4], seen[change + 0]
    received = len(subscriber.rtp)
    ssrc = lost[0][0].ssrc
    subscriber.send_secured(rtcp.nack(1, ssrc, [header.sequence for header, _ in lost]))

    def repairs() -> list[bytes]:
        later = subscriber.rtp[received:]
        return [data for data in later if rtp_header.parse(data).payload_type == 97 and len(data) > 320]

    await call.until(lambda: len(repairs()) == 2)
    for (header, data), repair in zip(lost, repairs(), strict=True):
        again = rtp_header.parse(repair)
        assert struct.unpack_from("!H", repair, again.payload_start)[0] == header.sequence
        assert again.timestamp == header.timestamp
        assert repair[again.payload_start + 2 :] == data[28:]


async def test_a_packet_that_comes_late_to_the_new_layer_takes_no_number_of_the_old_one(call: Call) -> None:
    publisher, _ = await publish_layers(call)
    subscriber = await call.subscriber()
    await call.subscriber("third", "s3")
    third = call.clients[-1]
    for index in range(4):
        publisher.send_secured(rtp(VIDEO, H264, 10 + index, 0, (DELTA if index else KEYFRAME) + b"high"))
        publisher.send_secured(rtp(LOW, H264, 10 + index, 0, (DELTA if index else KEYFRAME) + b"low"))
    await call.until(lambda: len(pictures(subscriber)) == 4 and len(pictures(third)) == 4)
    shown = layer(subscriber)
    other, name = (VIDEO, b"high") if shown == "low" else (LOW, b"low")
    room = call.plane._rooms[call.room]
    peer = room.participants["spec"].subscribe
    assert peer is not None
    fitting = next(each for each in peer.fittings.values() if each.feed.source == "camera")
    wanted = "camera" if other == VIDEO else "camera-low"
    target = next(each for each in room.publications.values() if each.track.source == wanted)
    peer.line.due = float("inf")  # the choice is the test's
    fitting.subscription.carry(target, call.clock())
    # Number 16 is missing when the change comes; it is sent again afterwards.
    publisher.send_secured(rtp(other, H264, 17, 9_000, KEYFRAME + name))
    publisher.send_secured(rtp(other + 1, RTX, 1, 9_000, struct.pack("!H", 16) + DELTA + b"late" + name))
    publisher.send_secured(rtp(other, H264, 18, 9_000, DELTA + name))
    await call.until(lambda: len([1 for _, data in pictures(subscriber) if data.endswith(name)]) >= 2)
    numbers = [header.sequence for header, _ in pictures(subscriber)]
    assert len(set(numbers)) == len(numbers)
    assert not any(b"late" in data for _, data in pictures(subscriber))
    assert await call.count("dropped_send_refused") == 0, "libsrtp refuses a number that was used; it was not tried"


async def test_a_layer_that_ends_leaves_the_picture_to_the_other_without_a_new_offer(call: Call) -> None:
    publisher, offer = await publish_layers(call)
    subscriber = await call.subscriber()
    camera = Camera(publisher)
    call.tasks.spawn(camera.run(), "camera")
    await widen(call, subscriber, 3_000_000, "high")
    offers = len(call.of("offer"))
    camera.high.on = False
    gone = offer.replace("a=mid:1\r\na=sendonly", "a=mid:1\r\na=inactive")
    await call.plane.publish(call.room, "gp", "p1", gone, {"0": "microphone", "2": "camera-low"})
    await call.until(lambda: layer(subscriber) == "low")
    one_stream(subscriber)
    assert len(call.of("offer")) == offers
    await call.plane.publish(call.room, "gp", "p1", offer, SOURCES)
    camera.high.on = camera.high.keyframe = True
    await widen(call, subscriber, 3_000_000, "high")
    one_stream(subscriber)
    await call.until(lambda: len(call.of("offer")) == offers)


async def test_a_layer_that_falls_silent_is_not_waited_for(call: Call) -> None:
    publisher, _ = await publish_layers(call)
    subscriber = await call.subscriber()
    camera = Camera(publisher)
    call.tasks.spawn(camera.run(), "camera")
    await widen(call, subscriber, 3_000_000, "high")
    camera.high.on = False
    await widen(call, subscriber, 3_000_000, "low")
    numbered([header for header, _ in pictures(subscriber)])
