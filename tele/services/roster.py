"""The plan of who is on call, as coordinators see and change it."""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from tele.domain.access import Action, Actor, allows
from tele.domain.people import name_in
from tele.domain.refusals import FieldError, Forbidden, Invalid, Unknown
from tele.domain.roster import OverrideKind, Span
from tele.services.context import Services
from tele.services.paging_world import read_roster, specialties_of_specialists
from tele.store import audit, tables

LONGEST_SHIFT = timedelta(days=7)
LONGEST_WINDOW = timedelta(days=62)
FURTHEST = timedelta(days=730)
"""How far ahead one can plan; a mistyped year ends here."""


class PlannedPerson(BaseModel):
    """Who is planned."""

    id: str
    name: str


class ShiftView(BaseModel):
    """A shift."""

    id: str
    organisation: str
    specialty: str
    practitioner: PlannedPerson
    starts_at: datetime
    ends_at: datetime


class OverrideView(ShiftView):
    """A change to the plan."""

    kind: OverrideKind
    shift: str | None
    note: str


class HoleView(BaseModel):
    """A time with nobody on call."""

    specialty: str
    starts_at: datetime
    ends_at: datetime


class RosterView(BaseModel):
    """The plan within a window of time."""

    shifts: list[ShiftView]
    overrides: list[OverrideView]
    holes: list[HoleView]


async def roster(
    services: Services, actor: Actor, start: datetime, end: datetime, specialty: str | None = None
) -> RosterView:
    """Shifts, overrides and holes of the whole consortium between two instants, at most 62 days apart."""
    if not start < end <= start + LONGEST_WINDOW:
        raise Invalid(errors=[FieldError("to", "range")])
    window = Span(start, end)
    async with services.database.reading() as tx:
        pairs = await specialties_of_specialists(tx)
        plan = await read_roster(tx, window, pairs)
        people = {row.id: row for row in await tx.scalars(select(tables.Practitioner))}
        notes = {row.id: row.note for row in await tx.scalars(select(tables.RosterOverride))}

    def whom(person: str) -> PlannedPerson:
        return PlannedPerson(id=person, name=name_in(actor.language, people[person].name, people[person].name_zh))

    wanted = [specialty] if specialty else sorted({code for _, code in pairs})
    return RosterView(
        shifts=[
            ShiftView(
                id=one.id, organisation=one.organisation, specialty=one.specialty,
                practitioner=whom(one.practitioner), starts_at=one.span.start, ends_at=one.span.end,
            )
            for one in plan.shifts
            if one.specialty in wanted
        ],
        overrides=[
            OverrideView(
                id=one.id, organisation=one.organisation, specialty=one.specialty,
                practitioner=whom(one.practitioner), starts_at=one.span.start, ends_at=one.span.end,
                kind=one.kind, shift=one.shift, note=notes.get(one.id, ""),
            )
            for one in plan.overrides
            if one.specialty in wanted
        ],
        holes=[
            HoleView(specialty=one.specialty, starts_at=one.span.start, ends_at=one.span.end)
            for one in plan.holes(wanted, window)
        ],
    )  # fmt: skip


async def add_shift(
    services: Services, actor: Actor, *, organisation: str, specialty: str, practitioner: str, span: Span
) -> str:
    """Plan hours for a specialist of the organisation; returns the shift's id. Raises Forbidden, Invalid."""
    _may_edit(actor, organisation)
    now = services.clock()
    _check_span(span, now)
    async with services.database.transaction() as tx:
        await _check_person(tx, practitioner, organisation, specialty)
        row = tables.Shift(
            id=services.new_id(), organisation=organisation, specialty=specialty, practitioner=practitioner,
            starts_at=span.start, ends_at=span.end, created_at=now,
        )  # fmt: skip
        tx.add(row)
        _note(tx, services, actor, "shift.add", row.id, now, practitioner=practitioner, specialty=specialty)
    services.paging.wake("")
    return row.id


async def add_override(
    services: Services,
    actor: Actor,
    *,
    kind: OverrideKind,
    organisation: str,
    specialty: str,
    practitioner: str,
    span: Span,
    shift: str | None = None,
    note: str = "",
) -> str:
    """Change the plan for some hours; `replace` names the shift whose hours are given away. Raises as `add_shift`."""
    _may_edit(actor, organisation)
    now = services.clock()
    _check_span(span, now)
    if kind == "replace" and shift is None:
        raise Invalid(errors=[FieldError("shift", "missing")])
    async with services.database.transaction() as tx:
        await _check_person(tx, practitioner, organisation, specialty)
        if shift is not None:
            planned = await tx.get(tables.Shift, shift)
            if planned is None or (planned.organisation, planned.specialty) != (organisation, specialty):
                raise Invalid(errors=[FieldError("shift", "choice")])
        row = tables.RosterOverride(
            id=services.new_id(), organisation=organisation, specialty=specialty, practitioner=practitioner,
            shift=shift, kind=kind, note=note, starts_at=span.start, ends_at=span.end, created_at=now,
        )  # fmt: skip
        tx.add(row)
        _note(tx, services, actor, f"override.{kind}", row.id, now, practitioner=practitioner, specialty=specialty)
    services.paging.wake("")
    return row.id


async def remove(
    services: Services, actor: Actor, entry: type[tables.Shift] | type[tables.RosterOverride], entry_id: str
) -> None:
    """Take a shift (and the overrides of it) or an override out of the plan. Raises Unknown, Forbidden."""
    async with services.database.transaction() as tx:
        row: tables.Shift | tables.RosterOverride | None = await tx.get(entry, entry_id)
        if row is None:
            raise Unknown
        _may_edit(actor, row.organisation)
        what = "shift.remove" if entry is tables.Shift else "override.remove"
        _note(
            tx, services, actor, what, row.id, services.clock(), practitioner=row.practitioner, specialty=row.specialty
        )  # fmt: skip
        await tx.delete(row)
    services.paging.wake("")


def _may_edit(actor: Actor, organisation: str) -> None:
    if not actor.has("coordinator", organisation) or not allows(actor, Action.EDIT_ROSTER, frozenset({"coordinator"})):
        raise Forbidden


def _check_span(span: Span, now: datetime) -> None:
    if not span.start < span.end <= span.start + LONGEST_SHIFT:
        raise Invalid(errors=[FieldError("ends_at", "range")])
    if not now - FURTHEST < span.start < now + FURTHEST:
        raise Invalid(errors=[FieldError("starts_at", "range")])


async def _check_person(tx: AsyncSession, practitioner: str, organisation: str, specialty: str) -> None:
    role = tables.PractitionerRole
    query = select(role).where(
        role.practitioner == practitioner, role.organisation == organisation, role.role == "specialist"
    )
    found = await tx.scalar(query)
    if found is None or specialty not in found.specialties:
        raise Invalid(errors=[FieldError("practitioner", "choice")])


def _note(
    tx: AsyncSession, services: Services, actor: Actor, action: str, subject: str, at: datetime, **details: object
) -> None:
    audit.record(
        tx, actor=actor, action=action, subject_type="roster", subject_id=subject, at=at, id=services.new_id(),
        details=details,
    )  # fmt: skip
