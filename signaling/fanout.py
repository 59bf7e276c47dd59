"""What one node tells its people, told to the other nodes' people as well: Redis pub/sub that never holds a call up."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from socketio.async_pubsub_manager import AsyncPubSubManager

log = structlog.get_logger(__name__)

CHANNEL: Final = "tele"
PATIENCE: Final = 1.0
"""Seconds that a command may take: Redis answers in a millisecond or hangs."""
REST: Final = 2.0
"""Seconds without further attempts after one that failed. What is published here is notifications: whatever must not be
lost is in the database before."""
RESUBSCRIBE: Final = 1.0


def commands(url: str) -> Redis:
    """A client whose every command ends within a second or two, answered or not."""
    return Redis.from_url(
        url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE, retry=Retry(NoBackoff(), 1), **_alive()
    )  # fmt: skip


def listener(url: str) -> Redis:
    """A client that waits for messages for as long as nobody speaks, and notices when the other end is gone."""
    return Redis.from_url(url, socket_timeout=None, socket_connect_timeout=PATIENCE, **_alive())


class Fanout(AsyncPubSubManager):  # type: ignore[misc]
    """python-socketio's client manager over Redis. Its own people are told first, whatever becomes of the others."""

    name = "tele"

    def __init__(self, url: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(channel=CHANNEL)
        self._speaking, self._hearing = commands(url), listener(url)
        self._clock = clock
        self._rest_until = float("-inf")
        self.dropped = 0
        """Notifications that other nodes did not get."""

    async def _publish(self, data: dict[str, Any]) -> None:
        if self._clock() < self._rest_until:
            self.dropped += 1
            return
        try:
            async with asyncio.timeout(PATIENCE):
                await self._speaking.publish(CHANNEL, json.dumps(data))
        except (RedisError, OSError, TimeoutError) as reason:
            self.dropped += 1
            self._rest_until = self._clock() + REST
            log.warning("fanout.redis_away", reason=type(reason).__name__)

    async def _listen(self) -> AsyncIterator[bytes]:
        while True:
            try:
                async with self._hearing.pubsub(ignore_subscribe_messages=True) as channel:
                    await channel.subscribe(CHANNEL)
                    async for message in channel.listen():
                        yield message["data"]
            except (RedisError, OSError) as reason:
                log.warning("fanout.redis_away", reason=type(reason).__name__)
            await asyncio.sleep(RESUBSCRIBE)


def _alive() -> dict[str, Any]:
    """A machine that vanished without a word is noticed after 25 s."""
    options = {socket.TCP_KEEPIDLE: 10, socket.TCP_KEEPINTVL: 5, socket.TCP_KEEPCNT: 3}
    return {"socket_keepalive": True, "socket_keepalive_options": options}
