"""Lectures as iCalendar (RFC 5545): one to put into a calendar, and a feed that calendars read by themselves.

A calendar program cannot sign in, so a feed has an address of its own: 128 random bits that show what its owner is
invited to, and nothing that concerns anybody else. Its owner can replace it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import select

from tele.domain.access import Action, Actor, allows
from tele.domain.ids import is_id
from tele.domain.refusals import Unknown
from tele.services.context import Services
from tele.services.lectures.found import find, relate
from tele.services.lectures.reminders import BEFORE
from tele.services.sign_in import actor_of
from tele.store.tables import CalendarFeed, Lecture, Practitioner

BEHIND = timedelta(days=30)
"""How long what is over stays in the feed."""
MOST = 1000


async def one(services: Services, actor: Actor, lecture_id: str, address: str) -> bytes:
    """One lecture as a calendar; `address` is that of the server. Raises Unknown."""
    async with services.database.reading() as tx:
        row = (await find(tx, services, actor, lecture_id, Action.SEE_LECTURE)).row
    return _calendar([row], address)


async def feed_of(services: Services, actor: Actor, *, fresh: bool = False) -> str:
    """The name of this person's feed, made when there is none; `fresh` makes a new one and ends the old."""
    async with services.database.transaction() as tx:
        kept = await tx.scalar(select(CalendarFeed).where(CalendarFeed.practitioner == actor.id).with_for_update())
        if kept is not None and not fresh:
            return kept.id
        if kept is not None:
            await tx.delete(kept)
            await tx.flush()
        row = CalendarFeed(id=services.new_id(), practitioner=actor.id, created_at=services.clock())
        tx.add(row)
    return row.id


async def feed(services: Services, name: str, address: str) -> bytes:
    """The calendar of whoever's feed this is. Raises Unknown, also for a closed account."""
    if not is_id(name):
        raise Unknown
    async with services.database.reading() as tx:
        kept = await tx.get(CalendarFeed, name)
        person = await tx.get(Practitioner, kept.practitioner) if kept is not None else None
        if person is None or not person.active:
            raise Unknown
        actor = await actor_of(tx, person, "")
        recent = select(Lecture).where(Lecture.starts_at > services.clock() - BEHIND)
        rows = list(await tx.scalars(recent.order_by(Lecture.starts_at).limit(MOST)))
        seen = [each.row for each in await relate(tx, actor, rows) if allows(actor, Action.SEE_LECTURE, each.relation)]
    return _calendar(seen, address)


def _calendar(rows: Sequence[Lecture], address: str) -> bytes:
    from icalendar import Alarm, Calendar, Event  # a tenth of all that a start loads, for what is seldom asked

    calendar = Calendar()
    calendar.add("prodid", "-//Tele//Lectures//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    for row in rows:
        event = Event()
        event.add("uid", f"{row.id}@tele")
        event.add("summary", row.title)
        event.add("description", row.summary)
        event.add("dtstart", row.starts_at)
        event.add("dtend", row.ends_at)
        event.add("dtstamp", row.updated_at)
        event.add("sequence", row.version)
        event.add("status", "CANCELLED" if row.status == "cancelled" else "CONFIRMED")
        event.add("url", f"{address}/lectures/{row.id}")
        if row.place:
            event.add("location", row.place)
        alarm = Alarm()
        alarm.add("action", "DISPLAY")
        alarm.add("description", row.title)
        alarm.add("trigger", -BEFORE)
        event.add_component(alarm)
        calendar.add_component(event)
    content: bytes = calendar.to_ical()
    return content
