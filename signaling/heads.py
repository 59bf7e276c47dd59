"""How many pages watch each lecture on the other nodes: every node says its own numbers and hears theirs."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Protocol

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)

KEY = "tele:watching"
"""A hash: node → its numbers by lecture, and when it said so."""
ALIVE = 15.0
"""Seconds after which a node that says nothing more counts as gone, and its viewers with it."""


class Heads(Protocol):
    """The viewers that this node does not see."""

    async def elsewhere(self, here: Mapping[str, int]) -> dict[str, int]:
        """Tell the others how many watch here, by lecture; how many do on all of theirs together."""


class NoHeads:
    """Of a node that is alone."""

    async def elsewhere(self, here: Mapping[str, int]) -> dict[str, int]:
        """Nobody."""
        return {}


class SharedHeads:
    """Of nodes that share a Redis. While it is away, each node knows its own viewers alone."""

    def __init__(self, redis: Redis, node: str, *, wall: Callable[[], float] = time.time) -> None:
        self._redis = redis
        self._node = node
        self._wall = wall

    async def elsewhere(self, here: Mapping[str, int]) -> dict[str, int]:
        """As of what each of the others said in the last seconds."""
        now = self._wall()
        try:
            pipeline = self._redis.pipeline(transaction=False)
            pipeline.hset(KEY, self._node, json.dumps({"at": now, "watching": dict(here)}))
            pipeline.expire(KEY, int(ALIVE * 4))
            pipeline.hgetall(KEY)
            said: dict[bytes, bytes] = (await pipeline.execute())[-1]
        except RedisError as reason:
            log.warning("heads.redis_away", reason=type(reason).__name__)
            return {}
        found: Counter[str] = Counter()
        for node, text in said.items():
            told = json.loads(text)
            if node.decode() != self._node and now - told["at"] <= ALIVE:
                found.update(told["watching"])
        return dict(found)
