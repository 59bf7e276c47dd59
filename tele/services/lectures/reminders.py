"""Reminders: a row when somebody wants one; shown in the app and sent by mail a quarter of an hour before the start."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from tele.domain.access import Action, Actor
from tele.domain.people import name_in
from tele.domain.refusals import Conflict
from tele.services.channels import Contact, DeliveryFailed, Invitation
from tele.services.context import Services
from tele.services.lectures.found import find
from tele.services.tasks import Tasks
from tele.services.timer import Timer
from tele.store.tables import Lecture, LectureReminder, Practitioner

log = structlog.get_logger(__name__)

BEFORE = timedelta(minutes=15)
LEASE = timedelta(seconds=60)
"""How long a claimed reminder is left to who claimed it; longer than an attempt takes."""
BACKOFF = tuple(timedelta(seconds=seconds) for seconds in (5, 30, 120))
IDLE = timedelta(seconds=60)
"""Longest time between two looks for what another node left behind."""
SEND_LIMIT = 20.0
"""Seconds that one attempt may take."""


async def remind(services: Services, actor: Actor, lecture_id: str, wanted: bool) -> None:
    """Somebody wants to be reminded of a planned lecture, or no longer. Raises Conflict("lecture-not-now")."""
    now = services.clock()
    async with services.database.transaction() as tx:
        row = (await find(tx, services, actor, lecture_id, Action.SEE_LECTURE)).row
        kept = await tx.get(LectureReminder, (lecture_id, actor.id), with_for_update=True)
        if not wanted:
            if kept is not None:
                await tx.delete(kept)
            return
        if row.status != "planned":
            raise Conflict("lecture-not-now")
        if kept is None:
            tx.add(
                LectureReminder(
                    lecture=lecture_id, practitioner=actor.id, state="pending", attempts=0,
                    next_attempt_at=row.starts_at - BEFORE, created_at=now, sent_at=None,
                )
            )  # fmt: skip
    services.live.remind()


async def move(tx: AsyncSession, lecture_id: str, starts_at: datetime) -> None:
    """The lecture begins at another time: everybody is reminded of the new one, whoever was reminded already too."""
    await tx.execute(
        update(LectureReminder)
        .where(LectureReminder.lecture == lecture_id)
        .values(state="pending", attempts=0, next_attempt_at=starts_at - BEFORE, sent_at=None)
    )


class Reminders:
    """Sends what is due until stopped. A reminder may arrive twice, but not never."""

    def __init__(self, timer: Timer) -> None:
        self._timer = timer
        self._tasks = Tasks("reminders")
        self._woken = asyncio.Event()

    def start(self, services: Services) -> None:
        """Begin with whatever an earlier run left."""
        self._tasks.spawn(self._run(services), "loop")

    async def stop(self) -> None:
        """End at once."""
        await self._tasks.close()

    def wake(self) -> None:
        """There may be an earlier one than was known."""
        self._woken.set()

    async def _run(self, services: Services) -> None:
        while True:
            self._woken.clear()
            try:
                until = await self.send_due(services)
            except Exception:
                log.exception("reminders.look_failed")
                until = services.clock() + BACKOFF[0]
            await self._timer.wait(self._woken, until)

    async def send_due(self, services: Services) -> datetime:
        """Send what is due now; returns when to look again."""
        now = services.clock()
        due = select(LectureReminder.lecture, LectureReminder.practitioner).where(
            LectureReminder.state == "pending", LectureReminder.next_attempt_at <= now
        )
        async with services.database.reading() as tx:
            keys = (await tx.execute(due.order_by(LectureReminder.next_attempt_at).limit(200))).all()
        for lecture, person in keys:
            await self._send(services, lecture, person)
        later = select(func.min(LectureReminder.next_attempt_at)).where(LectureReminder.state == "pending")
        async with services.database.reading() as tx:
            following: datetime | None = await tx.scalar(later)
        return min(now + IDLE, max(now, following or now + IDLE))

    async def _send(self, services: Services, lecture: str, person: str) -> None:
        claimed = await self._claim(services, lecture, person)
        if claimed is None:
            return
        row, contact, attempts = claimed
        told = {"id": row.id, "title": row.title, "starts_at": row.starts_at.isoformat().replace("+00:00", "Z")}
        await services.notifier.practitioner(person, "lecture.reminder", told)
        values: dict[str, object] = {"state": "sent", "sent_at": services.clock()}
        mail = services.channels.mailer
        if mail is not None and contact.email:
            try:
                async with asyncio.timeout(SEND_LIMIT):
                    await mail.invite(Invitation(row.id, row.title, row.starts_at, row.place), contact)
            except (DeliveryFailed, TimeoutError) as failure:
                log.warning("reminders.failed", attempt=attempts, reason=type(failure).__name__)
                final = isinstance(failure, DeliveryFailed) and failure.final
                values = {"state": "failed"}
                if not final and attempts <= len(BACKOFF):
                    values = {"next_attempt_at": services.clock() + BACKOFF[attempts - 1]}
        mine = (LectureReminder.lecture == lecture, LectureReminder.practitioner == person)
        async with services.database.transaction() as tx:
            still = (*mine, LectureReminder.state == "pending", LectureReminder.attempts == attempts)
            await tx.execute(update(LectureReminder).where(*still).values(**values))

    async def _claim(self, services: Services, lecture: str, person: str) -> tuple[Lecture, Contact, int] | None:
        """Take the reminder for this attempt, unless another node has it or nobody needs it any more."""
        now = services.clock()
        async with services.database.transaction() as tx:
            attempts = await tx.scalar(
                update(LectureReminder)
                .where(
                    LectureReminder.lecture == lecture, LectureReminder.practitioner == person,
                    LectureReminder.state == "pending", LectureReminder.next_attempt_at <= now,
                )
                .values(attempts=LectureReminder.attempts + 1, next_attempt_at=now + LEASE)
                .returning(LectureReminder.attempts)
            )  # fmt: skip
            if attempts is None:
                return None
            row, who = await tx.get_one(Lecture, lecture), await tx.get_one(Practitioner, person)
            if row.status != "planned" or not who.active:
                reminder = await tx.get_one(LectureReminder, (lecture, person), populate_existing=True)
                reminder.state = "dropped"
                return None
        name = name_in(who.language, who.name, who.name_zh)
        return row, Contact(who.id, name, who.language, who.email, who.phone), attempts
