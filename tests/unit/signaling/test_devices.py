"""An encoder in a lecture's room waits, goes on the air, keeps it there, and hosts hear of it; no call is its own."""

from __future__ import annotations

import pytest

from signaling.ports import Json, RunningCall
from tests.unit.signaling.world import RECORDING, ROOM, Calls, World

HOST = "p_speaker"


class Talk(Calls):
    """A lecture that is awaited, and live from when a test says so."""

    live = False

    async def running(self) -> list[RunningCall]:
        if self.over:
            return []
        on_air = RunningCall(ROOM, "lecture", ROOM, RECORDING, "on", HOST)
        return [on_air if self.live else RunningCall(ROOM, "lecture", ROOM, None, "off")]


@pytest.fixture
def world() -> World:
    world = World()
    world.calls = Talk()
    world.media.answers["ingest"] = {"sdp": "answer", "ice": "e1", "kinds": ["audio", "video"]}
    world.rooms = world.front()
    return world


def talk(world: World) -> Talk:
    assert isinstance(world.calls, Talk)
    return world.calls


async def begin(world: World) -> str:
    answer = await world.rooms.devices.begin(ROOM, "token-1", "OBS", "publish", "v=0")
    session: str = answer["session"]
    return session


def seat(world: World) -> str:
    participant: str = next(arguments for name, arguments in world.media.calls if name == "ingest")["participant"]
    return participant


async def peer(world: World, session: str, state: str) -> None:
    event = {"event": "peer", "room": ROOM, "participant": seat(world), "direction": "publish"}
    await world.rooms.media_event({**event, "session": session, "state": state})
    await world.tasks.settle()


async def test_an_encoder_waits_unrecorded_until_the_lecture_begins(world: World) -> None:
    session = await begin(world)
    await peer(world, session, "connected")
    assert "record.start" not in world.media.names()
    assert world.pictures == [(ROOM, "OBS")]  # hosts are told of it, viewers of nothing
    assert await world.rooms.devices.present(ROOM) == {"tokens": ["token-1"]}
    talk(world).live = True
    await world.rooms.record(ROOM, "begin")
    started = next(arguments for name, arguments in world.media.calls if name == "record.start")
    assert (started["recording"], started["options"]) == (RECORDING, {"low_latency": True, "host": HOST})
    assert world.speaker.events("recording")[-1]["state"] == "on"
    await world.rooms.record(ROOM, "begin")
    assert world.media.names().count("record.start") == 1


async def test_a_start_that_nobody_was_told_of_is_found_by_the_next_look(world: World) -> None:
    await begin(world)
    talk(world).live = True
    await world.rooms.reconcile()
    assert "record.start" in world.media.names()


async def test_a_lecture_that_begins_with_nobody_in_it_needs_no_room(world: World) -> None:
    talk(world).live = True
    await world.rooms.record(ROOM, "begin")
    assert world.media.calls == [] and not world.rooms.has(ROOM)


async def test_an_encoder_alone_keeps_a_lecture_on_the_air_and_its_loss_does_not(world: World) -> None:
    talk(world).live = True
    session = await begin(world)
    await peer(world, session, "connected")
    for now in (0.0, 700.0, 1400.0):
        await world.rooms.watch_empty(now)
    assert world.calls.ended_empty == []
    await peer(world, session, "failed")
    assert world.pictures[-2:] == [(ROOM, "away"), (ROOM, "")]
    for now in (2000.0, 2700.0):
        await world.rooms.watch_empty(now)
    assert world.calls.ended_empty == [ROOM]


async def test_viewers_hear_of_an_encoder_that_said_goodbye(world: World) -> None:
    talk(world).live = True
    session = await begin(world)
    await peer(world, session, "connected")
    await world.rooms.devices.end(ROOM, "token-1", session)
    await peer(world, session, "closed")  # its seat is gone already
    assert world.pictures[-1] == (ROOM, "away")
    assert await world.rooms.devices.present(ROOM) == {"tokens": []}


async def test_what_waits_is_out_when_the_lecture_is_called_off(world: World) -> None:
    await begin(world)
    talk(world).over = True
    await world.rooms.close(ROOM, "lecture", ROOM, None, None, "cancelled")
    await world.tasks.settle()
    assert world.media.names()[-1] == "close_room" and not world.rooms.has(ROOM)
    assert world.pictures[-1] == (ROOM, "")


async def test_an_encoder_that_came_back_before_the_workers_account_was_read_keeps_its_seat(world: World) -> None:
    talk(world).live = True
    told: Json = {"rooms": {}}  # by a worker that has just started; then the encoder is faster than its reader
    await begin(world)
    world.media.answers["snapshot"] = {"rooms": {ROOM: {"participants": {seat(world): {}}}}}
    await world.rooms.worker_up(told, lambda room: True)
    assert await world.rooms.devices.present(ROOM) == {"tokens": ["token-1"]}
    assert "leave" not in world.media.names()


async def test_an_encoder_of_a_worker_that_died_has_its_seat_no_longer(world: World) -> None:
    talk(world).live = True
    await begin(world)
    world.media.answers["snapshot"] = {"rooms": {}}
    await world.rooms.worker_up({"rooms": {}}, lambda room: True)
    assert await world.rooms.devices.present(ROOM) == {"tokens": []}
    assert world.pictures[-1] == (ROOM, "")


async def test_a_device_alone_keeps_no_call(world: World) -> None:
    world.calls = Calls()
    world.rooms = world.front()
    await begin(world)
    for now in (0.0, 700.0):
        await world.rooms.watch_empty(now)
    assert world.calls.ended_empty == [ROOM]
