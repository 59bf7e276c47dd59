"""Reading who is on call, busy, rung and reachable: the rows behind every decision of paging."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from tele.domain.paging_floor import Candidate, Floor
from tele.domain.people import name_in
from tele.domain.roster import Override, Roster, Shift, Span, Switch
from tele.services.channels import Channels, Contact
from tele.store import tables

NEAR = timedelta(days=3)
"""How far around now shifts are read: long enough for any stretch of hours that somebody is on call."""


@dataclass(frozen=True, slots=True)
class World:
    """The hospital at one instant, as one transaction sees it."""

    now: datetime
    roster: Roster
    in_call: frozenset[str]
    rung: Mapping[str, str]
    """Practitioner → the request that rings them."""
    ended: Mapping[str, datetime]
    """Practitioner → when their last ring or call ended."""
    contacts: Mapping[str, Contact]
    coordinators: frozenset[str]

    @classmethod
    async def read(cls, tx: AsyncSession, now: datetime) -> World:
        """Everything at once; a handful of queries whose size does not grow with the past."""
        roles = await _roles(tx)
        rings = select(tables.Page.practitioner, tables.Page.request).where(tables.Page.outcome == "ringing")
        return cls(
            now=now,
            roster=await read_roster(tx, Span(now - NEAR, now + NEAR), _pairs(roles)),
            in_call=await in_call(tx),
            rung=dict((await tx.execute(rings)).all()),
            ended=await _ended(tx, now),
            contacts=await _contacts(tx, {one.practitioner for one in roles}),
            coordinators=frozenset(one.practitioner for one in roles if one.role == "coordinator"),
        )

    def watched(self, specialties: Collection[str]) -> set[str]:
        """Whose open pages matter to requests of these specialties: who is on call for them, and the coordinators."""
        on_call = {one.practitioner for code in specialties for one in self.roster.on_call(code, self.now)}
        return on_call | self.coordinators

    def floor(self, specialty: str, request: str, pages: Collection[str], channels: Channels) -> Floor:
        """Who is on call for a request of this specialty. `pages`: who has a page open."""
        found = []
        for one in self.roster.on_call(specialty, self.now):
            person = one.practitioner
            contact = self.contacts[person]
            page = frozenset({"page"} if person in pages else ())
            found.append(
                Candidate(
                    practitioner=person,
                    on_since=one.since,
                    on_until=one.until,
                    idle_since=max(self.ended.get(person, one.since), one.since),
                    free=person not in self.in_call and self.rung.get(person, request) == request,
                    reach=page | channels.reach(contact),
                )
            )
        return tuple(found)


async def read_roster(tx: AsyncSession, window: Span, specialties: Collection[tuple[str, str]]) -> Roster:
    """The plan, its overrides in the order in which they were made, and every switch, as far as they touch `window`."""
    shift, override = tables.Shift, tables.RosterOverride
    shifts = select(shift).where(shift.ends_at > window.start, shift.starts_at < window.end)
    changes = select(override).where(override.ends_at > window.start, override.starts_at < window.end)
    return Roster(
        shifts=[
            Shift(row.id, row.organisation, row.specialty, row.practitioner, Span(row.starts_at, row.ends_at))
            for row in await tx.scalars(shifts.order_by(shift.starts_at, shift.id))
        ],
        overrides=[
            Override(
                row.id, row.organisation, row.specialty, row.practitioner, Span(row.starts_at, row.ends_at),
                row.kind, row.shift,  # type: ignore[arg-type]
            )
            for row in await tx.scalars(changes.order_by(override.created_at, override.id))
        ],
        switches=[
            Switch(row.practitioner, row.is_on, row.since, row.until)
            for row in await tx.scalars(select(tables.OnCallSwitch))
        ],
        specialties=tuple(specialties),
    )  # fmt: skip


async def specialties_of_specialists(tx: AsyncSession) -> tuple[tuple[str, str], ...]:
    """Every (practitioner, specialty) of the active specialists."""
    return _pairs(await _roles(tx))


async def _roles(tx: AsyncSession) -> list[tables.PractitionerRole]:
    role, person = tables.PractitionerRole, tables.Practitioner
    query = select(role).join(person, person.id == role.practitioner)
    found = await tx.scalars(query.where(person.active.is_(True), role.role.in_(("specialist", "coordinator"))))
    return list(found)


def _pairs(roles: Collection[tables.PractitionerRole]) -> tuple[tuple[str, str], ...]:
    pairs = {(one.practitioner, code) for one in roles if one.role == "specialist" for code in one.specialties}
    return tuple(sorted(pairs))


async def in_call(tx: AsyncSession) -> frozenset[str]:
    """The specialists who are in a call now."""
    request, encounter = tables.ServiceRequest, tables.Encounter
    query = select(request.accepted_by).join(encounter, encounter.request == request.id)
    found = await tx.scalars(query.where(encounter.status == "in-progress", request.accepted_by.is_not(None)))
    return frozenset(person for person in found if person)


async def _ended(tx: AsyncSession, now: datetime) -> dict[str, datetime]:
    """When each specialist's last ring or call ended. Older than `NEAR` is as good as never."""
    page, request, encounter = tables.Page, tables.ServiceRequest, tables.Encounter
    since = now - NEAR
    rings = select(page.practitioner, func.max(page.ended_at)).where(page.ended_at > since)
    calls = (
        select(request.accepted_by, func.max(encounter.ended_at))
        .join(request, request.id == encounter.request)
        .where(encounter.ended_at > since, request.accepted_by.is_not(None))
    )
    found = [*(await tx.execute(rings.group_by(page.practitioner)))]
    found += [*(await tx.execute(calls.group_by(request.accepted_by)))]
    ended: dict[str, datetime] = {}
    for person, at in found:
        if person is not None and at is not None:
            ended[person] = max(at, ended.get(person, at))
    return ended


async def _contacts(tx: AsyncSession, people: Collection[str]) -> dict[str, Contact]:
    found = await tx.scalars(select(tables.Practitioner).where(tables.Practitioner.id.in_(people)))
    return {
        row.id: Contact(row.id, name_in(row.language, row.name, row.name_zh), row.language, row.email, row.phone)
        for row in found
    }
