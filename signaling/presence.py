"""Who has a page open now: in this process, or on any node when they share a Redis."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)

ALIVE = 15.0
"""Seconds after which a node that no longer says so counts as gone, and its open pages with it."""
KEY = "tele:presence:"


class LocalPresence:
    """Open pages of this process."""

    def __init__(self) -> None:
        self._pages: Counter[str] = Counter()

    def opened(self, practitioner: str) -> bool:
        """One more page; True when it is the first."""
        self._pages[practitioner] += 1
        return self._pages[practitioner] == 1

    def closed(self, practitioner: str) -> bool:
        """One page less; True when it was the last."""
        self._pages[practitioner] -= 1
        if self._pages[practitioner] > 0:
            return False
        del self._pages[practitioner]
        return True

    def here(self) -> list[str]:
        """Everybody with a page open here."""
        return list(self._pages)

    async def open_pages(self, practitioner_ids: Collection[str]) -> set[str]:
        """Those of these people who have a page open."""
        return {person for person in practitioner_ids if self._pages[person] > 0}


class SharedPresence(LocalPresence):
    """Open pages of all nodes: each node keeps one sorted set of its people, scored with the time of its last word.

    A lost Redis is not a lost ring: who is here is still known here, the rest counts as away and is reached by mail
    and webhook as well.
    """

    def __init__(self, redis: Redis, node: str, *, wall: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._redis = redis
        self._node = node
        self._wall = wall

    async def open_pages(self, practitioner_ids: Collection[str]) -> set[str]:
        here = await super().open_pages(practitioner_ids)
        away = [person for person in practitioner_ids if person not in here]
        if not away:
            return here
        oldest = self._wall() - ALIVE
        try:
            pipeline = self._redis.pipeline(transaction=False)
            for person in away:
                pipeline.zcount(KEY + person, oldest, "+inf")
            counts = await pipeline.execute()
        except RedisError as reason:
            log.warning("presence.redis_away", reason=type(reason).__name__)
            return here
        return here | {person for person, count in zip(away, counts, strict=True) if count}

    async def say(self) -> None:
        """Tell the others who is here now."""
        now = self._wall()
        pipeline = self._redis.pipeline(transaction=False)
        for person in self.here():
            pipeline.zadd(KEY + person, {self._node: now})
            pipeline.expire(KEY + person, int(ALIVE * 4))
        await pipeline.execute()

    async def gone(self, practitioner: str) -> None:
        """This node's last page of somebody closed."""
        try:
            await self._redis.zrem(KEY + practitioner, self._node)
        except RedisError as reason:
            log.warning("presence.redis_away", reason=type(reason).__name__)  # the entry ages out by itself

    async def run(self) -> None:
        """Say it again and again until cancelled."""
        while True:
            try:
                await self.say()
            except RedisError as reason:
                log.warning("presence.redis_away", reason=type(reason).__name__)
            await asyncio.sleep(ALIVE / 3)
