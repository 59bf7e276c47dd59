"""The demo's plan of who is on call: days behind and days ahead, and nobody now, until they switch themselves on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from tele.store.tables import Shift

DAY_STARTS, DAY_ENDS = timedelta(hours=8), timedelta(hours=18)
"""Hours of a demo shift, local to the server."""
BEHIND, AHEAD = 6, 13
"""Days of plan before and after now."""


async def ensure_demo_roster(
    tx: AsyncSession,
    *,
    organisation: str,
    specialists: Mapping[str, Sequence[str]],
    now: datetime,
    new_id: Callable[[], str],
) -> int:
    """Plan day shifts for `specialists` (specialty → practitioner ids, who take turns), once; returns how many.

    No shift touches the day before or after `now`: in the demo a specialist is rung when their switch is on, and only
    then. Nothing is done when the organisation has a shift already.
    """
    planned = select(exists().where(Shift.organisation == organisation))
    if (await tx.execute(planned)).scalar():
        return 0
    midnight = now.astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    made = 0
    for specialty, people in sorted(specialists.items()):
        for day in range(-BEHIND, AHEAD + 1):
            start, end = midnight + timedelta(days=day) + DAY_STARTS, midnight + timedelta(days=day) + DAY_ENDS
            near = start < now + timedelta(days=1) and end > now - timedelta(days=1)
            if near or not people or start.weekday() >= 5:  # weekends show the coordinator what a hole looks like
                continue
            tx.add(
                Shift(
                    id=new_id(), organisation=organisation, specialty=specialty, practitioner=people[day % len(people)],
                    starts_at=start, ends_at=end, created_at=now,
                )
            )  # fmt: skip
            made += 1
    return made
