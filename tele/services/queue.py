"""The coordinators' live queue: who waits, for what, how long; never the question or the patient."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from tele.domain.access import Action, Actor, Relation, allows
from tele.domain.consultation import WAITING, Stage, Urgency
from tele.domain.paging_queue import Light, light, queue_order
from tele.domain.paging_state import Assigned, Cancelled
from tele.domain.people import name_in
from tele.domain.refusals import FieldError, Invalid, Unknown
from tele.domain.roster import Span
from tele.domain.text import clean_text
from tele.services.case_rows import load_people
from tele.services.context import Services
from tele.services.paging_turn import advance, open_requests, state_of
from tele.services.paging_world import NEAR, read_roster, specialties_of_specialists
from tele.services.progress import duty_phone
from tele.store import audit
from tele.store.tables import Organisation, Practitioner, PractitionerRole, ServiceRequest


class QueueRing(BaseModel):
    """Who is being rung."""

    name: str
    since: datetime


class QueueItem(BaseModel):
    """One waiting request."""

    id: str
    specialty: str
    urgency: Urgency
    since: datetime
    waiting_s: int
    stage: Stage
    ringing: QueueRing | None
    organisation: str
    requester_name: str
    promise_s: int = Field(description="Within how many seconds it should be accepted.")
    light: Light


class Queue(BaseModel):
    """Everyone who waits, the most pressing first, then the oldest."""

    items: list[QueueItem]


class QueueContact(BaseModel):
    """Somebody to telephone."""

    kind: Literal["gp", "on-call", "duty-desk"]
    name: str
    phone: str | None


class QueueContacts(BaseModel):
    """Whom to telephone about a waiting request."""

    items: list[QueueContact]


async def queue(services: Services, actor: Actor) -> Queue:
    """What waits for the organisations that this person coordinates."""
    now = services.clock()
    async with services.database.reading() as tx:
        offices = await _offices(tx)
        rows = [row for row in await open_requests(tx) if _coordinates(actor, row, offices)]
        rows.sort(key=lambda row: queue_order(row.urgency, row.created_at, row.id))
        states = {row.id: state_of(services, row) for row in rows}
        rung = {ring.practitioner for state in states.values() for ring in state.rings}
        people = await load_people(
            tx, actor.language, rung | {row.requester for row in rows}, {row.organisation for row in rows}
        )
    items = []
    for row in rows:
        state = states[row.id]
        ring = state.rings[0] if state.rings else None
        waited = max(0, int((now - row.created_at).total_seconds()))
        items.append(
            QueueItem(
                id=row.id, specialty=row.specialty, urgency=row.urgency, since=row.created_at, waiting_s=waited,
                stage=row.stage,
                ringing=QueueRing(name=people.ref(ring.practitioner).name, since=ring.sent_at) if ring else None,
                organisation=people.organisation(row.organisation), requester_name=people.ref(row.requester).name,
                promise_s=state.policy.promise_s, light=light(waited, state.policy.promise_s),
            )
        )  # fmt: skip
    return Queue(items=items)


async def assign(services: Services, actor: Actor, request_id: str, practitioner: str) -> None:
    """Have this specialist rung now, or as soon as they are on call, free and reachable. Raises Invalid for others."""

    async def found(tx: AsyncSession) -> ServiceRequest:
        row = await _find(tx, actor, request_id, Action.ASSIGN)
        if (practitioner, row.specialty) not in await specialties_of_specialists(tx):
            raise Invalid(errors=[FieldError("practitioner", "choice")])
        return row

    async def note(tx: AsyncSession, row: ServiceRequest) -> None:
        _audit(tx, services, actor, row, "queue.assign", practitioner=practitioner)

    await advance(services, request_id, Assigned(practitioner), actor=actor, find=found, also=note, what="assigned")
    services.paging.wake(request_id)


async def cancel_queued(services: Services, actor: Actor, request_id: str, reason: str) -> None:
    """Take a request out of the queue; the GP reads the reason."""
    reason = clean_text(reason)[:500]
    if not reason:
        raise Invalid(errors=[FieldError("reason", "missing")])

    async def found(tx: AsyncSession) -> ServiceRequest:
        return await _find(tx, actor, request_id, Action.CANCEL_QUEUED)

    async def note(tx: AsyncSession, row: ServiceRequest) -> None:
        row.cancelled_reason = reason
        _audit(tx, services, actor, row, "queue.cancel")

    await advance(services, request_id, Cancelled(reason), actor=actor, find=found, also=note, what="cancelled")
    services.paging.wake(request_id)


async def contacts(services: Services, actor: Actor, request_id: str) -> QueueContacts:
    """Telephone numbers: the GP's, those of the specialists on call, the duty desk's. The look is audited."""
    now = services.clock()
    async with services.database.transaction() as tx:
        row = await _find(tx, actor, request_id, Action.SEE_CONTACTS)
        pairs = await specialties_of_specialists(tx)
        roster = await read_roster(tx, Span(now - NEAR, now + NEAR), pairs)
        on_call = [one.practitioner for one in roster.on_call(row.specialty, now)]
        found = {
            one.id: one
            for one in await tx.scalars(select(Practitioner).where(Practitioner.id.in_({row.requester, *on_call})))
        }
        desk = await duty_phone(tx, row.specialty)
        _audit(tx, services, actor, row, "queue.contacts")

    def of(kind: Literal["gp", "on-call"], person: Practitioner) -> QueueContact:
        name = name_in(actor.language, person.name, person.name_zh)
        return QueueContact(kind=kind, name=name, phone=person.phone)

    items = [of("gp", found[row.requester])]
    items += [of("on-call", found[one]) for one in on_call]
    if desk:
        items.append(QueueContact(kind="duty-desk", name="", phone=desk))
    return QueueContacts(items=items)


async def _find(tx: AsyncSession, actor: Actor, request_id: str, action: Action) -> ServiceRequest:
    row = await tx.get(ServiceRequest, request_id, with_for_update=True)
    if row is None or row.stage not in WAITING or not _coordinates(actor, row, await _offices(tx)):
        raise Unknown
    relation: frozenset[Relation] = frozenset({"coordinator"})
    if not allows(actor, action, relation):
        raise Unknown
    return row


async def _offices(tx: AsyncSession) -> dict[str, frozenset[str]]:
    """Specialty → the hospitals whose specialists answer for it; under "" all of them, for what nobody answers for."""
    hospitals = frozenset(await tx.scalars(select(Organisation.id).where(Organisation.kind == "hospital")))
    offices: dict[str, frozenset[str]] = {}
    for role in await tx.scalars(select(PractitionerRole).where(PractitionerRole.role == "specialist")):
        for code in role.specialties:
            offices[code] = offices.get(code, frozenset()) | (hospitals & {role.organisation})
    return {"": hospitals, **{code: places for code, places in offices.items() if places}}


def _coordinates(actor: Actor, row: ServiceRequest, offices: dict[str, frozenset[str]]) -> bool:
    """Coordinators see what waits for their own hospital's specialists, and what their own centre asked."""
    mine = actor.organisations("coordinator")
    return row.organisation in mine or bool(offices.get(row.specialty, offices[""]) & mine)


def _audit(
    tx: AsyncSession, services: Services, actor: Actor, row: ServiceRequest, action: str, **details: object
) -> None:  # fmt: skip
    audit.record(
        tx, actor=actor, action=action, subject_type="consultation", subject_id=row.id, at=services.clock(),
        id=services.new_id(), details=details,
    )  # fmt: skip
