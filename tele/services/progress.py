"""Where a waiting request stands, for the requester's line: who is rung, who comes next, the likely wait."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from tele.domain.consultation import WAITING
from tele.domain.paging_forecast import forecast
from tele.domain.paging_queue import SAMPLE, expected_wait, queue_order
from tele.domain.paging_state import State, from_json
from tele.domain.people import name_in
from tele.store.tables import Organisation, Practitioner, PractitionerRole, ServiceRequest

RECENT = timedelta(days=30)
"""How far back acceptances tell how long one waits."""


async def progress(tx: AsyncSession, row: ServiceRequest, now: datetime, language: str) -> dict[str, Any] | None:
    """ConsultationView.progress as JSON values; None when nobody waits any more. Times end in `Z`, waits in seconds."""
    if row.stage not in WAITING:
        return None
    try:
        state = from_json(row.paging_state)
    except ValidationError:
        return None  # the engine begins it anew and then says so
    coming = forecast(state, now)
    people = {ring.practitioner for ring in state.rings} | {one.practitioner for one in coming if one.practitioner}
    people |= set(state.snoozed) | ({state.asked_by} if state.asked_by else set())
    names = await _names(tx, people, language)
    ring = state.rings[0] if state.rings else None
    return {
        "position": await _position(tx, row),
        "ringing": ring
        and {"name": names[ring.practitioner], "since": stamp(ring.sent_at), "until": stamp(ring.expires_at)},
        "next": [
            {"name": names[one.practitioner], "after_s": one.after_s}
            if one.practitioner
            else {"kind": "coordinator", "after_s": one.after_s}
            for one in coming
        ],
        "expected_wait_s": await expected_wait_of(tx, row.specialty, row.urgency, now),
        "on_call": state.on_call,
        "duty_phone": await duty_phone(tx, row.specialty),
        "line": {"code": state.line, "args": _arguments(state, names)},
    }


def stamp(instant: datetime) -> str:
    """ISO 8601 in UTC, as every time in JSON."""
    return instant.isoformat().replace("+00:00", "Z")


def _arguments(state: State, names: dict[str, str]) -> dict[str, Any]:
    """What the sentence of a line code is filled with."""
    if state.rings:
        return {"name": names[state.rings[0].practitioner], "others": len(state.rings) - 1}
    if state.snoozed and state.phase == "waiting":
        person, due = min(state.snoozed.items(), key=lambda item: item[1])
        return {"name": names[person], "until": stamp(due)}
    return {"name": names[state.asked_by]} if state.asked_by else {}


async def _names(tx: AsyncSession, people: Collection[str], language: str) -> dict[str, str]:
    if not people:
        return {}
    found = await tx.scalars(select(Practitioner).where(Practitioner.id.in_(people)))
    return {row.id: name_in(language, row.name, row.name_zh) for row in found}


async def _position(tx: AsyncSession, row: ServiceRequest) -> int | None:
    """The request's place among those of its specialty, from 1; None while it waits for the GP's own reply."""
    if row.stage == "needs-more":
        return None
    query = select(ServiceRequest.urgency, ServiceRequest.created_at, ServiceRequest.id).where(
        ServiceRequest.specialty == row.specialty,
        ServiceRequest.status == "active",
        ServiceRequest.stage.in_(("queued", "ringing")),
    )
    mine = queue_order(row.urgency, row.created_at, row.id)
    return 1 + sum(queue_order(*other) < mine for other in (await tx.execute(query)))


async def expected_wait_of(tx: AsyncSession, specialty: str, urgency: str | None, now: datetime) -> int | None:
    """Seconds until acceptance, from the last ones of this specialty (and urgency); None when too few are known."""
    query = select(ServiceRequest.created_at, ServiceRequest.accepted_at).where(
        ServiceRequest.specialty == specialty,
        ServiceRequest.accepted_at > now - RECENT,
        ServiceRequest.written_reply.is_(False),
    )
    if urgency is not None:
        query = query.where(ServiceRequest.urgency == urgency)
    recent = await tx.execute(query.order_by(ServiceRequest.accepted_at.desc()).limit(SAMPLE))
    return expected_wait([(accepted - asked).total_seconds() for asked, accepted in recent if accepted])


async def duty_phone(tx: AsyncSession, specialty: str) -> str | None:
    """The duty desk of a hospital that has this specialty, else of any hospital."""
    role, place = PractitionerRole, Organisation
    query = select(place).where(place.kind == "hospital", place.duty_phone.is_not(None)).order_by(place.name)
    hospitals = (await tx.scalars(query)).all()
    specialists = (await tx.scalars(select(role).where(role.role == "specialist"))).all()
    having = {one.organisation for one in specialists if specialty in one.specialties}
    return next((one.duty_phone for one in sorted(hospitals, key=lambda one: one.id not in having)), None)
