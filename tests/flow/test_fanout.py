"""Notifications between nodes: through a real Redis, through one that was started again, and past one that hangs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import RedisError

from signaling.fanout import REST, Fanout, commands
from signaling.relay import Relay
from tele.services.tasks import Tasks
from tests import peers


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@contextlib.asynccontextmanager
async def hung_redis() -> AsyncIterator[str]:
    """Takes every connection and never says a word."""

    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            while await reader.read(4096):
                pass

    server = await asyncio.start_server(silence, "127.0.0.1", 0)
    async with server:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"


class Ear:
    """Hears what a node's manager would carry out."""

    def __init__(self, fanout: Fanout) -> None:
        self.heard: list[bytes] = []
        self._task = asyncio.ensure_future(self._listen(fanout))

    async def _listen(self, fanout: Fanout) -> None:
        async for data in fanout._listen():
            self.heard.append(data)

    async def until_it_hears(self, other: Fanout, clock: Clock) -> None:
        """Another node speaks until this one has heard it."""
        before = len(self.heard)
        async with asyncio.timeout(10):
            while len(self.heard) == before:
                clock.now += REST
                await other._publish({"method": "emit"})
                await asyncio.sleep(0.02)

    def close(self) -> None:
        self._task.cancel()


async def test_nodes_hear_each_other_again_after_redis_was_started_anew(tmp_path: Path) -> None:
    port, clock = peers.free_port(), Clock()
    url = f"redis://127.0.0.1:{port}/0"
    one, other = Fanout(url, clock=clock), Fanout(url, clock=clock)
    with peers.redis_server(tmp_path, port):
        ear = Ear(one)
        await ear.until_it_hears(other, clock)
    await other._publish({"method": "emit"})
    assert other.dropped > 0
    with peers.redis_server(tmp_path, port):
        await ear.until_it_hears(other, clock)
    ear.close()


async def test_a_hung_redis_holds_nobody_up() -> None:
    async with hung_redis() as url:
        clock = Clock()
        fanout = Fanout(url, clock=clock)
        async with asyncio.timeout(5):
            for _ in range(1000):
                await fanout._publish({"method": "emit"})
        assert fanout.dropped == 1000
        client = commands(url)
        async with asyncio.timeout(5):
            with pytest.raises(RedisError):
                await client.get("room")
        await client.aclose()


async def test_a_node_without_signals_stays_subscribed(redis_url: str) -> None:
    """The limit on commands is none on waiting for the next signal."""
    answered: list[Any] = []

    async def handle(call: dict[str, Any]) -> dict[str, Any]:
        answered.append(call)
        return {"done": True}

    tasks = Tasks("test")
    quiet, asking = (
        Relay(commands(redis_url), "quiet", tasks, handle),
        Relay(commands(redis_url), "asking", tasks, handle),
    )
    quiet.start()
    asking.start()
    await asyncio.sleep(2.5)  # longer than a command may take, twice
    assert await asking.ask("quiet", {"call": {"do": "nothing"}}) == {"done": True}
    assert answered == [{"do": "nothing"}]
    await tasks.close()
