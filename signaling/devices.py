"""Devices and players in rooms: they come by HTTP with a token instead of a page, and hold a seat like everybody."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Collection
from typing import Literal

import structlog

from signaling.locks import Locks
from signaling.ports import Calls, Json, Media, SocketError
from signaling.room import Person, Room
from signaling.room_recordings import RoomRecordings
from tele.domain.seat import device_id, is_device
from tele.services.tasks import Tasks

log = structlog.get_logger(__name__)

OVER = {"failed", "closed"}
"""States of a device's connection after which its seat is free: whoever set it up starts it again."""


class Devices:
    """Those of all rooms of this node. One token is one seat: a client that starts again takes its own place."""

    def __init__(
        self,
        *,
        rooms: dict[str, Room],
        locks: Locks,
        media: Media,
        calls: Calls,
        tasks: Tasks,
        recordings: RoomRecordings,
        show: Callable[[Room], Awaitable[None]],
    ) -> None:
        self._rooms = rooms
        self._locks = locks
        self._media = media
        self._calls = calls
        self._tasks = tasks
        self._recordings = recordings
        self._show = show
        self.acts: dict[str, Callable[..., Awaitable[Json]]] = {
            "begin": self.begin,
            "patch": self.patch,
            "end": self.end,
            "present": self.present,
            "expel": self.expel,
        }

    async def begin(self, room: str, token: str, label: str, direction: Literal["publish", "play"], sdp: str) -> Json:
        """Answer a device's offer and seat it. -> {"session", "sdp", "etag"}

        Raises SocketError `room-ended`, and what the media plane raises; then nothing has changed.
        """
        session, seat = secrets.token_urlsafe(16), device_id(room, token)
        async with self._locks.of(room):
            # Asked for under the lock: a call that ends meanwhile is closed after this, and nothing is left in it.
            call = next((each for each in await self._calls.running() if each.room == room), None)
            if call is None:
                raise SocketError("room-ended", "the call is over")
            command = "ingest" if direction == "publish" else "play"
            answer = await self._media.call(room, command, participant=seat, session=session, sdp=sdp)
            found = self._rooms.setdefault(room, Room(room, call.kind, call.subject, call.recording))
            found.adopt(call.recording, call.host)
            person = found.people.setdefault(seat, Person(seat))
            person.seat_device(token, label, session)
            sends = answer["kinds"] if direction == "publish" else []
            person.mic, person.camera = "audio" in sends, "video" in sends
            await self._recordings.obey(found, call.mark)
            await self._show(found)
        return {"session": session, "sdp": answer["sdp"], "etag": answer["ice"]}

    async def patch(self, room: str, token: str, session: str, match: list[str], fragment: str) -> Json:
        """Take an ICE change. -> {"etag", "fragment": what to answer, or None when there is nothing to say}"""
        seat = device_id(room, token)
        answer = await self._media.call(
            room, "patch", participant=seat, session=session, match=match, fragment=fragment
        )  # fmt: skip
        return {"etag": answer["ice"], "fragment": answer["fragment"]}

    async def end(self, room: str, token: str, session: str) -> Json:
        """The device is done."""
        seat = device_id(room, token)
        await self._media.call(room, "end", participant=seat, session=session)
        async with self._locks.of(room):
            found = self._rooms.get(room)
            person = found.people.get(seat) if found else None
            if found is not None and person is not None and person.media_session in ("", session):
                del found.people[seat]
                await self._show(found)
        return {}

    async def present(self, room: str) -> Json:
        """Whose seats are taken now. -> {"tokens": ids}"""
        found = self._rooms.get(room)
        return {"tokens": [each["id"] for each in found.public_devices() if each["connected"]] if found else []}

    async def expel(self, tokens: Collection[str], room: str = "") -> Json:
        """Take the seats that were taken with these tokens, and their media with them."""
        for found in list(self._rooms.values()):
            for person in list(found.people.values()):
                if person.token and person.token in tokens:
                    await self._remove(found, person, person.media_session)
        return {}

    def tokens(self) -> set[str]:
        """The tokens that hold a seat on this node."""
        return {person.token for room in self._rooms.values() for person in room.people.values() if person.token}

    def heard(self, room: Room, person: Person, event: Json) -> None:
        """A device's connection changed. An older session's end is no news: it was replaced."""
        if person.media_session in ("", event["session"]) and event["state"] in OVER:
            self._tasks.spawn(self._remove(room, person, person.media_session), "device-left")

    async def restore(self, room: Room, seats: Collection[str]) -> None:
        """Bring the devices of a room to what its worker has. Seats that no token explains stay unknown.

        Under the room's lock. After a restart of the front they are still there and go on; after one of the worker
        they are not, and come again by themselves or by their owner's hand. `seats` are those that the worker told of
        when it was there again; encoders that try again every few seconds come and go before that is read.
        """
        seated = {person.participant for person in room.people.values() if person.token}
        if seated != {seat for seat in seats if is_device(seat)}:
            now = await self._media.call(room.id, "snapshot")
            seats = now.get("rooms", {}).get(room.id, {}).get("participants", {})
        lost = [person for person in room.people.values() if person.token and person.participant not in seats]
        for person in lost:
            del room.people[person.participant]
        unknown = {seat for seat in seats if is_device(seat)} - room.people.keys()
        if unknown:
            for device in await self._calls.devices(room.id, room.kind, room.subject):
                if device.participant in unknown:
                    person = room.people[device.participant] = Person(device.participant)
                    person.seat_device(device.token, device.label, "")
                    person.mic = person.camera = device.sends
        if lost:
            await self._show(room)

    async def _remove(self, room: Room, person: Person, session: str) -> None:
        async with self._locks.of(room.id):
            here = self._rooms.get(room.id) is room and room.people.get(person.participant) is person
            if not here or person.media_session != session:
                return  # it came again meanwhile
            del room.people[person.participant]
            try:
                await self._media.call(room.id, "leave", participant=person.participant)
            except Exception as error:
                if getattr(error, "code", None) != "media-down":
                    raise
                log.info("device.worker_away", room=room.id)  # it forgot the device, or is told when it answers again
            await self._show(room)
