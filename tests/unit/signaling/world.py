"""A house of fakes round `Rooms`: media, sockets and calls that remember what they were told."""

from __future__ import annotations

import asyncio
from typing import Any

from signaling import messages
from signaling.ports import Json, RunningCall, SocketError, Ticket
from signaling.rooms import Rooms
from tele.domain.access import Actor
from tele.services.tasks import Tasks

ROOM = "room-0123456789"
RECORDING = "recording-012345"


class MediaDown(Exception):
    code = "media-down"


class StorageFailed(Exception):
    code = "storage-failed"


class UnknownRecording(Exception):
    code = "unknown-recording"


class Media:
    """Remembers commands; the seal can be made to fail a few times, as while a worker starts."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Json]] = []
        self.answers: dict[str, Json] = {"join": {"codec": "H264"}, "record.seal": {"duration": 12.0}}
        self.refusals: dict[str, Exception] = {}
        self.failing_seals = 0

    async def call(self, room: str, name: str, **arguments: Any) -> Json:
        self.calls.append((name, {"room": room, **arguments}))
        if name == "record.seal" and self.failing_seals:
            self.failing_seals -= 1
            raise MediaDown
        if name in self.refusals:
            raise self.refusals[name]
        return self.answers.get(name, {})

    def names(self) -> list[str]:
        return [name for name, _ in self.calls]


class Speaker:
    """Remembers what was said to whom."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str, Json]] = []
        self.members: dict[str, set[str]] = {}

    async def to_person(self, sid: str, event: str, payload: Json) -> None:
        self.said.append((sid, event, payload))

    async def to_room(self, room: str, event: str, payload: Json, *, skip: str | None = None) -> None:
        self.said.append((f"room:{room}", event, payload))

    async def enter(self, sid: str, room: str) -> None:
        self.members.setdefault(room, set()).add(sid)

    async def exit(self, sid: str, room: str) -> None:
        self.members.setdefault(room, set()).discard(sid)

    def events(self, event: str) -> list[Json]:
        return [payload for _, name, payload in self.said if name == event]


class Calls:
    """One call in progress, with a consented recording."""

    def __init__(self) -> None:
        self.mark: Any = "on"
        self.over = False
        self.sealed_with: list[tuple[str, Json]] = []
        self.ended_empty: list[str] = []
        self.tickets = 0
        self.ticket_gate: asyncio.Event | None = None

    async def ticket(self, actor: Actor, room: str) -> Ticket:
        if room != ROOM:
            raise SocketError("not-found")
        self.tickets += 1
        if self.ticket_gate is not None:
            await self.ticket_gate.wait()
        return Ticket(room, "consultation", "case-1", actor.name, actor.roles[0][0], RECORDING, self.mark, ())

    async def running(self) -> list[RunningCall]:
        return [] if self.over else [RunningCall(ROOM, "consultation", "case-1", RECORDING, self.mark)]

    async def unsealed(self) -> list[tuple[str, str]]:
        return [(ROOM, RECORDING)] if self.over and not self.sealed_with else []

    async def sealed(self, recording: str, summary: Json) -> None:
        self.sealed_with.append((recording, summary))

    async def chat(self, actor: Actor, consultation: str, room: str, text: str, client_id: str) -> Json:
        return {"text": text, "author": {"id": actor.id}}

    async def file_in_case(self, consultation: str, file: str) -> bool:
        return file == "file-of-case"

    async def end_empty(self, room: str) -> None:
        self.ended_empty.append(room)


class Watching:
    """Remembers what viewers of lectures were told."""

    def __init__(self, told: list[tuple[str, str]]) -> None:
        self._told = told

    async def picture(self, lecture_id: str, state: str) -> None:
        self._told.append((lecture_id, state))

    async def tracks(self, lecture_id: str) -> None:
        self._told.append((lecture_id, "tracks"))

    async def devices(self, lecture_id: str, devices: list[Json]) -> None:
        self._told.append((lecture_id, "+".join(each["name"] for each in devices)))


class World:
    def __init__(self) -> None:
        self.media, self.speaker, self.calls, self.tasks = Media(), Speaker(), Calls(), Tasks("test")
        self.owned = True
        self.pictures: list[tuple[str, str]] = []
        self.rooms = self.front()

    def front(self) -> Rooms:
        """A front process as it starts: it knows of no room."""

        async def owns(room: str) -> bool:
            return self.owned

        return Rooms(
            media=self.media, speaker=self.speaker, calls=self.calls, tasks=self.tasks, ice_servers=list,
            owns=owns, segment_seconds=10, empty_limit=600, viewers=Watching(self.pictures),
        )  # fmt: skip


GP = Actor("gp-1", "Chen Jie", "en", (("gp", "phc"),), frozenset(), "s1")
SPEC = Actor("spec-1", "Li Wei", "en", (("specialist", "hospital"),), frozenset({"cardiology"}), "s2")


def join(room: str = ROOM) -> messages.RoomJoin:
    return messages.RoomJoin(room=room, codecs=["H264", "VP9"])
