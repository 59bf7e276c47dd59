"""What a device or player is connected to: the call of a consultation, or a lecture. Who may, and which room it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Literal, Protocol

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from tele.domain.access import Action, Actor, allows
from tele.domain.lecture import possible
from tele.domain.refusals import Conflict, Unknown
from tele.services.cases import find as find_case
from tele.services.cases import relation_to
from tele.services.context import Services
from tele.services.lectures.found import find as find_lecture
from tele.services.lectures.found import relate, situation
from tele.store.tables import Encounter, IngestToken, Lecture, ServiceRequest

Kind = Literal["consultation", "lecture"]


class Subject(Protocol):
    """What a token is of."""

    @property
    def id(self) -> str:
        """Of the consultation or the lecture."""

    @property
    def kind(self) -> Kind:
        """Which of the two."""

    def columns(self) -> dict[str, Any]:
        """What a token of it has in its row."""

    def tokens(self) -> ColumnElement[bool]:
        """Picks the tokens of it."""

    async def check(self, tx: AsyncSession, services: Services, actor: Actor, *, lock: bool = False) -> None:
        """Raises Unknown, Forbidden or Conflict unless this person may make, see and take back tokens of it now."""

    async def grants(self, tx: AsyncSession, actor: Actor) -> bool:
        """Whether this person, who made a token once, still has the right to."""

    async def room(self, tx: AsyncSession, now: datetime) -> str | None:
        """The room that can be entered at this moment."""

    async def enter(self, tx: AsyncSession, room: str, now: datetime) -> None:
        """Raises Unknown for a room that is another's or over, Conflict for one that is not open yet."""


@dataclass(frozen=True, slots=True)
class OfConsultation:
    """The call of a consultation: its participants connect things while it runs."""

    id: str
    kind: ClassVar[Kind] = "consultation"

    def columns(self) -> dict[str, Any]:
        """What a token of it has in its row."""
        return {"request": self.id}

    def tokens(self) -> ColumnElement[bool]:
        """Picks the tokens of it."""
        return IngestToken.request == self.id

    async def check(self, tx: AsyncSession, services: Services, actor: Actor, *, lock: bool = False) -> None:
        """Raises Unknown or Forbidden unless they take part in the case."""
        await find_case(tx, actor, self.id, Action.CONNECT_DEVICE, lock=lock)

    async def grants(self, tx: AsyncSession, actor: Actor) -> bool:
        """Whether they still take part in the case."""
        row = await tx.get(ServiceRequest, self.id)
        return row is not None and allows(actor, Action.CONNECT_DEVICE, await relation_to(tx, actor, row))

    async def room(self, tx: AsyncSession, now: datetime) -> str | None:
        """That of the call which runs now."""
        running = select(Encounter.id).where(Encounter.request == self.id, Encounter.status == "in-progress")
        return await tx.scalar(running)

    async def enter(self, tx: AsyncSession, room: str, now: datetime) -> None:
        """Raises Unknown for a room that is another's, and Unknown("call-over")."""
        encounter = await tx.get(Encounter, room)
        if encounter is None or encounter.request != self.id:
            raise Unknown
        if encounter.status != "in-progress":
            raise Unknown("call-over")


@dataclass(frozen=True, slots=True)
class OfLecture:
    """A lecture: whoever may take it live connects encoders to it, and as early."""

    id: str
    kind: ClassVar[Kind] = "lecture"

    def columns(self) -> dict[str, Any]:
        """What a token of it has in its row."""
        return {"lecture": self.id}

    def tokens(self) -> ColumnElement[bool]:
        """Picks the tokens of it."""
        return IngestToken.lecture == self.id

    async def check(self, tx: AsyncSession, services: Services, actor: Actor, *, lock: bool = False) -> None:
        """Raises Unknown, Forbidden, or Conflict("lecture-not-now") when nobody could take it live now."""
        await find_lecture(tx, services, actor, self.id, Action.GO_LIVE, lock=lock)

    async def grants(self, tx: AsyncSession, actor: Actor) -> bool:
        """Whether they still present it."""
        row = await tx.get(Lecture, self.id)
        return row is not None and allows(actor, Action.GO_LIVE, (await relate(tx, actor, [row]))[0].relation)

    async def room(self, tx: AsyncSession, now: datetime) -> str | None:
        """Its own id, from the moment when it could go live until it is over."""
        row = await tx.get(Lecture, self.id)
        return self.id if row is not None and possible(Action.GO_LIVE, situation(row), now) else None

    async def enter(self, tx: AsyncSession, room: str, now: datetime) -> None:
        """Raises Unknown for another lecture's room, Unknown("lecture-over"), or Conflict("lecture-not-now")."""
        if room != self.id:
            raise Unknown
        row = await tx.get_one(Lecture, self.id)
        if row.status in ("completed", "cancelled"):
            raise Unknown("lecture-over")
        if await self.room(tx, now) is None:
            raise Conflict("lecture-not-now")


def of(kind: Kind, subject: str) -> Subject:
    """The consultation, or the lecture, of this id."""
    return OfConsultation(subject) if kind == "consultation" else OfLecture(subject)


def subject_of(row: IngestToken) -> Subject:
    """What this token is of; the table sees to it that it is one of the two."""
    return OfConsultation(row.request) if row.request is not None else OfLecture(row.lecture or "")
