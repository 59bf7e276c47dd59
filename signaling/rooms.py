"""The calls that run on this node: joins people, carries their media messages, keeps the recording as the case says."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Collection

import structlog

from signaling import messages
from signaling.devices import Devices
from signaling.locks import Locks
from signaling.ports import Calls, Json, Media, RunningCall, SocketError, Speaker, Viewers
from signaling.room import Kind, Person, RecordingMark, Room, about
from signaling.room_events import RoomEvents
from signaling.room_recordings import RoomRecordings
from tele.domain.access import Actor
from tele.domain.seat import is_device, participant_id
from tele.services.tasks import Tasks

log = structlog.get_logger(__name__)

SEAT_KEPT = 120.0
"""Seconds that a seat waits for somebody who lost the line; as long as the media plane keeps their keys."""
CLOSED_WITHIN = 1.0
"""Seconds that a hang-up waits until everything behind it is done; the rest is done all the same."""
_MARKS: dict[str, RecordingMark] = {"begin": "on", "resume": "on", "stop": "paused"}
"""What a lecture's start, or an action of the GP, makes of the recording; every other one ends it."""


class Rooms:
    """Every call of this node. The database says which calls there are; this only makes them so."""

    def __init__(
        self,
        *,
        media: Media,
        speaker: Speaker,
        calls: Calls,
        tasks: Tasks,
        ice_servers: Callable[[], list[Json]],
        owns: Callable[[str], Awaitable[bool]],
        segment_seconds: float,
        empty_limit: float,
        viewers: Viewers,
    ) -> None:
        self._media = media
        self._speaker = speaker
        self._calls = calls
        self._tasks = tasks
        self._ice_servers = ice_servers
        self._owns = owns
        self._recordings = RoomRecordings(
            media=media, speaker=speaker, calls=calls, tasks=tasks, segment_seconds=segment_seconds
        )  # fmt: skip
        self._empty_limit = empty_limit
        self._viewers = viewers
        self._rooms: dict[str, Room] = {}
        self._by_sid: dict[str, set[str]] = {}
        self._locks = Locks()
        self._absences = itertools.count()
        self._absence: dict[tuple[str, str], int] = {}
        self._empty_since: dict[str, float] = {}
        self.devices = Devices(
            rooms=self._rooms, locks=self._locks, media=media, calls=calls, tasks=tasks, recordings=self._recordings,
            show=self._show_people,
        )  # fmt: skip
        self._events = RoomEvents(
            rooms=self._rooms, speaker=speaker, viewers=viewers, recordings=self._recordings, devices=self.devices,
            show=self._show_people,
        )  # fmt: skip

    # ------------------------------------------------------------------ what people ask for

    async def join(self, actor: Actor, sid: str, message: messages.RoomJoin) -> Json:
        """Take the seat of this person, whoever held it (another tab, the page before the reload)."""
        async with self._locks.of(message.room):
            # Asked for under the lock: a call that ends meanwhile is closed after this, and nobody is left in it.
            ticket = await self._calls.ticket(actor, message.room)
            room = self._rooms.get(message.room)
            if room is None:
                room = self._rooms[message.room] = Room(ticket.room, ticket.kind, ticket.subject, ticket.recording)
            room.adopt(ticket.recording, ticket.host)
            seat = participant_id(room.id, actor.id)
            person = room.people.get(seat)
            known = person is not None and person.has_media
            if person is not None and person.sid not in (None, sid):
                await self._unseat(room, person, tell="other-tab")
            answer = await self._media.call(room.id, "join", participant=seat, codecs=list(message.codecs))
            if person is None:
                person = room.people[seat] = Person(seat)
            person.sid, person.session, person.has_media = sid, actor.session_id, True
            person.practitioner, person.name, person.role = actor.id, ticket.name, ticket.role
            self._absence.pop((room.id, seat), None)
            self._empty_since.pop(room.id, None)
            self._by_sid.setdefault(sid, set()).add(room.id)
            await self._speaker.enter(sid, room.id)
            await self._recordings.obey(room, ticket.mark)
            await self._show_people(room)
            return {
                "participant": seat,
                "codec": answer["codec"],
                "known": known,
                **about(room.kind, room.subject),
                "people": room.public_people(),
                "recording": room.mark,
                "stage": room.stage and {"file": room.stage},
                "chat": list(ticket.chat),
                "ice_servers": self._ice_servers(),
                "line": person.line,
            }

    async def leave(self, sid: str, message: messages.RoomLeave) -> Json:
        """Give the seat up; the call goes on."""
        async with self._locks.of(message.room):
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
        if room.kind != "consultation":
            raise SocketError("not-here", "a lecture's chat is its audience's")
        line = await self._calls.chat(actor, room.subject, room.id, message.text, message.client_id)
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
        if message.file is not None and not await self._calls.file_in_case(room.subject, message.file):
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

    async def close(
        self, room_id: str, kind: Kind, subject: str, recording: str | None, by: str | None, reason: str
    ) -> None:
        """The call is over for everybody: say so at once, then seal the recording."""
        over = {"room": room_id, **about(kind, subject), "by": by, "reason": reason}
        before = self._rooms.get(room_id)
        told = {person.sid for person in before.people.values()} if before else set()
        await self._speaker.to_room(room_id, "room.ended", over)
        closing = self._tasks.spawn(self._close(room_id, recording, over, told), "close")
        # Whoever holds the lock may wait for a media worker that does not answer; who hung up need not.
        await asyncio.wait({closing}, timeout=CLOSED_WITHIN)

    async def _close(self, room_id: str, recording: str | None, over: Json, told: Collection[str | None]) -> None:
        """Everybody out, those who came in meanwhile too, and the recording to its end."""
        async with self._locks.of(room_id):
            room = self._rooms.pop(room_id, None)
            self._empty_since.pop(room_id, None)
            for person in list(room.people.values()) if room else ():
                self._absence.pop((room_id, person.participant), None)
                if person.sid is not None:
                    if person.sid not in told:
                        await self._speaker.to_person(person.sid, "room.ended", over)
                    await self._speaker.exit(person.sid, room_id)
                    self._by_sid.get(person.sid, set()).discard(room_id)
            if room is not None and room.kind == "lecture":
                await self._viewers.devices(room.subject, [])
            if recording is not None:
                self._recordings.seal(room_id, recording, over=True)
            self._tasks.spawn(self._tell_worker(room_id, "close_room"), "close-room")

    async def record(self, room_id: str, action: str) -> None:
        """A recording was stopped, resumed or withdrawn, or a lecture's began: the row says so already."""
        async with self._locks.of(room_id):
            room = self._rooms.get(room_id)
            if room is not None:
                if action == "begin" and (call := await self._running(room_id)) is not None:
                    room.adopt(call.recording, call.host)
                await self._recordings.obey(room, _MARKS.get(action, "off"))

    async def unseat(self, room_id: str, practitioner: str) -> None:
        """Somebody may be in this room no longer: their seat and their media end."""
        room = self._rooms.get(room_id)
        person = room.people.get(participant_id(room_id, practitioner)) if room else None
        if room is not None and person is not None:
            await self._expel(room, person, person.session)

    def has(self, room_id: str) -> bool:
        """Whether the call is here, or somebody is just being let into it."""
        return room_id in self._rooms or room_id in self._locks

    def sessions(self) -> set[str]:
        """The sign-in sessions that hold a seat here, whether or not their connection is open now."""
        return {person.session for room in self._rooms.values() for person in room.people.values() if person.session}

    def expel(self, *, practitioner: str | None = None, sessions: Collection[str] = ()) -> None:
        """Take the seats of this person, or of these sign-in sessions, at once: their media stops flowing too."""
        for room in self._rooms.values():
            seat = participant_id(room.id, practitioner) if practitioner else None
            for person in room.people.values():
                if person.participant == seat or person.session in sessions:
                    self._tasks.spawn(self._expel(room, person, person.session), "expel")

    # ------------------------------------------------------------------ what the media workers say

    async def media_event(self, event: Json) -> None:
        """One event of a media worker."""
        await self._events.hear(event)

    async def worker_up(self, snapshot: Json, belongs: Callable[[str], bool]) -> None:
        """A worker answered for the first time, or again: make it have what the database says, and nothing else.

        `snapshot` is the worker's own account of its rooms. After a restart of the front it is full and calls simply
        go on; after a restart of the worker it is empty and everybody publishes anew.
        """
        running = {call.room for call in await self._calls.running()}
        alive: dict[str, Json] = snapshot.get("rooms", {})
        for room_id in alive.keys() - running:
            self._tasks.spawn(self._tell_worker(room_id, "close_room"), "close-room")
        for room_id in running:
            if belongs(room_id):
                try:
                    await self._restore(room_id, alive.get(room_id))
                except Exception as refused:
                    if getattr(refused, "code", None) == "media-down":
                        raise
                    log.exception("room.not_restored", room=room_id)  # its trouble is not that of the others
        await self._recordings.seal_left_over(running)

    async def reconcile(self) -> None:
        """Look again whether rooms are as the rows say, whatever signal was lost on its way. Called now and then."""
        known = set(self._rooms)  # before the rows are read: what begins meanwhile is not mistaken for over
        running = {call.room: call for call in await self._calls.running()}
        for room_id in known - running.keys():
            if (room := self._rooms.get(room_id)) is not None:
                await self.close(room_id, room.kind, room.subject, room.recording, None, "hung-up")
        for room_id in known & running.keys():
            room = self._rooms.get(room_id)
            if room is not None:
                room.adopt(running[room_id].recording, running[room_id].host)
            if room is not None and self._recordings.differs(room, running[room_id].mark):
                async with self._locks.of(room_id):
                    if (call := await self._running(room_id)) is not None:
                        await self._recordings.obey(room, call.mark)
        await self._recordings.seal_left_over(running.keys())

    async def watch_empty(self, now: float) -> None:
        """End the calls that everybody left long ago, so that their specialist is free again. Called now and then."""
        for call in await self._calls.running():
            room_id, room = call.room, self._rooms.get(call.room)
            if (room is not None and room.occupied) or not await self._owns(room_id):
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

    async def _unseat(self, room: Room, person: Person, *, tell: str | None = None) -> None:
        sid, person.sid = person.sid, None
        if sid is None:
            return
        if tell is not None:
            over = {"room": room.id, **about(room.kind, room.subject), "by": None, "reason": tell}
            await self._speaker.to_person(sid, "room.ended", over)
        self._by_sid.get(sid, set()).discard(room.id)
        await self._speaker.exit(sid, room.id)

    async def _remove(self, room: Room, person: Person) -> None:
        room.people.pop(person.participant, None)
        self._absence.pop((room.id, person.participant), None)
        await self._tell_worker(room.id, "leave", participant=person.participant)
        await self._show_people(room)

    async def _tell_worker(self, room_id: str, command: str, **arguments: str) -> None:
        try:
            await self._media.call(room_id, command, **arguments)
        except Exception as error:
            if getattr(error, "code", None) != "media-down":
                raise
            log.info("room.worker_away", room=room_id, command=command)  # it is told when it answers again

    async def _expel(self, room: Room, person: Person, session: str) -> None:
        async with self._locks.of(room.id):
            here = self._rooms.get(room.id) is room and room.people.get(person.participant) is person
            if here and person.session == session:  # else they signed in anew meanwhile
                await self._unseat(room, person)
                await self._remove(room, person)

    async def _running(self, room_id: str) -> RunningCall | None:
        return next((call for call in await self._calls.running() if call.room == room_id), None)

    async def _restore(self, room_id: str, alive: Json | None) -> None:
        """Make one room and its worker agree; `alive` is the worker's account of the room, if it knows it."""
        async with self._locks.of(room_id):
            call = await self._running(room_id)  # as it is now, under the lock
            if call is None:
                return
            room, seats = self._rooms.get(room_id), (alive or {}).get("participants", {})
            if room is None and alive is not None:  # the front restarted: keep the seats of those who will be back
                room = self._rooms[room_id] = Room(room_id, call.kind, call.subject, call.recording)
                for seat in seats:
                    if not is_device(seat):
                        person = room.people[seat] = Person(seat)
                        self._await_return(room, person)
            if room is None:
                return
            room.adopt(call.recording, call.host)
            await self.devices.restore(room, seats)
            for seat in seats.keys() - room.people.keys():  # they left while nobody could tell the worker
                await self._tell_worker(room_id, "leave", participant=seat)
            room.mark, room.told = "off", None
            if alive is None and room.people:
                for person in room.people.values():
                    person.has_media = person.sid is not None  # who is away does not hear the next line
                    person.lines.clear()
                await self._speaker.to_room(room_id, "media.lost", {"room": room_id})
                await self._show_people(room)
            await self._recordings.obey(room, call.mark)

    def _await_return(self, room: Room, person: Person) -> None:
        number = self._absence[room.id, person.participant] = next(self._absences)
        self._tasks.spawn(self._give_seat_up(room.id, person.participant, number), "seat")

    async def _give_seat_up(self, room_id: str, participant: str, number: int) -> None:
        await asyncio.sleep(SEAT_KEPT)
        async with self._locks.of(room_id):
            room = self._rooms.get(room_id)
            if room is not None and self._absence.get((room_id, participant)) == number:
                await self._remove(room, room.people[participant])

    async def _show_people(self, room: Room) -> None:
        await self._speaker.to_room(room.id, "room.people", {"room": room.id, "people": room.public_people()})
        if room.kind == "lecture":
            await self._viewers.devices(room.subject, room.public_devices())
