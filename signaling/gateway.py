"""Brings each message about a room to the node that has it: this one, or another through the relay."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import asdict
from typing import Any

import structlog
from redis.asyncio import Redis

from signaling import messages
from signaling.ports import Json, SocketError
from signaling.relay import Relay
from signaling.room import Kind
from signaling.rooms import Rooms
from tele.domain.access import Actor
from tele.services.tasks import Tasks

log = structlog.get_logger(__name__)

RoomHandler = Callable[[Actor, str, Any], Awaitable[Json]]


class Gateway:
    """One door to all calls of the consortium. Without Redis every room is here."""

    def __init__(self, rooms: Rooms, tasks: Tasks, node: str, redis: Redis | None) -> None:
        self._rooms = rooms
        self._node = node
        self._relay = Relay(redis, node, tasks, self._asked) if redis is not None else None
        self._elsewhere: dict[str, dict[str, str]] = {}
        """Connection → room → node, for rooms that other nodes have."""
        self.handlers: dict[str, RoomHandler] = {
            "room.join": rooms.join,
            "room.leave": lambda _, sid, message: rooms.leave(sid, message),
            "media.publish": lambda _, sid, message: rooms.publish(sid, message),
            "media.subscribe": lambda _, sid, message: rooms.subscribe(sid, message),
            "media.answer": lambda _, sid, message: rooms.answer(sid, message),
            "media.state": lambda _, sid, message: rooms.state(sid, message),
            "chat.send": rooms.chat,
            "pointer.move": lambda _, sid, message: rooms.pointer(sid, message),
            "stage.show": lambda _, sid, message: rooms.stage(sid, message),
        }

    def start(self) -> None:
        """Begin to hear the other nodes."""
        if self._relay is not None:
            self._relay.start()

    async def owns(self, room: str) -> bool:
        """Whether this node looks after the room; a room that nobody has becomes ours."""
        return self._relay is None or await self._relay.owner(room) == self._node

    async def handle(self, actor: Actor, sid: str, message: messages.ClientMessage) -> Json:
        """Carry out a message about a room, wherever that is."""
        room: str = message.room  # type: ignore[attr-defined]
        if self._relay is None:
            return await self.handlers[message.event](actor, sid, message)
        if message.event == "room.join":
            return await self._join(self._relay, actor, sid, message)
        node = self._elsewhere.get(sid, {}).get(room, self._node)  # who has not joined has no seat anywhere
        if node == self._node:
            return await self.handlers[message.event](actor, sid, message)
        return await self._relay.ask(node, {"call": _call(actor, sid, message)})

    async def _join(self, relay: Relay, actor: Actor, sid: str, message: messages.ClientMessage) -> Json:
        room: str = message.room  # type: ignore[attr-defined]
        node = await relay.owner(room)
        if node != self._node:
            self._elsewhere.setdefault(sid, {})[room] = node
            answer = await relay.ask(node, {"call": _call(actor, sid, message)})
            # Once more: if the connection ended meanwhile, its end has to be told after the join as well.
            self._elsewhere.setdefault(sid, {})[room] = node
            return answer
        self._elsewhere.get(sid, {}).pop(room, None)
        try:
            return await self.handlers[message.event](actor, sid, message)
        finally:
            if not self._rooms.has(room):  # whoever was refused has made this node no room's owner
                await relay.release(room)

    async def device(self, room: str, act: str, **arguments: Any) -> Json:
        """A device's `begin`, `patch` or `end`, or `expel` for its token's end, wherever the room is."""
        call = {"do": "device", "act": act, "room": room, "arguments": arguments}
        if self._relay is None:
            return await self._asked(call)
        node = await self._relay.owner(room)
        if node != self._node:
            return await self._relay.ask(node, {"call": call})
        try:
            return await self._asked(call)
        finally:
            if not self._rooms.has(room):
                await self._relay.release(room)

    async def disconnected(self, sid: str) -> None:
        """A connection of this node ended."""
        await self._rooms.disconnected(sid)
        for node in set(self._elsewhere.pop(sid, {}).values()):
            if self._relay is not None:
                try:
                    await self._relay.ask(node, {"call": {"do": "disconnected", "sid": sid}})
                except SocketError as reason:
                    log.warning("gateway.end_not_told", node=node, reason=reason.code)

    def sessions(self) -> set[str]:
        """The sign-in sessions that hold seats on this node; each node looks after its own."""
        return self._rooms.sessions()

    def expel(self, *, practitioner: str | None = None, sessions: Collection[str] = ()) -> None:
        """Take the seats on this node of a person, or of these sign-in sessions, and their media with them."""
        self._rooms.expel(practitioner=practitioner, sessions=sessions)

    async def close(
        self, room: str, kind: Kind, subject: str, recording: str | None, by: str | None, reason: str
    ) -> None:
        """A call is over (LiveRooms)."""
        if self._relay is None or (node := await self._owner_or_self(room)) == self._node:
            await self._rooms.close(room, kind, subject, recording, by, reason)
            if self._relay is not None:
                await self._relay.release(room)
            return
        call = {"kind": kind, "subject": subject, "recording": recording, "by": by, "reason": reason}
        await self._relay.ask(node, {"call": {"do": "close", "room": room, **call}})

    async def record(self, room: str, action: str) -> None:
        """A recording's wanted state changed (LiveRooms)."""
        if self._relay is None or (node := await self._owner_or_self(room)) == self._node:
            await self._rooms.record(room, action)
            if self._relay is not None and not self._rooms.has(room):  # a lecture that nobody is in has no place yet
                await self._relay.release(room)
        else:
            await self._relay.ask(node, {"call": {"do": "record", "room": room, "action": action}})

    async def unseat(self, room: str, practitioner: str) -> None:
        """Somebody may be in this room no longer (LiveRooms)."""
        if self._relay is None or (node := await self._owner_or_self(room)) == self._node:
            await self._rooms.unseat(room, practitioner)
        else:
            await self._relay.ask(node, {"call": {"do": "unseat", "room": room, "practitioner": practitioner}})

    async def _owner_or_self(self, room: str) -> str:
        assert self._relay is not None
        try:
            return await self._relay.owner(room)
        except SocketError:
            return self._node  # without Redis we at least end what is here; the row is committed either way

    async def _asked(self, call: Json) -> Json:
        """A call that another node hands over."""
        what = call["do"]
        if what == "disconnected":
            await self._rooms.disconnected(str(call["sid"]))
        elif what == "close":
            await self.close(call["room"], call["kind"], call["subject"], call["recording"], call["by"], call["reason"])
        elif what == "device":
            return await self._rooms.devices.acts[call["act"]](room=call["room"], **call["arguments"])
        elif what == "unseat":
            await self._rooms.unseat(call["room"], call["practitioner"])
        elif what == "record":
            await self._rooms.record(call["room"], call["action"])
        else:
            message = messages.parse(str(what), call["payload"])
            return await self.handlers[message.event](_unpack(call["actor"]), str(call["sid"]), message)
        return {}


def _call(actor: Actor, sid: str, message: messages.ClientMessage) -> Json:
    return {"do": message.event, "payload": message.model_dump(), "actor": _pack(actor), "sid": sid}


def _pack(actor: Actor) -> Json:
    return {**asdict(actor), "specialties": sorted(actor.specialties)}


def _unpack(packed: Json) -> Actor:
    roles = tuple((role, organisation) for role, organisation in packed["roles"])
    return Actor(**{**packed, "roles": roles, "specialties": frozenset(packed["specialties"])})
