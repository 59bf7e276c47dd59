"""The case behind a call: answers what rooms ask (signaling's `Calls`) from the services."""

from __future__ import annotations

from signaling.ports import Json, KnownDevice, RunningCall, SocketError, Ticket
from tele.domain.access import Actor
from tele.domain.refusals import Conflict, Unknown
from tele.domain.seat import device_id
from tele.services import ingest, messages
from tele.services.case_rows import load_people
from tele.services.context import Services
from tele.services.encounters import Encounters
from tele.services.view_consultation import message_view


class Desk:
    """Joins signaling to the services; neither knows the other."""

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
            consultation=call.consultation,
            name=actor.name,
            role="gp" if relation == "requester" else "specialist",
            recording=call.recording,
            mark=call.wish,
            chat=tuple(message_view(line, people).model_dump(mode="json", by_alias=True) for line in lines),
        )

    async def running(self) -> list[RunningCall]:
        """Every call in progress."""
        return [
            RunningCall(call.room, call.consultation, call.recording, call.wish)
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

    async def devices(self, room: str, consultation: str) -> list[KnownDevice]:
        """The seats of all devices that were ever let into this case."""
        return [
            KnownDevice(device_id(room, token), token, label, direction == "publish")
            for token, (label, direction) in (await ingest.labels(self._services, consultation)).items()
        ]

    async def file_in_case(self, consultation: str, file: str) -> bool:
        """Whether this file belongs to the case."""
        return await self._encounters.has_file(consultation, file)

    async def end_empty(self, room: str) -> None:
        """End a call that everybody left."""
        await self._encounters.end_empty(room)
