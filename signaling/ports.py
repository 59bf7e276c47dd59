"""What the rooms need from outside: a media plane to command, sockets to speak through, and the case behind a call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from signaling.room import Kind, RecordingMark
from tele.domain.access import Actor

Json = dict[str, Any]


class SocketError(Exception):
    """Why a real-time message was refused: `code` is one of PROTOCOL.md's, the text is for people who debug."""

    def __init__(self, code: str, text: str = "") -> None:
        super().__init__(text or code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Ticket:
    """What the rows say of somebody who wants to enter a room."""

    room: str
    kind: Kind
    subject: str
    name: str
    role: str
    recording: str | None
    mark: RecordingMark
    """What the recording should be doing now, as the database has it."""
    chat: tuple[Json, ...]
    host: str | None = None
    """The seat of a lecture's speaker."""


@dataclass(frozen=True, slots=True)
class RunningCall:
    """A call or lecture in progress, or a lecture that encoders may enter ahead of it, as the database has it."""

    room: str
    kind: Kind
    subject: str
    recording: str | None
    mark: RecordingMark
    host: str | None = None
    """The seat of a lecture's speaker."""


@dataclass(frozen=True, slots=True)
class KnownDevice:
    """A seat that a device may have in a call, by the tokens of its case."""

    participant: str
    token: str
    label: str
    sends: bool
    """Whether it sends, or only receives."""


class Calls(Protocol):
    """The case behind a call: the rows that rooms obey."""

    async def ticket(self, actor: Actor, room: str) -> Ticket:
        """Raises SocketError `not-found` (no such call, or not this person's) or `room-ended`."""

    async def running(self) -> list[RunningCall]:
        """Every call in progress."""

    async def unsealed(self) -> list[tuple[str, str]]:
        """Recordings of calls that are over and were not sealed yet: room, recording."""

    async def sealed(self, recording: str, summary: Json) -> None:
        """The recorder closed this recording; the replay is open from now on."""

    async def chat(self, actor: Actor, consultation: str, room: str, text: str, client_id: str) -> Json:
        """Store a line of chat and return it as it is shown."""

    async def devices(self, room: str, kind: Kind, subject: str) -> list[KnownDevice]:
        """The seats of all devices that were ever let in there."""

    async def file_in_case(self, consultation: str, file: str) -> bool:
        """Whether this file belongs to the case, so that it may be put on the stage."""

    async def end_empty(self, room: str) -> None:
        """Everybody left long ago: end the call as if it had been hung up."""


class Media(Protocol):
    """The media workers, as one."""

    async def call(self, room: str, name: str, **arguments: Any) -> Json:
        """A command about a room, to the worker that has it; raises an exception with a `code`."""


class Viewers(Protocol):
    """Those who watch a lecture, as far as the room of those who present tells them anything."""

    async def picture(self, lecture_id: str, state: str) -> None:
        """Whether a presenter's media comes in: `on` or `away`."""

    async def tracks(self, lecture_id: str) -> None:
        """Something is sent from now on, or no longer: a screen, somebody on the stage."""

    async def devices(self, lecture_id: str, devices: list[Json]) -> None:
        """The encoders that have a seat now, before it is live too: its hosts want to know."""


class Speaker(Protocol):
    """Sockets, as far as rooms use them."""

    async def to_person(self, sid: str, event: str, payload: Json) -> None:
        """To one connection."""

    async def to_room(self, room: str, event: str, payload: Json, *, skip: str | None = None) -> None:
        """To all connections in a call."""

    async def enter(self, sid: str, room: str) -> None:
        """From now on this connection hears the room."""

    async def exit(self, sid: str, room: str) -> None:
        """It hears it no longer."""
