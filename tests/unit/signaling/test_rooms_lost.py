"""Calls when something is lost: a process, a message, the disk, or the right to be there."""

from __future__ import annotations

import asyncio

import pytest

from signaling import messages
from signaling.ports import Json, SocketError
from tele.domain.seat import participant_id
from tests.unit.signaling.world import (
    GP,
    RECORDING,
    ROOM,
    SPEC,
    MediaDown,
    StorageFailed,
    UnknownRecording,
    World,
    join,
)


async def test_a_full_disk_pauses_the_mark_and_space_brings_it_back(world: World) -> None:
    await world.rooms.join(GP, "a", join())
    alarm = {"event": "recording", "recording": RECORDING, "state": "alarm", "reason": "disk-full"}
    await world.rooms.media_event(alarm)
    await world.rooms.media_event({"event": "recording", "recording": RECORDING, "state": "recording"})
    marks = [(each["state"], each["reason"]) for each in world.speaker.events("recording")]
    assert marks == [("on", None), ("paused", "disk-full"), ("on", None)]


async def test_a_worker_that_died_is_given_everything_again(world: World) -> None:
    await world.rooms.join(GP, "a", join())
    await world.rooms.worker_up({"rooms": {}}, lambda room: True)
    assert world.speaker.events("media.lost") == [{"room": ROOM}]
    assert world.media.names().count("record.start") == 2


async def test_a_front_that_died_finds_running_rooms_and_asks_nobody_to_publish_again(world: World) -> None:
    seat = participant_id(ROOM, GP.id)
    front = world.front()
    await front.worker_up({"rooms": {ROOM: {"participants": {seat: {}}}}}, lambda room: True)
    assert world.speaker.events("media.lost") == []
    answer = await front.join(GP, "b", join())
    assert [person["name"] for person in answer["people"]] == ["Chen Jie"]


async def test_a_recording_left_over_by_a_crash_is_sealed_at_the_next_start(world: World) -> None:
    world.calls.over = True
    await world.rooms.worker_up({"rooms": {"forgotten-room": {}}}, lambda room: True)
    await world.tasks.settle()
    assert world.calls.sealed_with == [(RECORDING, {"duration": 12.0})]
    assert ("close_room", {"room": "forgotten-room"}) in world.media.calls


async def test_a_call_that_everybody_left_ends_but_not_while_somebody_is_there(world: World) -> None:
    await world.rooms.join(GP, "a", join())
    await world.rooms.watch_empty(0)
    await world.rooms.disconnected("a")
    await world.rooms.watch_empty(700)
    await world.rooms.watch_empty(1200)
    assert world.calls.ended_empty == []
    await world.rooms.watch_empty(1301)
    assert world.calls.ended_empty == [ROOM]


async def test_another_nodes_call_is_not_ended_here(world: World) -> None:
    world.owned = False
    await world.rooms.watch_empty(0)
    await world.rooms.watch_empty(10_000)
    assert world.calls.ended_empty == []


async def test_who_is_signed_out_leaves_the_call_and_its_media_at_once(world: World) -> None:
    await world.rooms.join(GP, "a", join())
    await world.rooms.join(SPEC, "b", join())
    assert world.rooms.sessions() == {"s1", "s2"}
    world.rooms.expel(sessions={"s2"})
    await world.tasks.settle()
    assert ("leave", {"room": ROOM, "participant": participant_id(ROOM, SPEC.id)}) in world.media.calls
    assert [person["name"] for person in world.speaker.events("room.people")[-1]["people"]] == ["Chen Jie"]
    assert world.speaker.members[ROOM] == {"a"}
    with pytest.raises(SocketError, match="join the room first"):
        await world.rooms.chat(SPEC, "b", messages.ChatSend(room=ROOM, text="still here", client_id="c_12345678"))


async def test_a_closed_account_leaves_though_its_line_is_lost_or_the_front_was_started_again(world: World) -> None:
    await world.rooms.join(GP, "a", join())
    seat = participant_id(ROOM, GP.id)
    front = world.front()
    await front.worker_up({"rooms": {ROOM: {"participants": {seat: {}}}}}, lambda room: True)
    front.expel(practitioner=GP.id)
    await asyncio.sleep(0)
    while ("leave", {"room": ROOM, "participant": seat}) not in world.media.calls:
        await asyncio.sleep(0)


async def test_a_stop_while_the_disk_is_full_is_not_undone_by_space(world: World) -> None:
    for action, mark in (("stop", "paused"), ("withdraw", "off")):
        world.media.calls.clear()
        rooms = world.front()
        await rooms.join(GP, "a", join())
        await rooms.media_event({"event": "recording", "recording": RECORDING, "state": "alarm", "reason": "disk-full"})
        await rooms.record(ROOM, action)
        assert world.media.names()[-1] == "record.pause"
        await rooms.media_event({"event": "recording", "recording": RECORDING, "state": "recording"})
        last = world.speaker.events("recording")[-1]
        assert (last["state"], last["reason"]) == (mark, None)


