"""A call through the media plane: what is forwarded, what is repaired, what each side is told."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator

import pytest

from signaling.media.packets import rtcp, rtp_header, twcc
from signaling.media.plane import TICK
from tele.domain.media import Track
from tests.media_call import AUDIO, DELTA, H264, KEYFRAME, OPUS, RED, RTX, VIDEO, Call, calling, rtp
from tests.media_client import MediaClient


@pytest.fixture
async def call() -> AsyncIterator[Call]:
    async with calling() as running:
        yield running


def video(client: MediaClient) -> list[tuple[rtp_header.RtpHeader, bytes]]:
    """The H264 packets a client received, in order of arrival."""
    packets = [(rtp_header.parse(data), data) for data in client.rtp]
    return [(header, data) for header, data in packets if header.payload_type == 96]


def parts(client: MediaClient, kind: int, form: int | None = None) -> list[rtcp.RtcpPart]:
    """The RTCP packets of one kind that a client received."""
    walked = [part for data in client.rtcp for part in rtcp.walk(data)]
    return [part for part in walked if part.kind == kind and form in (None, part.format)]


async def test_video_is_rewritten_for_the_subscriber_and_begins_with_a_keyframe(call: Call) -> None:
    publisher = await call.publisher()
    subscriber = await call.subscriber()
    publisher.send_secured(rtp(VIDEO, H264, 65_533, 1000, DELTA))
    for index in range(5):
        payload = KEYFRAME if index == 0 else DELTA + bytes((index,))
        publisher.send_secured(rtp(VIDEO, H264, 65_534 + index, 4000 + index, payload, marker=index == 4))
    await call.until(lambda: len(video(subscriber)) == 5)
    offer = call.of("offer")[-1]
    mid = next(track["mid"] for track in offer["tracks"] if track["source"] == "camera")
    headers = [header for header, _ in video(subscriber)]
    first = headers[0].sequence
    assert first < 2**15
    assert [header.sequence for header in headers] == list(range(first, first + 5))
    assert [header.timestamp for header in headers] == [4000, 4001, 4002, 4003, 4004]
    assert [header.marker for header in headers] == [False] * 4 + [True]
    assert f"a=ssrc:{headers[0].ssrc} " in offer["sdp"]
    wide = []
    for header, data in video(subscriber):
        elements = rtp_header.extensions(data, header)
        assert elements[rtp_header.EXTENSION_MID].decode() == mid
        assert len(elements[rtp_header.EXTENSION_ABS_SEND_TIME]) == 3
        wide.append(int.from_bytes(elements[rtp_header.EXTENSION_TRANSPORT_CC], "big"))
    assert wide == list(range(wide[0], wide[0] + 5))
    assert video(subscriber)[0][1].endswith(KEYFRAME)


async def test_everybody_receives_the_others_and_nobody_themselves(call: Call) -> None:
    gp, spec = await call.publisher("gp", "p1"), await call.publisher("spec", "p2")
    gp_ear, spec_ear = await call.subscriber("gp", "s1"), await call.subscriber("spec", "s2")
    gp.send_secured(rtp(AUDIO, OPUS, 1, 960, b"from gp"))
    spec.send_secured(rtp(AUDIO, OPUS, 1, 960, b"from spec"))
    await call.until(lambda: gp_ear.rtp and spec_ear.rtp)
    assert [data[28:] for data in gp_ear.rtp] == [b"from spec"]
    assert [data[28:] for data in spec_ear.rtp] == [b"from gp"]
    assert {track["participant"] for track in call.of("offer")[-1]["tracks"]} == {"gp"}


async def test_a_nack_is_answered_by_rtx_from_the_history(call: Call) -> None:
    publisher = await call.publisher(audio=False)
    subscriber = await call.subscriber()
    for index in range(20):
        publisher.send_secured(
            rtp(VIDEO, H264, 100 + index, 9000, (KEYFRAME if index == 0 else DELTA) + bytes((index,)))
        )
    await call.until(lambda: len(video(subscriber)) == 20)
    header, _ = video(subscriber)[7]
    _, offered = call.of("offer")[-1]["sdp"].split("a=ssrc-group:FID ")
    repair_ssrc = int(offered.split()[1])
    subscriber.send_secured(rtcp.nack(1, header.ssrc, [header.sequence, header.sequence + 2, header.sequence + 500]))
    await call.until(lambda: len(subscriber.rtp) == 22)
    for lost, data in zip((7, 9), subscriber.rtp[20:], strict=True):
        repair = rtp_header.parse(data)
        assert (repair.payload_type, repair.ssrc, repair.timestamp) == (97, repair_ssrc, 9000)
        assert struct.unpack_from("!H", data, repair.payload_start)[0] == video(subscriber)[lost][0].sequence
        assert data[repair.payload_start + 2 :] == DELTA + bytes((lost,))
    assert await call.count("nacks_too_late") == 1
    numbers = [rtp_header.extensions(data, rtp_header.parse(data))[3] for data in subscriber.rtp]
    assert [int.from_bytes(number, "big") for number in numbers] == list(range(22)), "one count over all, RTX included"


async def test_what_a_publisher_sent_while_it_was_away_is_not_asked_for_but_a_keyframe_is(call: Call) -> None:
    publisher = await call.publisher(audio=False)
    subscriber = await call.subscriber()
    publisher.send_secured(rtp(VIDEO, H264, 10, 0, KEYFRAME))
    await call.until(lambda: video(subscriber))
    call.clock.ahead += 4
    await call.state("gp", "publish", "p1", "disconnected")
    publisher.rtcp.clear()
    publisher.send_secured(rtp(VIDEO, H264, 60, 0, DELTA + b"60"))
    await call.state("gp", "publish", "p1", "connected")
    await call.until(lambda: parts(publisher, rtcp.PAYLOAD_FEEDBACK, rtcp.PLI), "a wish for a keyframe")
    publisher.send_secured(rtp(VIDEO, H264, 62, 0, DELTA + b"62"))
    await call.until(lambda: parts(publisher, rtcp.TRANSPORT_FEEDBACK, rtcp.NACK))
    asked = [rtcp.read_nack(part) for part in parts(publisher, rtcp.TRANSPORT_FEEDBACK, rtcp.NACK)]
    assert asked[0] == [61]


async def test_a_hole_is_asked_for_and_what_comes_back_is_forwarded_and_recorded(call: Call) -> None:
    tap = Tap()
    call.plane.listen(call.room, tap)
    publisher = await call.publisher(audio=False)
    subscriber = await call.subscriber()
    publisher.send_secured(rtp(VIDEO, H264, 10, 0, KEYFRAME))
    publisher.send_secured(rtp(VIDEO, H264, 13, 0, DELTA + b"13"))
    await call.until(lambda: parts(publisher, rtcp.TRANSPORT_FEEDBACK, rtcp.NACK))
    (asked, *_) = parts(publisher, rtcp.TRANSPORT_FEEDBACK, rtcp.NACK)
    assert (rtcp.feedback_about(asked), rtcp.read_nack(asked)) == (VIDEO, [11, 12])
    publisher.send_secured(rtp(VIDEO + 1, RTX, 1, 0, struct.pack("!H", 11) + DELTA + b"11"))
    publisher.send_secured(rtp(VIDEO + 1, RTX, 2, 0, struct.pack("!H", 11) + DELTA + b"11"))
    publisher.send_secured(rtp(VIDEO + 1, RTX, 3, 0, b"", padding=200))
    publisher.send_secured(rtp(VIDEO, H264, 12, 0, DELTA + b"12"))
    await call.until(lambda: len(video(subscriber)) == 4)
    first = video(subscriber)[0][0].sequence
    assert [(header.sequence - first, data[28:]) for header, data in video(subscriber)] == [
        (0, KEYFRAME), (3, DELTA + b"13"), (1, DELTA + b"11"), (2, DELTA + b"12"),
    ]  # fmt: skip
    restored = [rtp_header.parse(data) for _, data in tap.packets]
    assert [(each.sequence, each.payload_type, each.ssrc) for each in restored] == [
        (number, H264, VIDEO) for number in (10, 13, 11, 12)
    ]
    assert await call.count("probes_in") == 1
    assert await call.count("dropped_double_or_late") == 1


async def test_keyframe_wishes_are_gathered_and_delayed_but_not_dropped(call: Call) -> None:
    publisher = await call.publisher(audio=False)
    subscriber = await call.subscriber()
    publisher.send_secured(rtp(VIDEO, H264, 1, 0, KEYFRAME))
    await call.until(lambda: video(subscriber))
    header, _ = video(subscriber)[0]
    for _ in range(5):
        subscriber.send_secured(rtcp.pli(1, header.ssrc))
    await call.until(lambda: parts(publisher, rtcp.PAYLOAD_FEEDBACK, rtcp.PLI))
    asked = await call.count("plis_sent")
    publisher.send_secured(rtp(VIDEO, H264, 2, 0, KEYFRAME))
    await call.until(lambda: len(video(subscriber)) == 2)
    subscriber.send_secured(rtcp.pli(1, header.ssrc))
    call.plane.request_keyframe(call.of("publication")[0]["publication"])
    await call.until(lambda: len(parts(publisher, rtcp.PAYLOAD_FEEDBACK, rtcp.PLI)) == asked + 1)
    assert await call.count("plis_in") == 6
    assert asked <= 2


async def test_sender_reports_keep_the_publishers_clock_in_the_subscribers_terms(call: Call) -> None:
    publisher = await call.publisher()
    subscriber = await call.subscriber("spec", "s1")
    for number in range(3):
        publisher.send_secured(rtp(AUDIO, OPUS, number, 960 * number, b"sound"))
    await call.until(lambda: len(subscriber.rtp) == 3)
    ntp = 0xE0000000_80000000
    publisher.send_secured(rtcp.sender_report(rtcp.SenderReport(AUDIO, ntp, 5000, 3, 15), "client"))
    await call.until(lambda: parts(subscriber, rtcp.SENDER_REPORT))
    report = rtcp.read_sender_report(parts(subscriber, rtcp.SENDER_REPORT)[0])
    assert report is not None
    assert (report.ntp, report.rtp, report.packets, report.octets) == (ntp, 5000, 3, 15)
    assert report.ssrc == rtp_header.parse(subscriber.rtp[0]).ssrc
    assert parts(subscriber, rtcp.SOURCE_DESCRIPTION)
    # One who comes later is told at once, without waiting for the publisher's next report: the clock carried on.
    call.clock.ahead += 2.0
    late = await call.subscriber("late", "s2")
    await call.until(lambda: parts(late, rtcp.SENDER_REPORT))
    carried = rtcp.read_sender_report(parts(late, rtcp.SENDER_REPORT)[0])
    assert carried is not None
    seconds = (carried.ntp - ntp) / 2**32
    assert seconds >= 2.0
    assert carried.rtp - 5000 == pytest.approx(seconds * 48_000, abs=2)


async def test_the_publisher_is_told_how_its_packets_arrive(call: Call) -> None:
    publisher = await call.publisher()
    publisher.send_secured(rtcp.sender_report(rtcp.SenderReport(VIDEO, 7 << 32, 0, 0, 0), "client"))
    for number in (1, 2, 4, 5):
        publisher.send_secured(rtp(VIDEO, H264, number, 0, KEYFRAME, wide=number + 65_532))
    await call.until(lambda: parts(publisher, rtcp.TRANSPORT_FEEDBACK, rtcp.TRANSPORT_CC))
    feedback = parts(publisher, rtcp.TRANSPORT_FEEDBACK, rtcp.TRANSPORT_CC)[0]
    _, first, arrivals = twcc.decode(feedback.body)
    assert (first, [arrival is not None for arrival in arrivals]) == (65_533, [True, True, False, True, True])
    await call.until(lambda: len(parts(publisher, rtcp.RECEIVER_REPORT)) >= 1)
    block = parts(publisher, rtcp.RECEIVER_REPORT)[-1].body[4:28]
    ssrc, lost = struct.unpack_from("!II", block)
    assert (ssrc, lost & 0xFFFFFF) == (VIDEO, 1)


@pytest.mark.parametrize(("joins", "asked"), [(False, 1), (True, 2)])
async def test_who_is_back_is_asked_for_a_keyframe_whatever_was_asked_in_vain(
    call: Call, joins: bool, asked: int
) -> None:
    """At once, and once more when the first that comes is none and somebody waits for it: it was lost on the way."""
    publisher = await call.publisher("back", "p1", audio=False)
    publisher.send_secured(rtp(VIDEO, H264, 1, 0, KEYFRAME))
    await call.until(lambda: call.of("publication"))
    call.clock.ahead += 8.0
    await call.state("back", "publish", "p1", "disconnected")
    call.clock.stand_still()
    if joins:
        await call.subscriber("late", "s1")
    before = await call.count("plis_sent")
    call.plane.request_keyframe(call.of("publication")[0]["publication"])
    in_vain = 0 if joins else 1  # the subscriber's wish was sent already
    await call.until(lambda: call.plane._counters.get("plis_sent") == before + in_vain)
    publisher.send_secured(rtp(VIDEO, H264, 2, 90_000, DELTA))
    await call.until(lambda: call.plane._counters.get("plis_sent") == before + in_vain + asked, limit=5)


async def test_what_comes_after_a_silence_is_told_of_in_the_next_round(call: Call) -> None:
    publisher = await call.publisher("back", "p1")
    call.clock.ahead += 8.0
    await call.state("back", "publish", "p1", "disconnected")
    call.clock.stand_still()
    publisher.send_secured(rtp(VIDEO, H264, 1, 0, KEYFRAME, wide=7))
    await call.state("back", "publish", "p1", "connected")
    call.clock.ahead += TICK + 0.01
    await call.until(lambda: parts(publisher, rtcp.TRANSPORT_FEEDBACK, rtcp.TRANSPORT_CC))


class Tap:
    """A recorder that only remembers."""

    def __init__(self) -> None:
        self.opened: list[Track] = []
        self.closed: list[str] = []
        self.packets: list[tuple[str, bytes]] = []
        self.reports: list[tuple[int, int]] = []

    def track_opened(self, track: Track) -> None:
        self.opened.append(track)

    def packet(self, publication: str, data: bytes, arrival: float) -> None:
        self.packets.append((publication, data))

    def sender_report(self, publication: str, ntp: int, rtp: int, arrival: float) -> None:
        self.reports.append((ntp, rtp))

    def track_closed(self, publication: str) -> None:
        self.closed.append(publication)


class BrokenTap(Tap):
    """A recorder that fails at everything."""

    def track_opened(self, track: Track) -> None:
        raise RuntimeError("no disk")

    def packet(self, publication: str, data: bytes, arrival: float) -> None:
        raise OSError("disk full")


async def test_taps_hear_the_room_and_a_broken_one_harms_nobody(call: Call) -> None:
    call.plane.listen(call.room, BrokenTap())
    publisher = await call.publisher()
    subscriber = await call.subscriber()
    tap = Tap()
    stop = call.plane.listen(call.room, tap)
    assert [(track.source, track.codec, track.participant) for track in tap.opened] == [
        ("microphone", "opus", "gp"),
        ("camera", "H264", "gp"),
    ]
    publisher.send_secured(rtp(AUDIO, OPUS, 1, 960, b"sound"))
    publisher.send_secured(rtcp.sender_report(rtcp.SenderReport(AUDIO, 1 << 32, 960, 1, 5), "client"))
    await call.until(lambda: tap.reports and subscriber.rtp)
    assert tap.packets == [(tap.opened[0].publication, rtp(AUDIO, OPUS, 1, 960, b"sound"))]
    assert tap.reports == [(1 << 32, 960)]
    assert await call.count("tap_errors") == 3
    await call.plane.leave(call.room, "gp")
    assert tap.closed == [track.publication for track in tap.opened]
    stop()
    await call.publisher("gp", "p2")
    assert len(tap.opened) == 2


async def test_redundant_audio_goes_to_subscribers_whole_and_to_the_recorder_unwrapped(call: Call) -> None:
    tap = Tap()
    call.plane.listen(call.room, tap)
    publisher = await call.publisher(video=False)
    subscriber = await call.subscriber()
    block = struct.pack("!BHB", 0x80 | OPUS, 960 << 2, 3) + bytes((OPUS,)) + b"oldnewest"
    publisher.send_secured(rtp(AUDIO, RED, 1, 960, block))
    await call.until(lambda: subscriber.rtp)
    header = rtp_header.parse(subscriber.rtp[0])
    assert (header.payload_type, subscriber.rtp[0][28:]) == (63, block)
    assert tap.packets[0][1] == rtp(AUDIO, OPUS, 1, 960, b"newest")


async def test_a_publisher_that_changes_its_ssrc_goes_on_without_a_jump(call: Call) -> None:
    publisher = await call.publisher(audio=False)
    subscriber = await call.subscriber()
    publisher.send_secured(rtp(VIDEO, H264, 500, 1000, KEYFRAME))
    await call.until(lambda: len(video(subscriber)) == 1)
    publisher.send_secured(rtp(VIDEO + 50, H264, 60_000, 7_000_000, KEYFRAME, mid="0"))
    publisher.send_secured(rtp(VIDEO + 50, H264, 60_001, 7_003_000, DELTA))
    await call.until(lambda: len(video(subscriber)) == 3)
    headers = [header for header, _ in video(subscriber)]
    assert [header.sequence - headers[0].sequence for header in headers] == [0, 1, 2]
    assert 0 < headers[1].timestamp - 1000 < 90_000
    assert headers[2].timestamp - headers[1].timestamp == 3000
