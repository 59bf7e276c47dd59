"""Calls while they run: seats, the recording mark, and what happens when a process dies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from signaling import messages
from signaling.ports import Json, RunningCall, SocketError, Ticket
from signaling.rooms import Rooms
from tele.domain.access import Actor
from tele.domain.seat import participant_id
from tele.services.tasks import Tasks

ROOM = "room-0123456789"
RECORDING = "recording-012345"


class MediaDown(Exception):
    code = "media-down"


class StorageFailed(Exception):
    code = "storage-failed"


class UnknownRecording(Exception):
    code = "unknown-recording"


class Media:
    """Remembers commands; the seal can be made to fail a few times, as while a worker starts."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Json]] = []
        self.answers: dict[str, Json] = {"join": {"codec": "H264"}, "record.seal": {"duration": 12.0}}
        self.refusals: dict[str, Exception] = {}
        self.failing_seals = 0

    async def call(self, room: str, name: str, **arguments: Any) -> Json:
        self.calls.append((name, {"room": room, **arguments}))
        if name == "record.seal" and self.failing_seals:
            self.failing_seals -= 1
            raise MediaDown
        if name in self.refusals:
            raise self.refusals[name]
        return self.answers.get(name, {})

    def names(self) -> list[str]:
        return [name for name, _ in self.calls]


class Speaker:
    """Remembers what was said to whom."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str, Json]] = []
        self.members: dict[str, set[str]] = {}

    async def to_person(self, sid: str, event: str, payload: Json) -> None:
        self.said.append((sid, event, payload))

    async def to_room(self, room: str, event: str, payload: Json, *, skip: str | None = None) -> None:
        self.said.append((f"room:{room}", event, payload))

    async def enter(self, sid: str, room: str) -> None:
        self.members.setdefault(room, set()).add(sid)

    async def exit(self, sid: str, room: str) -> None:
        self.members.setdefault(room, set()).discard(sid)

    def events(self, event: str) -> list[Json]:
        return [payload for _, name, payload in self.said if name == event]


class Calls:
    """One call in progress, with a consented recording."""

    def __init__(self) -> None:
        self.mark: Any = "on"
        self.over = False
        self.sealed_with: list[tuple[str, Json]] = []
        self.ended_empty: list[str] = []
        self.tickets = 0
        self.ticket_gate: asyncio.Event | None = None

    async def ticket(self, actor: Actor, room: str) -> Ticket:
        if room != ROOM:
            raise SocketError("not-found")
        self.tickets += 1
        if self.ticket_gate is not None:
            await self.ticket_gate.wait()
        return Ticket(room, "case-1", actor.name, actor.roles[0][0], RECORDING, self.mark, ())

    async def running(self) -> list[RunningCall]:
        return [] if self.over else [RunningCall(ROOM, "case-1", RECORDING, self.mark)]

    async def unsealed(self) -> list[tuple[str, str]]:
        return [(ROOM, RECORDING)] if self.over and not self.sealed_with else []

    async def sealed(self, recording: str, summary: Json) -> None:
        self.sealed_with.append((recording, summary))

    async def chat(self, actor: Actor, consultation: str, room: str, text: str, client_id: str) -> Json:
        return {"text": text, "author": {"id": actor.id}}

    async def file_in_case(self, consultation: str, file: str) -> bool:
        return file == "file-of-case"

    async def end_empty(self, room: str) -> None:
        self.ended_empty.append(room)


class World:
    def __init__(self) -> None:
        self.media, self.speaker, self.calls, self.tasks = Media(), Speaker(), Calls(), Tasks("test")
        self.owned = True
        self.rooms = self.front()

    def front(self) -> Rooms:
        """A front process as it starts: it knows of no room."""

        async def owns(room: str) -> bool:
            return self.owned

        return Rooms(
            media=self.media, speaker=self.speaker, calls=self.calls, tasks=self.tasks, ice_servers=[], owns=owns,
            segment_seconds=10, empty_limit=600,
        )  # fmt: skip


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.tasks.close()


GP = Actor("gp-1", "Chen Jie", "en", (("gp", "phc"),), frozenset(), "s1")
SPEC = Actor("spec-1", "Li Wei", "en", (("specialist", "hospital"),), frozenset({"cardiology"}), "s2")


def join(room: str = ROOM) -> messages.RoomJoin:
    return messages.RoomJoin(room=room, codecs=["H264", "VP9"])


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


async def test_a_full_disk_pauses_the_mark_and_space_brings_it_back(world: World) -> None:
    await world.rooms.join(GP, "a", join())
    alarm = {"event": "recording", "recording": RECORDING, "state": "alarm", "reason": "disk-full"}
    await world.rooms.media_event(alarm)
    await world.rooms.media_event({"event": "recording", "recording": RECORDING, "state": "recording"})
    marks = [(each["state"], each["reason"]) for each in world.speaker.events("recording")]
    assert marks == [("on", None), ("paused", "disk-full"), ("on", None)]


async def test_hang_up_tells_everybody_and_seals_even_while_the_worker_starts(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asyncio, "sleep", lambda seconds: _turn())
    await world.rooms.join(GP, "a", join())
    world.media.failing_seals = 3
    await world.rooms.close(ROOM, "case-1", RECORDING, "Li Wei", "hung-up")
    assert world.speaker.events("room.ended")[-1]["by"] == "Li Wei"
    await world.tasks.settle()
    assert world.calls.sealed_with == [(RECORDING, {"duration": 12.0})]
    assert "close_room" in world.media.names()


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
    closing = asyncio.create_task(world.rooms.close(ROOM, "case-1", RECORDING, None, "hung-up"))
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
    await world.rooms.close(ROOM, "case-1", RECORDING, None, "hung-up")
    await world.tasks.settle()
    assert world.calls.sealed_with == [(RECORDING, {"duration": 0.0, "tracks": []})]


async def _turn() -> None:
    """Lets others run, instead of waiting."""
