"""A media worker that does not answer: nobody who hangs up waits for it."""

from __future__ import annotations

import asyncio
from typing import Any

from signaling.ports import Json
from tests.unit.signaling.world import GP, RECORDING, ROOM, SPEC, World, join


async def test_a_hang_up_does_not_wait_for_a_wedged_worker(world: World) -> None:
    await world.rooms.join(GP, "a", join())
    wedged, answer = asyncio.Event(), world.media.call

    async def call(room: str, name: str, **arguments: Any) -> Json:
        if name == "join":
            await wedged.wait()
        return await answer(room, name, **arguments)

    world.media.call = call  # type: ignore[method-assign]
    joining = asyncio.ensure_future(world.rooms.join(SPEC, "b", join()))
    async with asyncio.timeout(5):  # a call to a worker may take three times as long
        await world.rooms.close(ROOM, "consultation", "case-1", RECORDING, "Li Wei", "hung-up")
    assert world.speaker.events("room.ended")[-1]["by"] == "Li Wei"
    assert not joining.done()
    wedged.set()
    await joining
    await world.tasks.settle()
    assert ("b", "room.ended") in [(to, event) for to, event, _ in world.speaker.said], "who came in meanwhile is told"
    assert world.calls.sealed_with == [(RECORDING, {"duration": 12.0})]
    assert not world.rooms.has(ROOM)
