"""What the plane tells of its tracks and lines: by source and state, never by person; and a weak uplink in words."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from signaling.media.packets import rtcp
from tests.media_call import AUDIO, H264, KEYFRAME, OPUS, VIDEO, Call, calling, rtp


@pytest.fixture
async def call() -> AsyncIterator[Call]:
    async with calling() as running:
        yield running


async def test_figures_of_tracks_are_sums_over_a_source_that_only_grow(call: Call) -> None:
    first, second = await call.publisher("gp", "p1"), await call.publisher("gp2", "p2")
    subscriber = await call.subscriber()
    for number in (1, 2, 4):
        first.send_secured(rtp(VIDEO, H264, number, 0, KEYFRAME + bytes(900)))
    second.send_secured(rtp(VIDEO, H264, 1, 0, KEYFRAME + bytes(900)))
    await call.until(lambda: len(subscriber.rtp) >= 4)
    # The estimate of whoever receives is there as well.
    stats = await call.plane.stats()
    camera = stats["tracks"]["source"]["camera"]
    assert (camera["count"], camera["packets_total"], camera["nacks_total"]) == (2, 4, 1)
    assert stats["tracks"]["source"]["microphone"]["packets_total"] == 0
    assert stats["lines"]["state"] == {"good": {"count": 1}, "weak": {"count": 0}, "sound": {"count": 0}}
    assert stats["lines_bitrate_min"] > 0
    await call.plane.leave(call.room, "gp")
    after = (await call.plane.stats())["tracks"]["source"]["camera"]
    assert (after["count"], after["packets_total"], after["nacks_total"]) == (1, 4, 1)
    for name in ("gp", "gp2", "spec"):
        assert name not in str(stats), "nobody is named"


async def test_a_publisher_whose_packets_are_lost_is_told_that_their_line_is_weak(call: Call) -> None:
    publisher = await call.publisher(video=False)
    number = 0

    async def seconds(count: int, *, keep: int) -> None:
        nonlocal number
        for _ in range(count):
            reports = len(publisher.rtcp)
            for index in range(20):
                number += 1
                if index % 10 < keep:
                    publisher.send_secured(rtp(AUDIO, OPUS, number, 960 * number, b"sound"))
            call.clock.ahead += 1.1

            def reported(before: int = reports) -> bool:
                parts = [part for data in publisher.rtcp[before:] for part in rtcp.walk(data)]
                return any(part.kind == rtcp.RECEIVER_REPORT for part in parts)

            await call.until(reported)

    def told() -> list[tuple[str, str, str]]:
        return [(each["participant"], each["direction"], each["state"]) for each in call.of("line")]

    await seconds(2, keep=10)
    assert told() == []
    await seconds(6, keep=8)
    assert told() == [("gp", "publish", "weak")]
    assert (await call.plane.stats())["tracks"]["source"]["microphone"]["loss_max"] == pytest.approx(0.2, abs=0.1)
    await seconds(6, keep=10)
    assert told()[1:] == [("gp", "publish", "good")]


async def test_a_weak_line_that_closes_is_not_weak_any_more(call: Call) -> None:
    await call.publisher()
    await call.subscriber()
    peer = call.plane._rooms[call.room].participants["spec"].subscribe
    assert peer is not None
    peer._tell_line("weak")
    await call.plane.leave(call.room, "spec")
    assert [event["state"] for event in call.of("line")] == ["weak", "good"]
