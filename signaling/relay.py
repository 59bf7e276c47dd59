"""Rooms across nodes: each call lives on one node, and the others hand its messages over to it through Redis."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from signaling.ports import Json, SocketError
from tele.services.tasks import Tasks

log = structlog.get_logger(__name__)

LEASE = 20
"""Seconds for which a node owns a room without saying so again; a dead node's rooms are free after this."""
ANSWER_LIMIT = 10.0
MAX_WAITING = 10_000
"""Answers that this node may wait for at once."""

_RENEW = """
if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('expire', KEYS[1], ARGV[2]) end
return 0
"""

Handle = Callable[[Json], Awaitable[Json]]


class Relay:
    """Finds the node of a room and carries calls there and answers back.

    Only signals pass here. If Redis goes, calls whose people are all on one node notice nothing; others keep their
    media and get `media-down` for new signals until it is back.
    """

    def __init__(self, redis: Redis, node: str, tasks: Tasks, handle: Handle) -> None:
        self._redis = redis
        self._node = node
        self._tasks = tasks
        self._handle = handle
        self._owned: set[str] = set()
        self._waiting: dict[str, asyncio.Future[Json]] = {}

    def start(self) -> None:
        """Listen for the other nodes until the tasks' owner closes."""
        self._tasks.spawn(self._listen(), "relay-listen")
        self._tasks.spawn(self._renew(), "relay-renew")

    async def owner(self, room: str) -> str:
        """The node that has the room; this one, when nobody had it. Raises SocketError `media-down` without Redis."""
        if room in self._owned:
            return self._node
        key = f"tele:room:{room}"
        try:
            if await self._redis.set(key, self._node, nx=True, ex=LEASE):
                self._owned.add(room)
                return self._node
            holder = await self._redis.get(key)
        except RedisError as reason:
            raise SocketError("media-down", "the nodes do not hear each other now") from reason
        holder = holder.decode() if isinstance(holder, bytes) else holder
        if holder == self._node:  # this node's process before a restart had it
            self._owned.add(room)
        return holder or self._node

    async def release(self, room: str) -> None:
        """The call is over."""
        if room in self._owned:
            self._owned.discard(room)
            try:
                await self._redis.delete(f"tele:room:{room}")
            except RedisError as reason:
                log.warning("relay.redis_away", reason=type(reason).__name__)  # the lease ends by itself

    async def ask(self, node: str, call: Json) -> Json:
        """Have another node carry out a call; raises SocketError as it was raised there."""
        if len(self._waiting) >= MAX_WAITING:
            raise SocketError("too-many", "too many signals under way")
        number = secrets.token_urlsafe(9)
        answer: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            asked = json.dumps({"id": number, "from": self._node, **call})
            heard = await self._redis.publish(_channel(node), asked)
            if not heard:
                raise SocketError("media-down", "the call's node is away")
            result = await asyncio.wait_for(answer, ANSWER_LIMIT)
        except (RedisError, TimeoutError) as reason:
            raise SocketError("media-down", "the call's node does not answer") from reason
        finally:
            self._waiting.pop(number, None)
        if "error" in result:
            raise SocketError(str(result["error"]["code"]), str(result["error"]["text"]))
        value: Json = result["result"]
        return value

    async def _listen(self) -> None:
        while True:
            try:
                async with self._redis.pubsub() as channel:
                    await channel.subscribe(_channel(self._node))
                    while True:
                        message = await channel.get_message(ignore_subscribe_messages=True, timeout=30)
                        if message is not None:
                            self._heard(message["data"])
            except (RedisError, OSError) as reason:
                log.warning("relay.redis_away", reason=type(reason).__name__)
                await asyncio.sleep(1)

    def _heard(self, data: Any) -> None:
        try:
            message = json.loads(data)
            answer = self._waiting.get(str(message["id"]))
            if "call" in message:
                self._tasks.spawn(self._carry_out(message), "relay-call")
            elif answer is not None and not answer.done():
                answer.set_result(message)
        except (ValueError, TypeError, KeyError):
            log.warning("relay.junk_on_channel")  # another program's words; ours are always well-formed

    async def _carry_out(self, message: Json) -> None:
        answer: Json = {"id": message["id"]}
        try:
            answer["result"] = await self._handle(message["call"])
        except Exception as error:
            code = getattr(error, "code", None)
            if not isinstance(code, str):
                log.exception("relay.call_failed")
            answer["error"] = {"code": code or "internal", "text": str(error) if code else "internal error"}
        try:
            await self._redis.publish(_channel(str(message["from"])), json.dumps(answer))
        except RedisError as reason:
            log.warning("relay.redis_away", reason=type(reason).__name__)  # the asker's time limit tells it

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(LEASE / 3)
            for room in list(self._owned):
                try:
                    kept = await self._redis.eval(_RENEW, 1, f"tele:room:{room}", self._node, LEASE)
                    if not kept and not await self._redis.set(f"tele:room:{room}", self._node, nx=True, ex=LEASE):
                        self._owned.discard(room)
                except (RedisError, OSError) as reason:
                    log.warning("relay.redis_away", reason=type(reason).__name__)
                    break


def _channel(node: str) -> str:
    return f"tele:node:{node}"
