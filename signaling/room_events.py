"""What the media plane says of rooms, told to those whom it concerns."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from signaling.devices import Devices
from signaling.ports import Json, Speaker, Viewers
from signaling.room import Person, Room
from signaling.room_recordings import RoomRecordings


class RoomEvents:
    """Never calls a media worker back, so that its events keep flowing. `show` tells a room who is in it."""

    def __init__(
        self,
        *,
        rooms: Mapping[str, Room],
        speaker: Speaker,
        viewers: Viewers,
        recordings: RoomRecordings,
        devices: Devices,
        show: Callable[[Room], Awaitable[None]],
    ) -> None:
        self._rooms = rooms
        self._speaker = speaker
        self._viewers = viewers
        self._recordings = recordings
        self._devices = devices
        self._show_people = show

    async def hear(self, event: Json) -> None:
        """One event of a media worker (docs/media-plane.md)."""
        room = self._rooms.get(str(event.get("room")))
        kind = event.get("event")
        if kind == "recording":
            for recorded in [each for each in self._rooms.values() if each.recording == event.get("recording")]:
                await self._recordings.heard(recorded, event)
            return
        person = room.people.get(str(event.get("participant"))) if room else None
        if room is None:
            return
        if person is None:
            if kind == "peer":
                await self._show_picture(room)  # whoever left sends nothing any more
        elif kind == "publication":
            if room.live:
                await self._viewers.tracks(room.subject)
        elif kind == "peer":
            await self._peer(room, person, event)
        else:
            await self._tell(room, person, event)

    async def _tell(self, room: Room, person: Person, event: Json) -> None:
        """What concerns one person alone."""
        kind = event["event"]
        if kind == "line":
            before = person.line["up"]
            person.lines[event["direction"]] = event["state"]
            if person.line["up"] != before:
                await self._show_people(room)
        if person.sid is None:
            return
        if kind == "line":
            await self._speaker.to_person(person.sid, "line", {"room": room.id, **person.line})
        elif kind == "offer":
            offer = {name: event[name] for name in ("room", "session", "version", "sdp", "tracks")}
            await self._speaker.to_person(person.sid, "media.offer", offer)
        elif kind == "renegotiate":
            await self._speaker.to_person(person.sid, "media.renegotiate", {"room": room.id, "codec": event["codec"]})

    async def _peer(self, room: Room, person: Person, event: Json) -> None:
        before = person.connected
        person.peers[event["direction"]] = event["state"]
        peer = {name: event[name] for name in ("room", "participant", "direction", "state")}
        await self._speaker.to_room(room.id, "peer", peer)
        if person.connected != before:
            await self._show_people(room)
        await self._show_picture(room)
        if person.token:
            self._devices.heard(room, person, event)

    async def _show_picture(self, room: Room) -> None:
        """Viewers of a lecture are told when nothing comes in any more, and when it does again."""
        if room.live:
            sending = any(person.peers.get("publish") == "connected" for person in room.people.values())
            await self._viewers.picture(room.subject, "on" if sending else "away")
