"""Telling the open pages what a committed step of paging changed: the ringing, the GP, the coordinators."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from tele.domain.paging_state import Command, Page, Reach, Ring, State, StopPage
from tele.domain.people import name_in
from tele.services.announce import changed
from tele.services.context import Services
from tele.services.progress import progress
from tele.store.tables import Organisation, Practitioner, PractitionerRole, ServiceRequest
from tele.store.tables import Page as PageRow


class RingingGp(BaseModel):
    """Who asks, as the specialist who is rung reads it."""

    name: str
    organisation: str


class RingView(BaseModel):
    """A ring as the specialist's page shows it, and the `ring` event's payload. The same `page` may come twice."""

    page: str
    consultation: str
    specialty: str
    urgency: str
    question: str
    requester: RingingGp
    sex: str | None
    age: int | None
    sent_at: datetime
    expires_at: datetime
    routine: bool


async def rings_of(tx: AsyncSession, practitioner: str | None = None) -> list[tuple[str, RingView]]:
    """Everything that rings now, of one specialist or of all: (practitioner, ring)."""
    query = select(PageRow, ServiceRequest).join(ServiceRequest, ServiceRequest.id == PageRow.request)
    query = query.where(PageRow.outcome == "ringing").order_by(PageRow.sent_at)
    if practitioner is not None:
        query = query.where(PageRow.practitioner == practitioner)
    found = []
    for page, row in await tx.execute(query):
        ring = Ring(page.id, page.practitioner, page.sent_at, page.expires_at, ())
        found.append((page.practitioner, await ring_view(tx, row, ring)))
    return found


async def ring_view(tx: AsyncSession, row: ServiceRequest, ring: Ring) -> RingView:
    """The ring in the language of who is rung."""
    reader = await tx.get_one(Practitioner, ring.practitioner)
    requester = await tx.get_one(Practitioner, row.requester)
    organisation = await tx.get_one(Organisation, row.organisation)
    return RingView(
        page=ring.page,
        consultation=row.id,
        specialty=row.specialty,
        urgency=row.urgency,
        question=row.question,
        requester=RingingGp(
            name=name_in(reader.language, requester.name, requester.name_zh),
            organisation=name_in(reader.language, organisation.name, organisation.name_zh),
        ),
        sex=row.sex,
        age=row.age,
        sent_at=ring.sent_at,
        expires_at=ring.expires_at,
        routine=row.urgency == "routine",
    )


async def tell(
    services: Services, row: ServiceRequest, state: State, commands: Collection[Command], what: str
) -> None:  # fmt: skip
    """Send what follows from a step. Whoever misses it fetches the same from the rows."""
    rings = [one.ring for one in commands if isinstance(one, Page | Reach)]
    stops = [one for one in commands if isinstance(one, StopPage)]
    async with services.database.reading() as tx:
        views = [(ring.practitioner, await ring_view(tx, row, ring)) for ring in rings]
        winner = await tx.get(Practitioner, state.accepted_by) if state.accepted_by else None
        stopped = select(Practitioner).where(Practitioner.id.in_({stop.ring.practitioner for stop in stops}))
        languages = {row.id: row.language for row in await tx.scalars(stopped)} if stops else {}
        language = (await tx.get_one(Practitioner, row.requester)).language
        news = await progress(tx, row, services.clock(), language)
    for stop in stops:
        person = stop.ring.practitioner
        by = name_in(languages[person], winner.name, winner.name_zh) if winner else None
        payload = {"page": stop.ring.page, "consultation": row.id, "outcome": stop.outcome, "by": by}
        await services.notifier.practitioner(person, "ring.end", payload)
    for person, ring in views:
        await services.notifier.practitioner(person, "ring", ring.model_dump(mode="json"))
    await changed(services, row, what, news)
    await tell_coordinators(services)


async def tell_coordinators(services: Services) -> None:
    """The queue changed: coordinators' pages fetch it again."""
    role = PractitionerRole
    async with services.database.reading() as tx:
        places = await tx.scalars(select(role.organisation).where(role.role == "coordinator").distinct())
        organisations = sorted(places)
    for organisation in organisations:
        await services.notifier.coordinators(organisation, "queue", {})
