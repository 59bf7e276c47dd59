"""Finding the node of a call: what a refused or vanished visitor may not leave behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisAway

from signaling import messages, relay
from signaling.gateway import Gateway
from signaling.ports import Json, SocketError
from signaling.relay import Relay
from tele.services.tasks import Tasks
from tests.unit.signaling.test_rooms import GP, ROOM, World, join


class Shelf:
    """As much of Redis as leases need."""

    def __init__(self) -> None:
        self.held: dict[str, str] = {}
        self.renewals = 0
        self.away = False

    async def set(self, key: str, value: str, *, nx: bool, ex: float) -> bool:
        if self.away:
            raise RedisAway
        return self.held.setdefault(key, value) == value

    async def get(self, key: str) -> str | None:
        return self.held.get(key)

    async def delete(self, key: str) -> None:
        self.held.pop(key, None)

    async def eval(self, *_: object) -> int:
        self.renewals += 1
        return 0

    async def publish(self, channel: str, text: str) -> int:
        return 0


@pytest.fixture
async def tasks() -> AsyncIterator[Tasks]:
    tasks = Tasks("test")
    yield tasks
    await tasks.close()


def gateway(world: World, shelf: Any) -> Gateway:
    return Gateway(world.rooms, world.tasks, "a", shelf)


async def test_a_stranger_who_knocks_at_rooms_makes_this_node_nobodys_owner(tasks: Tasks) -> None:
    world, shelf = World(), Shelf()
    door = gateway(world, shelf)
    for number in range(3):
        room = f"room-unknown-{number}"
        with pytest.raises(SocketError, match="not-found"):
            await door.handle(GP, "a", join(room))
        with pytest.raises(SocketError, match="join the room first"):
            await door.handle(GP, "a", messages.ChatSend(room=room, text="hello", client_id="c_12345678"))
    assert shelf.held == {}
    await door.handle(GP, "a", join())
    assert list(shelf.held) == [f"tele:room:{ROOM}"]
    with pytest.raises(SocketError):
        await door.handle(GP, "b", join("room-unknown-4"))
    assert list(shelf.held) == [f"tele:room:{ROOM}"]
    await world.tasks.close()


async def test_the_end_of_a_page_is_no_error_though_the_calls_node_is_away(tasks: Tasks) -> None:
    world, shelf = World(), Shelf()
    shelf.held[f"tele:room:{ROOM}"] = "b"
    door = gateway(world, shelf)
    with pytest.raises(SocketError, match="node is away"):
        await door.handle(GP, "a", join())
    await door.disconnected("a")


async def test_leases_are_renewed_after_redis_was_away(tasks: Tasks, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf: Any = Shelf()
    monkeypatch.setattr(relay, "LEASE", 0.003)

    async def handle(call: Json) -> Json:
        return {}

    leases = Relay(shelf, "a", tasks, handle)
    assert await leases.owner(ROOM) == "a"
    shelf.away = True
    tasks.spawn(leases._renew(), "renew")
    async with asyncio.timeout(5):
        while shelf.renewals < 3:
            await asyncio.sleep(0)
