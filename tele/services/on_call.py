"""A specialist's own duty: on call or not, the hours, today's roster, and what rings now."""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from tele.domain.access import Actor
from tele.domain.people import name_in
from tele.domain.roster import Roster, Span, intersect, switch_off_until, union
from tele.services.context import Services
from tele.services.paging_tell import RingView, rings_of
from tele.services.paging_world import NEAR, read_roster, specialties_of_specialists
from tele.store import audit
from tele.store.tables import OnCallSwitch, Practitioner


class Hours(BaseModel):
    """Hours of a shift."""

    starts_at: datetime
    ends_at: datetime


class Duty(Hours):
    """Somebody's hours on call today."""

    specialty: str
    name: str


class OnCallView(BaseModel):
    """A specialist's duty; also the payload of the `on-call` event."""

    on: bool
    since: datetime | None
    until: datetime | None
    shift: Hours | None = Field(description="The planned hours that run now.")
    specialties: list[str]
    roster_today: list[Duty]
    ringing: list[RingView] = Field(description="What rings now: shown again after a reload.")


async def duty(services: Services, actor: Actor) -> OnCallView:
    """The duty of whoever asks."""
    now = services.clock()
    async with services.database.reading() as tx:
        roster = await _roster(tx, now)
        names = await _names(tx, actor.language, {person for person, _ in roster.specialties})
        ringing = [ring for _, ring in await rings_of(tx, actor.id)]
    mine = sorted(code for person, code in roster.specialties if person == actor.id)
    held = [one for code in mine for one in roster.on_call(code, now) if one.practitioner == actor.id]
    shifts = [span for code in mine for span in roster.planned(actor.id, code) if span.holds(now)]
    return OnCallView(
        on=bool(held),
        since=min((one.since for one in held), default=None),
        until=max((one.until for one in held if one.until), default=None),
        shift=Hours(starts_at=shifts[0].start, ends_at=shifts[0].end) if shifts else None,
        specialties=mine,
        roster_today=_today(roster, mine, names, now),
        ringing=ringing,
    )


async def switch(services: Services, actor: Actor, on: bool) -> OnCallView:
    """Go on call or off. On: until the planned hours that run now end, else for as long as the site says. Off: until
    they end, so that the next planned hours count again.
    """
    now = services.clock()
    async with services.database.transaction() as tx:
        roster = await _roster(tx, now)
        planned_until = switch_off_until(roster, actor.id, now)
        hours = timedelta(hours=services.reference.escalation.switch_hours)
        until = planned_until if planned_until > now or not on else now + hours
        row = await tx.get(OnCallSwitch, actor.id)
        if row is None:
            tx.add(OnCallSwitch(practitioner=actor.id, is_on=on, since=now, until=until))
        elif row.is_on != on or (row.until is not None and row.until <= now):
            row.is_on, row.since, row.until = on, now, until
        else:
            row.until = until
        audit.record(
            tx, actor=actor, action="on-call.on" if on else "on-call.off", subject_type="practitioner",
            subject_id=actor.id, at=now, id=services.new_id(),
        )  # fmt: skip
    services.paging.wake("")
    view = await duty(services, actor)
    await services.notifier.practitioner(actor.id, "on-call", view.model_dump(mode="json"))
    return view


async def _roster(tx: AsyncSession, now: datetime) -> Roster:
    return await read_roster(tx, Span(now - NEAR, now + NEAR), await specialties_of_specialists(tx))


async def _names(tx: AsyncSession, language: str, people: set[str]) -> dict[str, str]:
    rows = await tx.scalars(select(Practitioner).where(Practitioner.id.in_(people)))
    return {row.id: name_in(language, row.name, row.name_zh) for row in rows}


def _today(roster: Roster, specialties: list[str], names: dict[str, str], now: datetime) -> list[Duty]:
    """Who is planned or switched on for these specialties, from an hour ago until the same time tomorrow."""
    window = Span(now - timedelta(hours=1), now + timedelta(hours=23))
    switched = {one.practitioner: one.span for one in roster.switches if one.on and one.span.holds(now)}
    found = []
    for code in specialties:
        for person in sorted({who for who, what in roster.specialties if what == code}):
            spans = roster.planned(person, code)
            spans = union([*spans, switched[person]] if person in switched else spans)
            found += [
                Duty(specialty=code, name=names[person], starts_at=span.start, ends_at=span.end)
                for span in spans
                if intersect([span], window)
            ]
    return sorted(found, key=lambda one: (one.specialty, one.starts_at, one.name))
