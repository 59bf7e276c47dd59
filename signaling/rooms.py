"""The calls that run on this node: joins people, carries their media messages, keeps the recording as the case says."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import structlog

from signaling import messages
from signaling.ports import Calls, Json, Media, SocketError, Speaker
from signaling.room import Person, Room
from tele.domain.access import Actor
from tele.domain.seat import participant_id
from tele.services.tasks import Tasks

log = structlog.get_logger(__name__)

SEAT_KEPT = 120.0
"""Seconds that a seat waits for somebody who lost the line; as long as the media plane keeps their keys."""
SEAL_TRIES = 8


class Rooms:
    """Every call of this node. The database says which calls there are; this only makes them so."""

    def __init__(
        self,
        *,
        media: Media,
        speaker: Speaker,
        calls: Calls,
        tasks: Tasks,
        ice_servers: list[Json],
        owns: Callable[[str], Awaitable[bool]],
        segment_seconds: float,
        empty_limit: float,
    ) -> None:
        self._media = media
        self._speaker = speaker
        self._calls = calls
        self._tasks = tasks
        self._ice_servers = ice_servers
        self._owns = owns
        self._segment_seconds = segment_seconds
        self._empty_limit = empty_limit
        self._rooms: dict[str, Room] = {}
        self._by_sid: dict[str, set[str]] = {}
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}
        self._absences = itertools.count()
        self._absence: dict[tuple[str, str], int] = {}
        self._empty_since: dict[str, float] = {}

    # ------------------------------------------------------------------ what people ask for

    async def join(self, actor: Actor, sid: str, message: messages.RoomJoin) -> Json:
        """Take the seat of this person, whoever held it (another tab, the page before the reload)."""
        ticket = await self._calls.ticket(actor, message.room)
        async with self._locked(message.room):
            room = self._rooms.get(message.room)
            if room is None:
                room = self._rooms[message.room] = Room(ticket.room, ticket.consultation, ticket.recording)
            seat = participant_id(room.id, actor.id)
            person = room.people.get(seat)
            known = person is not None
            if person is None:
                person = room.people[seat] = Person(seat)
            elif person.sid not in (None, sid):
                await self._unseat(room, person, tell="other-tab")
            answer = await self._media.call(room.id, "join", participant=seat, codecs=list(message.codecs))
            person.sid, person.practitioner, person.name, person.role = sid, actor.id, ticket.name, ticket.role
            self._absence.pop((room.id, seat), None)
            self._empty_since.pop(room.id, None)
            self._by_sid.setdefault(sid, set()).add(room.id)
            await self._speaker.enter(sid, room.id)
            await self._obey_recording(room, ticket.mark)
            await self._show_people(room)
            return {
                "participant": seat,
                "codec": answer["codec"],
                "known": known,
                "consultation": room.consultation,
                "people": room.public_people(),
                "recording": room.mark,
                "stage": room.stage and {"file": room.stage},
                "chat": list(ticket.chat),
                "ice_servers": self._ice_servers,
            }

    async def leave(self, sid: str, message: messages.RoomLeave) -> Json:
        """Give the seat up; the call goes on."""
        async with self._locked(message.room):
            room, person = self._seat(sid, message.room)
            await self._unseat(room, person)
            await self._remove(room, person)
        return {}

    async def publish(self, sid: str, message: messages.MediaPublish) -> Json:
        """The offer of somebody's camera, microphone and screen; the media plane answers it."""
        room, person = self._seat(sid, message.room)
        return await self._media.call(
            room.id, "publish", participant=person.participant, session=message.session, sdp=message.sdp,
            sources=dict(message.sources),
        )  # fmt: skip

    async def subscribe(self, sid: str, message: messages.MediaSubscribe) -> Json:
        """Begin to receive the others; offers follow as events."""
        room, person = self._seat(sid, message.room)
        return await self._media.call(
            room.id, "subscribe", participant=person.participant, session=message.session
        )  # fmt: skip

    async def answer(self, sid: str, message: messages.MediaAnswer) -> Json:
        """The browser's answer to one of our offers."""
        room, person = self._seat(sid, message.room)
        return await self._media.call(
            room.id, "answer", participant=person.participant, session=message.session, version=message.version,
            sdp=message.sdp,
        )  # fmt: skip

    async def state(self, sid: str, message: messages.MediaState) -> Json:
        """Microphone, camera and screen as their owner switched them."""
        room, person = self._seat(sid, message.room)
        person.mic, person.camera, person.screen = message.mic, message.camera, message.screen
        await self._show_people(room)
        return {}

    async def chat(self, actor: Actor, sid: str, message: messages.ChatSend) -> Json:
        """A line of chat: stored first, then shown."""
        room, _ = self._seat(sid, message.room)
        line = await self._calls.chat(actor, room.consultation, room.id, message.text, message.client_id)
        await self._speaker.to_room(room.id, "chat.message", {"room": room.id, "message": line}, skip=sid)
        return {"message": line}

    async def pointer(self, sid: str, message: messages.PointerMove) -> Json:
        """Where somebody points; shown to the others, kept nowhere."""
        room, person = self._seat(sid, message.room)
        seen = {"room": room.id, "participant": person.participant, "target": message.target}
        await self._speaker.to_room(room.id, "pointer", {**seen, "x": message.x, "y": message.y}, skip=sid)
        return {}

    async def stage(self, sid: str, message: messages.StageShow) -> Json:
        """Put a file of this very case before everybody, or take it away."""
        room, person = self._seat(sid, message.room)
        if message.file is not None and not await self._calls.file_in_case(room.consultation, message.file):
            raise SocketError("not-found", "there is no such file in this case")
        room.stage = message.file
        shown = {"room": room.id, "file": message.file, "by": person.participant}
        await self._speaker.to_room(room.id, "stage", shown)
        return {}

    async def disconnected(self, sid: str) -> None:
        """A connection ended: its seats wait for its owner, and the others are told."""
        for room_id in self._by_sid.pop(sid, set()):
            room = self._rooms.get(room_id)
            person = room.by_sid(sid) if room else None
            if room is None or person is None:
                continue
            person.sid = None
            self._await_return(room, person)
            await self._show_people(room)

    # ------------------------------------------------------------------ what the case asks for

    async def close(self, room_id: str, consultation: str, recording: str | None, by: str | None, reason: str) -> None:
        """The call is over for everybody: say so at once, then seal the recording."""
        async with self._locked(room_id):
            room = self._rooms.pop(room_id, None)
            self._empty_since.pop(room_id, None)
            over = {"room": room_id, "consultation": consultation, "by": by, "reason": reason}
            await self._speaker.to_room(room_id, "room.ended", over)
            for person in room.people.values() if room else ():
                if person.sid is not None:
                    await self._speaker.exit(person.sid, room_id)
                    self._by_sid.get(person.sid, set()).discard(room_id)
            if recording is not None:
                self._tasks.spawn(self._seal(room_id, recording), "seal")
            self._tasks.spawn(self._close_media(room_id), "close-room")

    async def record(self, room_id: str, action: str) -> None:
        """The GP stopped or resumed the recording, or the patient withdrew: the row says so already."""
        room = self._rooms.get(room_id)
        if room is not None:
            async with self._locked(room_id):
                await self._obey_recording(room, {"resume": "on", "stop": "paused"}.get(action, "off"))

    # ------------------------------------------------------------------ what the media plane says

    async def media_event(self, event: Json) -> None:
        """One event of a media worker. Never calls the worker back, so that events keep flowing."""
        room = self._rooms.get(str(event.get("room")))
        kind = event.get("event")
        if kind == "recording":
            await self._recording_event(event)
            return
        person = room.people.get(str(event.get("participant"))) if room else None
        if room is None or person is None:
            return
        if kind == "offer" and person.sid is not None:
            offer = {name: event[name] for name in ("room", "session", "version", "sdp", "tracks")}
            await self._speaker.to_person(person.sid, "media.offer", offer)
        elif kind == "renegotiate" and person.sid is not None:
            await self._speaker.to_person(person.sid, "media.renegotiate", {"room": room.id, "codec": event["codec"]})
        elif kind == "peer":
            before = person.connected
            person.peers[event["direction"]] = event["state"]
            peer = {name: event[name] for name in ("room", "participant", "direction", "state")}
            await self._speaker.to_room(room.id, "peer", peer)
            if person.connected != before:
                await self._show_people(room)

    async def worker_up(self, snapshot: Json, belongs: Callable[[str], bool]) -> None:
        """A worker answered for the first time, or again: make it have what the database says, and nothing else.

        `snapshot` is the worker's own account of its rooms. After a restart of the front it is full and calls simply
        go on; after a restart of the worker it is empty and everybody publishes anew.
        """
        running = {call.room: call for call in await self._calls.running()}
        alive: dict[str, Json] = snapshot.get("rooms", {})
        for room_id in alive.keys() - running.keys():
            self._tasks.spawn(self._close_media(room_id), "close-room")
        for room_id, call in running.items():
            if not belongs(room_id):
                continue
            async with self._locked(room_id):
                room = self._rooms.get(room_id)
                if room is None and room_id in alive:  # the front restarted: keep the seats of those who will be back
                    room = self._rooms[room_id] = Room(room_id, call.consultation, call.recording)
                    for seat in alive[room_id].get("participants", {}):
                        person = room.people[seat] = Person(seat)
                        self._await_return(room, person)
                if room is not None:
                    room.mark = "off"
                    if room_id not in alive and room.people:
                        await self._speaker.to_room(room_id, "media.lost", {"room": room_id})
                    await self._obey_recording(room, call.mark)
        for room_id, recording in await self._calls.unsealed():
            if room_id not in running:
                self._tasks.spawn(self._seal(room_id, recording), "seal")

    async def watch_empty(self, now: float) -> None:
        """End the calls that everybody left long ago, so that their specialist is free again. Called now and then."""
        for call in await self._calls.running():
            room_id, room = call.room, self._rooms.get(call.room)
            if (
                room is not None and any(person.sid is not None for person in room.people.values())
            ) or not await self._owns(room_id):
                self._empty_since.pop(room_id, None)
            elif now - self._empty_since.setdefault(room_id, now) >= self._empty_limit:
                self._empty_since.pop(room_id, None)
                await self._calls.end_empty(room_id)

    def counts(self) -> dict[str, int]:
        """For the metrics: calls and people in them."""
        return {
            "rooms": len(self._rooms),
            "people": sum(person.sid is not None for room in self._rooms.values() for person in room.people.values()),
        }

    # ------------------------------------------------------------------ inside

    def _seat(self, sid: str, room_id: str) -> tuple[Room, Person]:
        room = self._rooms.get(room_id)
        person = room.by_sid(sid) if room else None
        if room is None or person is None:
            raise SocketError("not-in-room", "join the room first")
        return room, person

    @asynccontextmanager
    async def _locked(self, room_id: str) -> AsyncIterator[None]:
        """One change of a room at a time; the lock goes when nobody wants it."""
        lock, users = self._locks.get(room_id, (asyncio.Lock(), 0))
        self._locks[room_id] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            lock, users = self._locks[room_id]
            if users == 1:
                del self._locks[room_id]
            else:
                self._locks[room_id] = (lock, users - 1)

    async def _unseat(self, room: Room, person: Person, *, tell: str | None = None) -> None:
        sid, person.sid = person.sid, None
        if sid is None:
            return
        if tell is not None:
            over = {"room": room.id, "consultation": room.consultation, "by": None, "reason": tell}
            await self._speaker.to_person(sid, "room.ended", over)
        self._by_sid.get(sid, set()).discard(room.id)
        await self._speaker.exit(sid, room.id)

    async def _remove(self, room: Room, person: Person) -> None:
        room.people.pop(person.participant, None)
        self._absence.pop((room.id, person.participant), None)
        await self._media.call(room.id, "leave", participant=person.participant)
        await self._show_people(room)

    def _await_return(self, room: Room, person: Person) -> None:
        number = self._absence[room.id, person.participant] = next(self._absences)
        self._tasks.spawn(self._give_seat_up(room.id, person.participant, number), "seat")

    async def _give_seat_up(self, room_id: str, participant: str, number: int) -> None:
        await asyncio.sleep(SEAT_KEPT)
        async with self._locked(room_id):
            room = self._rooms.get(room_id)
            if room is not None and self._absence.get((room_id, participant)) == number:
                await self._remove(room, room.people[participant])

    async def _show_people(self, room: Room) -> None:
        await self._speaker.to_room(room.id, "room.people", {"room": room.id, "people": room.public_people()})

    async def _obey_recording(self, room: Room, wanted: str) -> None:
        """Bring the recorder to where the case wants it; the mark follows the recorder, never runs ahead of it."""
        if room.recording is None or wanted == room.mark:
            return
        if wanted == "on":
            options: Json = {"low_latency": False, "grid": self._segment_seconds}
            await self._media.call(room.id, "record.start", recording=room.recording, options=options)
        elif room.mark == "on":
            await self._media.call(room.id, "record.pause", recording=room.recording)
        await self._set_mark(room, wanted, None)

    async def _set_mark(self, room: Room, mark: Any, reason: str | None) -> None:
        room.mark, room.mark_reason = mark, reason
        await self._speaker.to_room(room.id, "recording", {"room": room.id, "state": mark, "reason": reason})

    async def _recording_event(self, event: Json) -> None:
        """The recorder's own changes: it paused for want of disk, or goes on again."""
        room = next((room for room in self._rooms.values() if room.recording == event.get("recording")), None)
        if room is None:
            return
        if event.get("state") == "alarm":
            log.error("recording.alarm", room=room.id, reason=event.get("reason"))
            await self._set_mark(room, "paused", str(event.get("reason") or "disk-full"))
        elif event.get("state") == "recording" and room.mark == "paused" and room.mark_reason is not None:
            await self._set_mark(room, "on", None)

    async def _seal(self, room_id: str, recording: str) -> None:
        """Close the recording; a worker that is just starting is waited for. If all fails, the next start does it."""
        for attempt in range(SEAL_TRIES):
            try:
                summary = await self._media.call(room_id, "record.seal", recording=recording)
            except Exception as error:
                if getattr(error, "code", None) != "media-down":
                    raise
                await asyncio.sleep(0.25 * 2**attempt)
                continue
            await self._calls.sealed(recording, summary)
            return
        log.error("recording.not_sealed_yet", recording=recording)

    async def _close_media(self, room_id: str) -> None:
        try:
            await self._media.call(room_id, "close_room")
        except Exception as error:
            if getattr(error, "code", None) != "media-down":
                raise
            log.info("room.closed_with_its_worker", room=room_id)  # whoever starts next is told which rooms there are
