"""Calls while they run: seats, the recording mark, and how they end."""

from __future__ import annotations

import asyncio

import pytest

from signaling import messages
from signaling.ports import SocketError
from tele.domain.seat import participant_id
from tests.unit.signaling.world import GP, RECORDING, ROOM, SPEC, World, join


async def test_two_people_meet_and_the_recording_starts_once(world: World) -> None:
    first = await world.rooms.join(GP, "a", join())
    second = await world.rooms.join(SPEC, "b", join())
    assert first["participant"] != second["participant"]
    assert [person["name"] for person in second["people"]] == ["Chen Jie", "Li Wei"]
    assert second["recording"] == "on"
    assert world.media.names().count("record.start") == 1


async def test_a_reload_finds_the_same_seat_and_the_old_page_is_told(world: World) -> None:
    before = await world.rooms.join(GP, "a", join())
    after = await world.rooms.join(GP, "a2", join())
    assert before["participant"] == after["participant"] == participant_id(ROOM, "gp-1")
    assert ("a", "room.ended") in [(to, event) for to, event, _ in world.speaker.said]
    assert world.speaker.members[ROOM] == {"a2"}
    with pytest.raises(SocketError, match="join the room first"):
        await world.rooms.subscribe("a", messages.MediaSubscribe(room=ROOM, session="s_12345678"))


async def test_a_lost_line_keeps_the_seat_and_says_so(world: World) -> None:
    await world.rooms.join(GP, "a", join())
    await world.rooms.disconnected("a")
    assert world.speaker.events("room.people")[-1]["people"][0]["connected"] is False
    assert "leave" not in world.media.names()
    again = await world.rooms.join(GP, "b", join())
    assert [person["connected"] for person in again["people"]] == [True]


async def test_media_messages_of_somebody_outside_go_nowhere(world: World) -> None:
    await world.rooms.join(GP, "a", join())
    offer = messages.MediaPublish(room=ROOM, session="s_12345678", sdp="v=0", sources={})
    with pytest.raises(SocketError):
        await world.rooms.publish("stranger", offer)
    assert "publish" not in world.media.names()


async def test_only_a_file_of_the_case_comes_onto_the_stage(world: World) -> None:
    await world.rooms.join(GP, "a", join())
    with pytest.raises(SocketError):
        await world.rooms.stage("a", messages.StageShow(room=ROOM, file="file-of-other"))
    await world.rooms.stage("a", messages.StageShow(room=ROOM, file="file-of-case"))
    assert world.speaker.events("stage")[-1]["file"] == "file-of-case"


async def test_stop_and_resume_move_the_recorder_and_then_the_mark(world: World) -> None:
    await world.rooms.join(GP, "a", join())
    await world.rooms.record(ROOM, "stop")
    await world.rooms.record(ROOM, "resume")
    await world.rooms.record(ROOM, "withdraw")
    assert [name for name in world.media.names() if name.startswith("record")] == [
        *("record.start", "record.pause", "record.start", "record.pause")
    ]
    assert [each["state"] for each in world.speaker.events("recording")] == ["on", "paused", "on", "off"]


async def test_hang_up_tells_everybody_and_seals_even_while_the_worker_starts(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asyncio, "sleep", lambda seconds: _turn())
    await world.rooms.join(GP, "a", join())
    world.media.failing_seals = 3
    await world.rooms.close(ROOM, "consultation", "case-1", RECORDING, "Li Wei", "hung-up")
    assert world.speaker.events("room.ended")[-1]["by"] == "Li Wei"
    await world.tasks.settle()
    assert world.calls.sealed_with == [(RECORDING, {"duration": 12.0})]
    assert "close_room" in world.media.names()


async def _turn() -> None:
    """Lets others run, instead of waiting."""


async def test_how_the_line_is_goes_to_its_owner_and_whether_it_is_weak_to_everybody(world: World) -> None:
    seat = (await world.rooms.join(GP, "a", join()))["participant"]
    await world.rooms.join(SPEC, "b", join())
    said = {"event": "line", "room": ROOM, "participant": seat, "session": "s_12345678"}
    await world.rooms.media_event({**said, "direction": "subscribe", "state": "sound"})
    await world.rooms.media_event({**said, "direction": "publish", "state": "weak"})
    lines = [(to, payload) for to, event, payload in world.speaker.said if event == "line"]
    assert lines == [
        ("a", {"room": ROOM, "down": "sound", "up": "good"}),
        ("a", {"room": ROOM, "down": "sound", "up": "weak"}),
    ]
    assert [person["line"] for person in world.speaker.events("room.people")[-1]["people"]] == ["weak", "good"]
    again = await world.rooms.join(GP, "a2", join())
    assert again["line"] == {"down": "sound", "up": "weak"}, "to the page that comes back, too"
    assert [person["line"] for person in again["people"]] == ["weak", "good"]
    shown = len(world.speaker.events("room.people"))
    await world.rooms.media_event({**said, "direction": "subscribe", "state": "weak"})
    assert len(world.speaker.events("room.people")) == shown, "what somebody receives is nobody else's business"
    await world.rooms.media_event({**said, "direction": "publish", "state": "good"})
    assert [person["line"] for person in world.speaker.events("room.people")[-1]["people"]] == ["good", "good"]
