"""A speaker's line that loses: all pictures are held alike until repairs have come, and sound goes ahead of them."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator

import pytest

from signaling.media.packets import rtcp, rtp_header
from signaling.media.peers.gate import MOST
from signaling.media.policy.repair import WAITS
from signaling.media.sdp.lines import URI_PLAYOUT_DELAY
from tests.media_call import AUDIO, DELTA, H264, KEYFRAME, OPUS, RTX, VIDEO, Call, calling, rtp
from tests.media_client import MediaClient

LATE = 0.5
"""Seconds that each repair takes."""
SCREEN = 0x0C000000
NTP = 0xE0000000_00000000


@pytest.fixture
async def call() -> AsyncIterator[Call]:
    async with calling() as running:
        yield running


def reports(client: MediaClient) -> dict[int, rtcp.SenderReport]:
    """The last sender report of each stream."""
    walked = [part for data in client.rtcp for part in rtcp.walk(data) if part.kind == rtcp.SENDER_REPORT]
    return {each.ssrc: each for each in map(rtcp.read_sender_report, walked) if each is not None}


def ssrcs(client: MediaClient, payload_type: int) -> list[int]:
    """The streams of this payload type that a client received, in the order in which they began."""
    headers = [rtp_header.parse(data) for data in client.rtp]
    return list(dict.fromkeys(each.ssrc for each in headers if each.payload_type == payload_type))


def held(client: MediaClient, ssrc: int) -> float:
    """Seconds for which the last picture of a stream is to be held."""
    packets = [(rtp_header.parse(data), data) for data in client.rtp]
    header, data = next((header, data) for header, data in reversed(packets) if header.ssrc == ssrc)
    found = rtp_header.extensions(data, header).get(rtp_header.EXTENSION_PLAYOUT_DELAY, bytes(3))
    return (int.from_bytes(found, "big") >> 12) / 100


class Speaker:
    """Sends pictures of a packet each, and some of them only when they are asked for."""

    def __init__(self, call: Call, client: MediaClient) -> None:
        self.call, self.client, self.number, self.repairs = call, client, 10, 0

    def picture(self, ssrc: int = VIDEO, payload: bytes = DELTA) -> None:
        self.number += 1
        self.client.send_secured(rtp(ssrc, H264, self.number, 3_000 * self.number, payload, marker=True))

    async def lose(self) -> None:
        """One picture is lost, and comes again late."""
        self.number += 1
        lost, already = self.number, await self.call.count("retransmissions_in")
        self.picture()
        await self.call.until(lambda: self.asked_for(lost), "a request")
        self.call.clock.ahead += LATE
        self.repairs += 1
        self.client.send_secured(rtp(VIDEO + 1, RTX, self.repairs, 3_000 * lost, struct.pack("!H", lost) + DELTA))
        await self.call.until(lambda: self.call.plane._counters.get("retransmissions_in") > already)

    def asked_for(self, number: int) -> bool:
        walked = [part for data in self.client.rtcp for part in rtcp.walk(data) if part.kind == rtcp.TRANSPORT_FEEDBACK]
        return any(number in rtcp.read_nack(part) for part in walked if part.format == rtcp.NACK)

    async def until_held(self, listener: MediaClient, ssrc: int) -> float:
        """Seconds for which pictures are held once it is for all that repairs need."""
        steady = 0
        for _ in range(40):
            said, before = held(listener, ssrc), len(listener.rtp)
            self.call.clock.ahead += 0.5
            self.picture()
            await self.call.until(lambda before=before: len(listener.rtp) > before, "a picture")
            steady = steady + 1 if held(listener, ssrc) == said >= LATE else 0
            if steady == 2:
                return said
        raise AssertionError("pictures are not held for as long as repairs take")

    async def keyframe_waits_for_what_is_older(self, listener: MediaClient, ssrc: int) -> None:
        """A browser that has a keyframe throws away what is sent again of the pictures before it."""

        def shown() -> list[bytes]:
            return [data[28:] for data in listener.rtp if rtp_header.parse(data).ssrc == ssrc]

        self.number += 1
        lost = self.number
        self.picture(payload=KEYFRAME + b" after a hole")
        self.picture(payload=DELTA + b" after it")
        await self.call.until(lambda: shown()[-1].endswith(b"after it"), "what needs no waiting")
        assert not shown()[-2].startswith(KEYFRAME)
        self.repairs += 1
        self.client.send_secured(rtp(VIDEO + 1, RTX, self.repairs, 0, struct.pack("!H", lost) + DELTA + b" again"))
        await self.call.until(lambda: shown()[-1].endswith(b"after a hole"), "the keyframe")
        assert shown()[-2].endswith(b"again")
        self.number += 1
        self.picture(payload=KEYFRAME + b" in vain")
        self.call.clock.ahead += held(listener, ssrc)
        await self.call.until(lambda: shown()[-1].endswith(b"in vain"), "a keyframe that has waited long enough")

        doubles = await self.call.count("dropped_double_or_late")
        self.repairs += 1
        again = struct.pack("!H", self.number) + KEYFRAME + b" in vain"
        self.client.send_secured(rtp(VIDEO + 1, RTX, self.repairs, 3_000 * self.number, again))
        self.picture(payload=DELTA + b" after the double")
        await self.call.until(lambda: shown()[-1].endswith(b"after the double"), "what comes next")
        assert await self.call.count("dropped_double_or_late") == doubles + 1, "the double waits"

        for each in range(MOST + 1):
            self.picture(payload=KEYFRAME + b" behind the hole %d" % each)
        await self.call.until(lambda: shown()[-1].endswith(b"hole %d" % MOST), "one that finds no place to wait")
        assert shown()[-2].endswith(b"after the double"), "the others wait"

    async def tell_the_time(self, listener: MediaClient, *streams: tuple[int, int]) -> None:
        """A report of each of these (its own SSRC, the listener's) that puts the same instant at timestamp 0."""
        listener.rtcp.clear()
        for ssrc, _ in streams:
            self.client.send_secured(rtcp.sender_report(rtcp.SenderReport(ssrc, NTP, 0, 1, 1), "client"))
        await self.call.until(lambda: {theirs for _, theirs in streams} <= set(reports(listener)), "reports")


async def test_sound_goes_ahead_of_pictures_that_are_held_and_a_screen_is_held_as_the_camera_is(call: Call) -> None:
    client = await call.publisher()
    listener = await call.subscriber()
    speaker = Speaker(call, client)
    client.send_secured(rtp(AUDIO, OPUS, 1, 960, b"sound"))
    speaker.picture(payload=KEYFRAME)
    await call.until(lambda: ssrcs(listener, 96) and ssrcs(listener, OPUS))
    (picture,), (sound,) = ssrcs(listener, 96), ssrcs(listener, OPUS)
    await speaker.tell_the_time(listener, (AUDIO, sound), (VIDEO, picture))
    assert reports(listener)[picture].ntp == reports(listener)[sound].ntp == NTP, "lips match on a good line"

    for _ in range(3):
        await speaker.lose()
    wait = await speaker.until_held(listener, picture)
    await speaker.tell_the_time(listener, (AUDIO, sound), (VIDEO, picture))
    assert reports(listener)[sound].ntp == NTP
    assert (reports(listener)[picture].ntp - NTP) / 2**32 == pytest.approx(wait - WAITS, abs=0.01)

    await speaker.keyframe_waits_for_what_is_older(listener, picture)

    sources = {"0": "microphone", "1": "camera", "2": "screen"}
    offer = client.offer(("audio", "opus", AUDIO), ("video", "H264", VIDEO), ("video", "H264", SCREEN))
    await call.plane.publish(call.room, "gp", "p1", offer, sources)
    await call.until(lambda: any(track["source"] == "screen" for track in call.of("offer")[-1]["tracks"]))
    speaker.picture(SCREEN, KEYFRAME)
    await call.until(lambda: len(ssrcs(listener, 96)) == 2, "the screen")
    assert held(listener, ssrcs(listener, 96)[1]) == wait


async def test_a_browser_that_does_not_hold_pictures_hears_the_clock_as_it_is(call: Call) -> None:
    client = await call.publisher()
    listener = call.client()
    taken = listener.answer
    listener.answer = lambda sdp, **more: "".join(  # type: ignore[method-assign]
        line for line in taken(sdp, **more).splitlines(keepends=True) if URI_PLAYOUT_DELAY not in line
    )
    await join(call, listener)
    speaker = Speaker(call, client)
    client.send_secured(rtp(AUDIO, OPUS, 1, 960, b"sound"))
    speaker.picture(payload=KEYFRAME)
    await call.until(lambda: ssrcs(listener, 96) and ssrcs(listener, OPUS))
    (picture,), (sound,) = ssrcs(listener, 96), ssrcs(listener, OPUS)
    for _ in range(3):
        await speaker.lose()
    await speaker.until_held(listener, picture)
    await speaker.tell_the_time(listener, (AUDIO, sound), (VIDEO, picture))
    assert reports(listener)[picture].ntp == reports(listener)[sound].ntp == NTP


async def join(call: Call, listener: MediaClient) -> None:
    """As `Call.subscriber`, with a client that is already there."""
    call._subscribers["spec"] = listener
    await call.plane.join(call.room, "spec", ["H264"])
    await call.plane.subscribe(call.room, "spec", "s1")
    await call.state("spec", "subscribe", "s1", "connected")
    await listener.connected.wait()
