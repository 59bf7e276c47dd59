"""What is behind a room, a case or a lecture: answers what rooms ask (signaling's `Calls`) from the services."""

from __future__ import annotations

from signaling.ports import Json, KnownDevice, RunningCall, SocketError, Ticket
from signaling.room import Kind
from tele.domain.access import Actor
from tele.domain.refusals import Conflict, Unknown
from tele.domain.seat import device_id
from tele.services import ingest, ingest_subjects, messages
from tele.services.case_rows import load_people
from tele.services.context import Services
from tele.services.encounters import Encounters
from tele.services.lectures import attendance, floor
from tele.services.lectures.broadcast import Broadcasts
from tele.services.view_consultation import message_view


class CaseDesk:
    """Joins the rooms of calls to the services; neither knows the other."""

    def __init__(self, services: Services, encounters: Encounters) -> None:
        self._services = services
        self._encounters = encounters

    async def ticket(self, actor: Actor, room: str) -> Ticket:
        """What somebody who wants to enter this call needs."""
        try:
            call, relation = await self._encounters.entering(actor, room)
        except Unknown:
            raise SocketError("not-found", "there is no such call") from None
        except Conflict as over:
            raise SocketError(over.code, "the call is over") from None
        lines = await self._encounters.chat_of(call.consultation, room)
        async with self._services.database.reading() as tx:
            people = await load_people(tx, actor.language, {line.author for line in lines})
        return Ticket(
            room=room,
            kind="consultation",
            subject=call.consultation,
            name=actor.name,
            role="gp" if relation == "requester" else "specialist",
            recording=call.recording,
            mark=call.wish,
            chat=tuple(message_view(line, people).model_dump(mode="json", by_alias=True) for line in lines),
        )

    async def running(self) -> list[RunningCall]:
        """Every call in progress."""
        return [
            RunningCall(call.room, "consultation", call.consultation, call.recording, call.wish)
            for call in await self._encounters.running()
        ]

    async def unsealed(self) -> list[tuple[str, str]]:
        """Recordings of finished calls that were not sealed yet."""
        return await self._encounters.unsealed()

    async def sealed(self, recording: str, summary: Json) -> None:
        """The recorder closed this recording."""
        await self._encounters.sealed(recording, summary)

    async def chat(self, actor: Actor, consultation: str, room: str, text: str, client_id: str) -> Json:
        """Store a line of chat."""
        line = await messages.post(self._services, actor, consultation, text, client_id)
        return line.model_dump(mode="json", by_alias=True)

    async def file_in_case(self, consultation: str, file: str) -> bool:
        """Whether this file belongs to the case."""
        return await self._encounters.has_file(consultation, file)

    async def end_empty(self, room: str) -> None:
        """End a call that everybody left."""
        await self._encounters.end_empty(room)


class LectureDesk:
    """Joins the rooms of those who present to the services, and the pages that watch."""

    def __init__(self, services: Services, broadcasts: Broadcasts) -> None:
        self._services = services
        self._broadcasts = broadcasts

    async def ticket(self, actor: Actor, room: str) -> Ticket:
        """What a presenter, or a guest on the stage, needs to enter."""
        try:
            lecture, seat = await self._broadcasts.entering(actor, room)
        except Unknown:
            raise SocketError("not-found", "there is no such lecture") from None
        except Conflict as over:
            raise SocketError(over.code, "the lecture is over") from None
        return Ticket(room, "lecture", lecture.room, actor.name, seat, lecture.recording, "on", (), lecture.host)

    async def running(self) -> list[RunningCall]:
        """Every lecture on the air, and those whose encoders may be here ahead of it: nothing is recorded of them."""
        awaited = await ingest.awaited(self._services)  # first: one that goes live in between is found the second time
        on_air = {each.room: each for each in await self._broadcasts.running()}
        return [
            *(RunningCall(room, "lecture", room, None, "off") for room in awaited if room not in on_air),
            *(RunningCall(room, "lecture", room, each.recording, "on", each.host) for room, each in on_air.items()),
        ]

    async def came(self, actor: Actor, lecture: str) -> tuple[str, bool]:
        """Somebody begins to watch (signaling's `Audience`)."""
        return await attendance.came(self._services, actor, lecture)

    async def floor(self, lecture: str, language: str) -> Json:
        """What everybody sees beside the picture."""
        return await floor.public_floor(self._services, lecture, language)

    async def hands(self, lecture: str, language: str) -> Json:
        """What hosts see besides."""
        return await floor.hosts_floor(self._services, lecture, language)


class Desk:
    """Every room has one of the two behind it; ids are random, so that the rows tell which."""

    def __init__(self, services: Services, encounters: Encounters, broadcasts: Broadcasts) -> None:
        self._cases = CaseDesk(services, encounters)
        self._services, self._encounters, self._broadcasts = services, encounters, broadcasts
        self.lectures = LectureDesk(services, broadcasts)

    async def ticket(self, actor: Actor, room: str) -> Ticket:
        """What somebody who wants to enter needs."""
        try:
            return await self._cases.ticket(actor, room)
        except SocketError as refused:
            if refused.code != "not-found":
                raise
        return await self.lectures.ticket(actor, room)

    async def running(self) -> list[RunningCall]:
        """Every call and lecture in progress."""
        return [*await self._cases.running(), *await self.lectures.running()]

    async def unsealed(self) -> list[tuple[str, str]]:
        """Recordings of what is over that were not sealed yet."""
        return [*await self._encounters.unsealed(), *await self._broadcasts.unsealed()]

    async def sealed(self, recording: str, summary: Json) -> None:
        """The recorder closed this recording, whichever's it is."""
        await self._encounters.sealed(recording, summary)
        await self._broadcasts.sealed(recording, summary)

    async def chat(self, actor: Actor, consultation: str, room: str, text: str, client_id: str) -> Json:
        """Store a line of a call's chat."""
        return await self._cases.chat(actor, consultation, room, text, client_id)

    async def devices(self, room: str, kind: Kind, subject: str) -> list[KnownDevice]:
        """The seats of all devices that were ever let in there."""
        known = await ingest.labels(self._services, ingest_subjects.of(kind, subject))
        return [
            KnownDevice(device_id(room, token), token, label, direction == "publish")
            for token, (label, direction) in known.items()
        ]

    async def file_in_case(self, consultation: str, file: str) -> bool:
        """Whether this file belongs to the case; a lecture has none."""
        return await self._cases.file_in_case(consultation, file)

    async def end_empty(self, room: str) -> None:
        """End a call, or a lecture, that everybody left."""
        await self._encounters.end_empty(room)
        await self._broadcasts.end_empty(room)
