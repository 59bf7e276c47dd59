"""How many watch a lecture, over nodes that share a real Redis."""

from __future__ import annotations

from redis.asyncio import Redis

from signaling.heads import ALIVE, SharedHeads

TALK, OTHER = "lecture-1", "lecture-2"


class Time:
    def __init__(self) -> None:
        self.now = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


async def test_each_node_hears_how_many_watch_on_the_others(redis_url: str) -> None:
    async with Redis.from_url(redis_url) as redis:
        await redis.flushdb()
        time = Time()
        west, east, north = (SharedHeads(redis, node, wall=time) for node in ("west", "east", "north"))
        assert await west.elsewhere({TALK: 40}) == {}
        assert await east.elsewhere({TALK: 2, OTHER: 5}) == {TALK: 40}
        assert await north.elsewhere({}) == {TALK: 42, OTHER: 5}  # where nobody watches it is known as well
        assert await west.elsewhere({TALK: 41}) == {TALK: 2, OTHER: 5}
        time.now += ALIVE / 2
        assert await east.elsewhere({}) == {TALK: 41}
        time.now += ALIVE / 2 + 1  # of the others nothing was heard meanwhile
        assert await north.elsewhere({}) == {}


async def test_without_redis_a_node_counts_its_own(redis_url: str) -> None:
    async with Redis.from_url("redis://127.0.0.1:1/0") as nowhere:
        assert await SharedHeads(nowhere, "west").elsewhere({TALK: 3}) == {}
