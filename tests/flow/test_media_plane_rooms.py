"""Rooms, offers and codecs: who is offered what and when, and what a front that comes back finds."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from signaling.media.packets import rtp_header
from tests.media_call import DELTA, H264, KEYFRAME, VIDEO, Call, calling, publishing, rtp


@pytest.fixture
async def call() -> AsyncIterator[Call]:
    async with calling() as running:
        yield running


async def test_one_offer_is_outstanding_and_changes_are_gathered_into_the_next(call: Call) -> None:
    call.auto_answer = False
    await call.plane.join(call.room, "spec", ["H264"])
    await call.plane.subscribe(call.room, "spec", "s1")
    await call.until(lambda: call.of("offer"))
    first = call.of("offer")[0]
    assert (first["version"], first["tracks"]) == (1, [])
    for name in ("gp", "gp2"):
        await call.plane.join(call.room, name, ["H264"])
        await call.plane.publish(call.room, name, "p1", *publishing(call.client()))
    assert len(call.of("offer")) == 1
    client = call.client()
    answer = client.answer(first["sdp"])
    assert await call.plane.answer(call.room, "spec", "s1", 7, answer) == {"stale": True}
    assert len(call.of("offer")) == 1
    assert await call.plane.answer(call.room, "spec", "s1", 1, answer) == {"stale": False}
    await call.until(lambda: len(call.of("offer")) == 2)
    second = call.of("offer")[1]
    assert [(track["mid"], track["participant"], track["source"]) for track in second["tracks"]] == [
        ("00", "gp", "microphone"),
        ("01", "gp2", "microphone"),
        ("02", "gp", "camera"),
        ("03", "gp2", "camera"),
    ]
    assert await call.plane.answer(call.room, "spec", "s1", 1, answer) == {"stale": True}


async def test_an_offer_nobody_answers_is_made_again_after_ten_seconds(call: Call) -> None:
    call.auto_answer = False
    await call.plane.join(call.room, "spec", ["H264"])
    await call.plane.subscribe(call.room, "spec", "s1")
    await call.until(lambda: len(call.of("offer")) == 1)
    call.clock.ahead += 10.1
    await call.until(lambda: len(call.of("offer")) == 2)
    assert call.of("offer")[1]["version"] == 2
    assert await call.count("offers_unanswered") == 1


async def test_who_joins_again_is_made_the_offer_that_may_have_been_missed(call: Call) -> None:
    call.auto_answer = False
    await call.plane.join(call.room, "spec", ["H264"])
    await call.plane.subscribe(call.room, "spec", "s1")
    await call.until(lambda: len(call.of("offer")) == 1)
    await call.plane.join(call.room, "spec", ["H264"])
    await call.until(lambda: len(call.of("offer")) == 2)
    again = call.of("offer")[1]
    answer = call.client().answer(again["sdp"])
    assert await call.plane.answer(call.room, "spec", "s1", again["version"], answer) == {"stale": False}

    await call.plane.join(call.room, "spec", ["H264"])
    await call.publisher("gp")
    await call.until(lambda: len(call.of("offer")) == 3)
    assert len(call.of("offer")[2]["tracks"]) == 2, "what was answered is not offered again without a reason"
    assert await call.count("ice_restarts") == 0


async def test_a_section_the_browser_refuses_is_not_used_again(call: Call) -> None:
    await call.publisher("gp")
    call.auto_answer = False
    await call.plane.join(call.room, "spec", [])
    await call.plane.subscribe(call.room, "spec", "s1")
    await call.until(lambda: call.of("offer"))
    client, offer = call.client(), call.of("offer")[-1]
    await call.plane.answer(call.room, "spec", "s1", 1, client.answer(offer["sdp"], reject=frozenset({"01"})))
    await client.connect(offer["sdp"])
    await call.publisher("gp2", "p9")
    await call.until(lambda: call.of("offer")[-1]["version"] == 2)
    offer = call.of("offer")[-1]
    assert "m=video 0 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\na=inactive\r\na=mid:01\r\n" in offer["sdp"]
    assert "a=group:BUNDLE 00 02 03\r\n" in offer["sdp"]
    assert {track["mid"] for track in offer["tracks"] if track["participant"] == "gp2"} == {"02", "03"}


async def test_a_member_without_h264_switches_the_room_to_vp9(call: Call) -> None:
    publisher = await call.publisher("gp")
    await call.plane.join(call.room, "gp", ["H264", "VP9"])
    assert await call.plane.join(call.room, "spec", ["VP9"]) == {"codec": "VP9"}
    assert [(event["participant"], event["codec"]) for event in call.of("renegotiate")] == [("gp", "VP9")]
    subscriber = await call.subscriber("spec", codecs=("VP9",))
    offer, sources = publishing(publisher)
    both = offer.replace("RTP/SAVPF 102 103\r\n", "RTP/SAVPF 102 103 98\r\n").replace(
        "a=rtpmap:103", "a=rtpmap:98 VP9/90000\r\na=fmtp:98 profile-id=0\r\na=rtpmap:103"
    )
    answer = await call.plane.publish(call.room, "gp", "p1", both, sources)
    assert "a=rtpmap:98 VP9/90000" in answer["sdp"]
    assert "H264" not in answer["sdp"]
    states = [(event["source"], event["state"]) for event in call.of("publication")]
    assert states == [("microphone", "opened"), ("camera", "opened"), ("camera", "closed"), ("camera", "opened")]
    await call.until(lambda: "VP9/90000" in call.of("offer")[-1]["sdp"])
    version = call.of("offer")[-1]["version"]
    await call.until(lambda: call.plane._counters.get("offers_sent") >= version)
    number = 0

    def send() -> bool:
        nonlocal number
        number += 1
        publisher.send_secured(rtp(VIDEO, 98, number, 0, b"\x08a vp9 keyframe"))
        return bool(subscriber.rtp)

    await call.until(send)
    assert rtp_header.parse(subscriber.rtp[-1]).payload_type == 98
    assert await call.plane.join(call.room, "third", ["H264", "VP9"]) == {"codec": "VP9"}


async def test_a_member_who_takes_no_video_does_not_change_the_codec(call: Call) -> None:
    await call.plane.join(call.room, "gp", ["H264", "VP8"])
    assert await call.plane.join(call.room, "phone", []) == {"codec": "H264"}
    assert await call.plane.join(call.room, "odd", ["AV1"]) == {"codec": "H264"}
    assert await call.plane.join(call.room, "gp", ["h264"]) == {"codec": "H264"}
    assert not call.of("renegotiate")


async def test_a_snapshot_tells_a_new_front_what_runs(call: Call) -> None:
    await call.publisher("gp")
    await call.subscriber("spec")
    publications = {event["source"]: event["publication"] for event in call.of("publication")}
    assert await call.plane.snapshot() == {
        "rooms": {
            "room": {
                "codec": "H264",
                "participants": {
                    "gp": {"publish": "connected", "subscribe": None, "sources": publications},
                    "spec": {"publish": None, "subscribe": "connected", "sources": {}},
                },
            }
        }
    }
    stats = await call.plane.stats()
    assert (stats["rooms"], stats["peers"], stats["peers_connected"], stats["publications"]) == (1, 2, 2, 2)


async def test_leaving_and_closing_leave_nothing_behind(call: Call) -> None:
    await call.publisher("gp")
    await call.subscriber("spec")
    await call.plane.leave(call.room, "gp")
    await call.until(lambda: call.of("offer")[-1]["tracks"] == [])
    assert await call.plane.leave(call.room, "gp") == {}
    assert await call.plane.close_room(call.room) == {}
    assert await call.plane.close_room(call.room) == {}
    assert call.states("spec", "subscribe", "s1")[-1] == "closed"
    assert (await call.plane.snapshot()) == {"rooms": {}}
    mux = call.plane._mux
    assert not call.plane._taps
    assert set(mux.sizes().values()) == {0}
    for client in call.clients:
        await call.until(client.said_goodbye.is_set)


async def test_a_screen_is_added_and_taken_away_within_one_session(call: Call) -> None:
    publisher = await call.publisher("gp")
    subscriber = await call.subscriber()
    screen = 0x0C000000
    offer = publisher.offer(("audio", "opus", 1), ("video", "H264", VIDEO), ("video", "H264", screen))
    sources = {"0": "microphone", "1": "camera", "2": "screen"}
    answer = await call.plane.publish(call.room, "gp", "p1", offer, sources)
    assert answer["sdp"].count("profile-level-id=42e028") == 1
    await call.until(lambda: len(call.of("offer")[-1]["tracks"]) == 3)
    number = 0

    def send() -> bool:
        nonlocal number
        number += 1
        publisher.send_secured(rtp(screen, H264, number, 0, KEYFRAME + b"screen"))
        return any(data.endswith(b"screen") for data in subscriber.rtp)

    await call.until(send)
    gone = offer.replace("a=mid:2\r\na=sendonly", "a=mid:2\r\na=inactive")
    await call.plane.publish(call.room, "gp", "p1", gone, {"0": "microphone", "1": "camera"})
    await call.until(lambda: len(call.of("offer")[-1]["tracks"]) == 2)
    publisher.send_secured(rtp(screen, H264, number + 1, 0, KEYFRAME + b"screen"))
    publisher.send_secured(rtp(VIDEO, H264, 1, 0, KEYFRAME))
    publisher.send_secured(rtp(VIDEO, H264, 2, 0, DELTA + b"camera"))
    await call.until(lambda: subscriber.rtp[-1].endswith(b"camera"))
    assert sum(data.endswith(b"screen") for data in subscriber.rtp) <= number