async def test_who_comes_in_while_the_disk_is_full_sees_that_nothing_is_recorded(world: World) -> None:
    await world.rooms.join(GP, "a", join())
    alarm = {"event": "recording", "recording": RECORDING, "state": "alarm", "reason": "disk-full"}
    await world.rooms.media_event(alarm)
    assert (await world.rooms.join(SPEC, "b", join()))["recording"] == "paused"
    world.media.answers["record.start"] = {"state": "alarm", "reason": "disk-full"}
    assert (await world.front().join(GP, "c", join()))["recording"] == "paused"


async def test_a_front_that_was_started_again_stops_a_recorder_that_should_not_run(world: World) -> None:
    world.calls.mark = "off"
    await world.front().join(GP, "a", join())
    assert "record.pause" in world.media.names() and "record.start" not in world.media.names()


async def test_a_recorder_that_fails_does_not_keep_people_out_of_the_call(world: World) -> None:
    world.media.refusals["record.start"] = RuntimeError("journal")
    assert (await world.rooms.join(GP, "a", join()))["recording"] == "paused"


async def test_whoever_joins_while_the_call_is_ended_is_not_left_in_it(world: World) -> None:
    """The row is committed before the room hears of it: between the two nobody may open the room anew."""
    gate = world.calls.ticket_gate = asyncio.Event()
    joining = asyncio.create_task(world.rooms.join(GP, "a", join()))
    while not world.calls.tickets:
        await asyncio.sleep(0)
    closing = asyncio.create_task(world.rooms.close(ROOM, "consultation", "case-1", RECORDING, None, "hung-up"))
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(joining, closing)
    assert ("a", "room.ended") in [(to, event) for to, event, _ in world.speaker.said]
    assert world.rooms.counts() == {"rooms": 0, "people": 0}


async def test_a_join_that_the_worker_refuses_leaves_no_nameless_person(world: World) -> None:
    world.media.refusals["join"] = MediaDown()
    with pytest.raises(MediaDown):
        await world.rooms.join(GP, "a", join())
    world.media.refusals.clear()
    answer = await world.rooms.join(SPEC, "b", join())
    assert [person["name"] for person in answer["people"]] == ["Li Wei"]


async def test_a_seat_is_given_up_though_the_worker_is_away_and_the_worker_is_told_later(world: World) -> None:
    await world.rooms.join(GP, "a", join())
    await world.rooms.join(SPEC, "b", join())
    world.media.refusals["leave"] = MediaDown()
    await world.rooms.leave("b", messages.RoomLeave(room=ROOM))
    assert [person["name"] for person in world.speaker.events("room.people")[-1]["people"]] == ["Chen Jie"]
    world.media.refusals.clear()
    seats: Json = {participant_id(ROOM, each.id): {} for each in (GP, SPEC)}
    await world.rooms.worker_up({"rooms": {ROOM: {"participants": seats}}}, lambda room: True)
    assert world.media.calls[-1] == ("record.start", world.media.calls[-1][1])
    assert ("leave", {"room": ROOM, "participant": participant_id(ROOM, SPEC.id)}) in world.media.calls


async def test_who_was_away_while_the_worker_died_is_told_that_their_connections_are_gone(world: World) -> None:
    await world.rooms.join(GP, "a", join())
    await world.rooms.disconnected("a")
    await world.rooms.worker_up({"rooms": {}}, lambda room: True)
    assert (await world.rooms.join(GP, "b", join()))["known"] is False
    assert (await world.rooms.join(GP, "b", join()))["known"] is True


async def test_a_lost_hang_up_and_a_lost_seal_are_made_good_at_the_next_look(world: World) -> None:
    await world.rooms.join(GP, "a", join())
    await world.rooms.reconcile()
    assert world.speaker.events("room.ended") == []
    world.calls.over = True
    world.media.refusals["record.seal"] = StorageFailed()
    await world.rooms.reconcile()
    await world.tasks.settle()
    assert len(world.speaker.events("room.ended")) == 1 and world.calls.sealed_with == []
    world.media.refusals.clear()
    await world.rooms.reconcile()
    await world.tasks.settle()
    assert world.calls.sealed_with == [(RECORDING, {"duration": 12.0})]


async def test_a_lost_stop_is_made_good_at_the_next_look(world: World) -> None:
    await world.rooms.join(GP, "a", join())
    world.calls.mark = "paused"
    await world.rooms.reconcile()
    assert world.media.names()[-1] == "record.pause"


async def test_a_call_in_which_nobody_was_is_sealed_as_empty(world: World) -> None:
    world.media.refusals["record.seal"] = UnknownRecording()
    world.calls.over = True
    await world.rooms.reconcile()
    await world.tasks.settle()
    assert world.calls.sealed_with == []  # perhaps another node's
    await world.rooms.close(ROOM, "consultation", "case-1", RECORDING, None, "hung-up")
    await world.tasks.settle()
    assert world.calls.sealed_with == [(RECORDING, {"duration": 0.0, "tracks": []})]
