"""The Socket.IO server: authenticates connections, reads typed messages in order, and speaks to people and rooms."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime

import socketio
import structlog
from aiohttp import web

from signaling import messages
from signaling.fanout import Fanout
from signaling.gateway import Gateway
from signaling.lectures import Lectures
from signaling.ports import Json
from signaling.presence import LocalPresence, SharedPresence
from tele.domain.access import Actor
from tele.domain.refusals import Refusal
from tele.services.tasks import Tasks

log = structlog.get_logger(__name__)

MAX_MESSAGE = 128 * 1024
"""Bytes of one Socket.IO packet: twice the largest session description."""
RATE = 100.0
"""Messages a second that one connection may send; as many may come at once."""
PAGES_PER_PERSON = 20
NOISY = {"pointer.move"}
"""Messages that are dropped without a word when there are too many of them."""


@dataclass(slots=True)
class Connection:
    """One open page."""

    sid: str
    actor: Actor
    allowance: float = RATE
    measured: float = field(default_factory=time.monotonic)
    cut: bool = False
    """Being closed by us: nothing that still comes from it is listened to."""

    def within_rate(self, now: float) -> bool:
        """A token bucket: `RATE` a second, as many in one go."""
        self.allowance = min(RATE, self.allowance + (now - self.measured) * RATE)
        self.measured = now
        if self.allowance < 1:
            return False
        self.allowance -= 1
        return True


Authenticate = Callable[[web.Request], Awaitable[Actor | None]]


class SocketServer:
    """Implements Notifier, SessionWatch and Speaker over Socket.IO; with Redis, across nodes."""

    def __init__(
        self,
        *,
        authenticate: Authenticate,
        presence: LocalPresence,
        tasks: Tasks,
        audience: Callable[[str], Awaitable[Collection[str]]],
        origins: Callable[[web.Request], bool],
        redis_url: str = "",
    ) -> None:
        self._authenticate = authenticate
        self._audience = audience
        self._same_origin = origins
        self._presence = presence
        self._tasks = tasks
        self._connections: dict[str, Connection] = {}
        self.on_presence: Callable[[str], None] = lambda practitioner: None
        """Called when somebody's first page opens or last page closes."""
        self._has_neighbours = bool(redis_url)
        self.sio = socketio.AsyncServer(
            async_mode="aiohttp",
            async_handlers=False,  # messages of one connection are handled in their order
            transports=["websocket"],
            cors_allowed_origins=[],  # our own check below knows the public address and proxies
            max_http_buffer_size=MAX_MESSAGE,
            ping_interval=10,
            ping_timeout=10,
            client_manager=Fanout(redis_url) if redis_url else None,
            always_connect=False,
        )

    def attach(self, app: web.Application, gateway: Gateway, lectures: Lectures) -> None:
        """Serve /socket.io/ in this application. Raises RuntimeError when a message lacks its handler or its rule."""
        self._gateway, self._lectures = gateway, lectures
        handlers = {"hello", *gateway.handlers, *lectures.handlers}
        without = messages.rules().keys() ^ handlers
        if without:
            raise RuntimeError(f"socket messages without a rule or a handler: {sorted(without)}")
        self.sio.on("connect", self._connect)
        self.sio.on("disconnect", self._disconnect)
        self.sio.on("*", self._message)
        self.sio.attach(app, socketio_path="socket.io")

    async def cut_ended(self, alive: Callable[[Collection[str]], Awaitable[Collection[str]]]) -> None:
        """End what sessions hold open here that expired, or were revoked elsewhere: pages, seats, media. Called every
        second; the rows tell every node, so that nothing else has to."""
        sessions = {connection.actor.session_id for connection in self._connections.values()}
        sessions |= self._gateway.sessions()
        ended = sessions - set(await alive(sessions)) if sessions else set()
        if ended:
            for connection in self._connections.values():
                if connection.actor.session_id in ended:
                    self._cut(connection, "expired")
            self._gateway.expel(sessions=ended)

    @property
    def connections(self) -> int:
        """How many pages are connected to this node."""
        return len(self._connections)

    # ------------------------------------------------------------------ Notifier, SessionWatch, Speaker

    async def practitioner(self, practitioner_id: str, event: str, payload: Json) -> None:
        """To all pages of one person, on any node."""
        await self._emit(event, payload, f"person:{practitioner_id}")

    async def coordinators(self, organisation_id: str, event: str, payload: Json) -> None:
        """To those who coordinate this organisation."""
        await self._emit(event, payload, f"coordinators:{organisation_id}")

    async def consultation(self, consultation_id: str, event: str, payload: Json) -> None:
        """To the pages of all who take part in this case."""
        for person in await self._audience(consultation_id):
            await self.practitioner(person, event, payload)

    async def lecture(self, lecture_id: str, event: str, payload: Json) -> None:
        """To the pages that watch this lecture."""
        await self.to_group(f"lecture:{lecture_id}", event, payload)

    async def listen(self, sid: str, group: str) -> None:
        """From now on this connection hears the group."""
        await self.sio.enter_room(sid, group)

    async def unlisten(self, sid: str, group: str) -> None:
        """It hears it no longer."""
        await self.sio.leave_room(sid, group)

    async def to_group(self, group: str, event: str, payload: Json) -> None:
        """To all connections of a group, on any node."""
        await self._emit(event, payload, group)

    async def ended(self, practitioner_id: str, session_ids: Collection[str] | None, reason: str) -> None:
        """Close every page of these sessions and take their seats in calls; other nodes do so at their next look."""
        for connection in self._connections.values():
            mine = connection.actor.id == practitioner_id
            if mine and (session_ids is None or connection.actor.session_id in session_ids):
                self._cut(connection, reason)
        self._gateway.expel(
            practitioner=practitioner_id if session_ids is None else None, sessions=session_ids or ()
        )  # fmt: skip
        if self._has_neighbours:  # whose pages need not wait for that look
            everywhere = [f"person:{practitioner_id}"]
            for room in everywhere if session_ids is None else [f"session:{each}" for each in session_ids]:
                await self._emit("session.ended", {"reason": reason}, room)

    async def to_person(self, sid: str, event: str, payload: Json) -> None:
        """To one connection."""
        await self._emit(event, payload, sid)

    async def to_room(self, room: str, event: str, payload: Json, *, skip: str | None = None) -> None:
        """To everybody in a call."""
        await self._emit(event, payload, f"room:{room}", skip)

    async def enter(self, sid: str, room: str) -> None:
        """From now on this connection hears the room."""
        await self.sio.enter_room(sid, f"room:{room}")

    async def exit(self, sid: str, room: str) -> None:
        """It hears it no longer."""
        await self.sio.leave_room(sid, f"room:{room}")

    async def _emit(self, event: str, payload: Json, to: str, skip: str | None = None) -> None:
        await self.sio.emit(event, payload, to=to, skip_sid=skip)

    def _cut(self, connection: Connection, reason: str) -> None:
        if not connection.cut:
            connection.cut = True
            self._tasks.spawn(self._close(connection, reason), "cut")

    async def _close(self, connection: Connection, reason: str) -> None:
        await self.to_person(connection.sid, "session.ended", {"reason": reason})
        await self.sio.disconnect(connection.sid)

    # ------------------------------------------------------------------ connections and messages

    async def _connect(self, sid: str, environ: Json, auth: object = None) -> bool | None:
        request: web.Request = environ["aiohttp.request"]
        if not self._same_origin(request):
            raise socketio.exceptions.ConnectionRefusedError("cross-site")
        actor = await self._authenticate(request)
        if actor is None:
            raise socketio.exceptions.ConnectionRefusedError("signed-out")
        if sum(other.actor.id == actor.id for other in self._connections.values()) >= PAGES_PER_PERSON:
            raise socketio.exceptions.ConnectionRefusedError("too-many")
        self._connections[sid] = Connection(sid, actor)
        await self.sio.enter_room(sid, f"person:{actor.id}")
        await self.sio.enter_room(sid, f"session:{actor.session_id}")
        for organisation in actor.organisations("coordinator"):
            await self.sio.enter_room(sid, f"coordinators:{organisation}")
        if self._presence.opened(actor.id):
            if isinstance(self._presence, SharedPresence):
                self._tasks.spawn(self._presence.say(), "presence")
            self.on_presence(actor.id)
        return None

    async def _disconnect(self, sid: str, reason: str = "") -> None:
        connection = self._connections.pop(sid, None)
        if connection is None:
            return
        self._lectures.disconnected(sid)
        try:
            await self._gateway.disconnected(sid)
        finally:  # whatever the rooms say: who has no page open must be reached by mail and telephone
            if self._presence.closed(connection.actor.id):
                if isinstance(self._presence, SharedPresence):
                    await self._presence.gone(connection.actor.id)
                self.on_presence(connection.actor.id)

    async def _message(self, event: str, sid: str, *payload: object) -> Json | None:
        connection = self._connections.get(sid)
        if connection is None or connection.cut:
            return _refused("signed-out", "connect again")
        if not connection.within_rate(time.monotonic()):
            return None if event in NOISY else _refused("too-many", "slow down")
        try:
            message = messages.parse(event, payload[0] if len(payload) == 1 else list(payload))
            if isinstance(message, messages.Hello):
                answer = self._hello(connection)
            elif (about_lecture := self._lectures.handlers.get(event)) is not None:
                answer = await about_lecture(connection.actor, sid, message)
            else:
                answer = await self._gateway.handle(connection.actor, sid, message)
        except messages.BadMessage as mistake:
            return _refused(mistake.code, str(mistake))
        except Refusal as refusal:
            return _refused(refusal.code, refusal.code)
        except Exception as error:
            code = getattr(error, "code", None)
            if isinstance(code, str):
                return _refused(code, str(error))
            log.exception("socket.handler_failed", message=event)
            return _refused("internal", "the server made a mistake; it is logged")
        finally:
            if sid not in self._connections:  # it ended while this was done, and may have left a seat taken
                await self._gateway.disconnected(sid)
        return {"ok": True, **answer}

    def _hello(self, connection: Connection) -> Json:
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return {"me": connection.actor.id, "server_time": now}


def _refused(code: str, text: str) -> Json:
    return {"ok": False, "error": {"code": code, "message": text}}
