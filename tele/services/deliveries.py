"""Sending what waits in the `delivery` rows through the channels: claimed, bounded in time, tried again, never lost."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import structlog
from sqlalchemy import func, select, update

from tele.domain.people import name_in
from tele.services.channels import Contact, DeliveryFailed, Notice
from tele.services.context import Services
from tele.services.tasks import Tasks
from tele.services.timer import Timer
from tele.store.tables import Delivery, Page, Practitioner, ServiceRequest

log = structlog.get_logger(__name__)

AT_ONCE = 8
"""Messages being sent at a time."""
SEND_LIMIT = 20.0
"""Seconds that one attempt may take."""
LEASE = timedelta(seconds=60)
"""How long a claimed message is left to who claimed it; longer than an attempt takes."""
BACKOFF = tuple(timedelta(seconds=seconds) for seconds in (2, 5, 15, 60, 300))
"""Wait after the first failed attempt, the second, …; after the last the message is given up."""
IDLE = timedelta(seconds=30)
"""Longest time between two looks for messages that another node left behind."""
WAITING = ("queued", "ringing", "needs-more")


class Deliveries:
    """Sends messages until stopped. A message may arrive twice (its id tells), but not never."""

    def __init__(self, timer: Timer) -> None:
        self._timer = timer
        self._tasks = Tasks("deliveries")
        self._woken = asyncio.Event()
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._rested = asyncio.Condition()
        self._resting_until: datetime | None = None
        self._sending = 0
        self._services: Services | None = None
        self.sent = 0
        self.failed = 0
        """Attempts that did not succeed."""

    async def start(self, services: Services) -> None:
        """Begin with whatever an earlier run left."""
        self._services = services
        self._tasks.spawn(self._run(services), "loop")

    async def stop(self) -> None:
        """End at once; what was being sent is sent again after its lease."""
        await self._tasks.close()

    def wake(self) -> None:
        """There may be something to send."""
        self._resting_until = None
        self._woken.set()

    async def quiet(self) -> None:
        """Wait until nothing is due and nothing is being sent."""
        async with self._rested:
            await self._rested.wait_for(self._is_quiet)

    def _is_quiet(self) -> bool:
        assert self._services is not None
        resting = self._resting_until is not None and self._services.clock() < self._resting_until
        return resting and not self._sending

    async def _run(self, services: Services) -> None:
        while True:
            self._woken.clear()
            try:
                until = await self._send_due(services)
            except Exception:
                log.exception("deliveries.look_failed")
                until = services.clock() + BACKOFF[0]
            if not self._woken.is_set():
                async with self._rested:
                    self._resting_until = until
                    self._rested.notify_all()
            await self._timer.wait(self._woken, until)
            self._resting_until = None

    async def _send_due(self, services: Services) -> datetime:
        now = services.clock()
        pending = select(Delivery.id).where(Delivery.state == "pending", Delivery.next_attempt_at <= now)
        async with services.database.reading() as tx:
            due = (await tx.scalars(pending.order_by(Delivery.next_attempt_at).limit(AT_ONCE * 4))).all()
        for delivery in due:
            await self._slots.acquire()
            self._sending += 1
            self._tasks.spawn(self._send(services, delivery), "send")
        later = select(func.min(Delivery.next_attempt_at)).where(
            Delivery.state == "pending", Delivery.next_attempt_at > now
        )
        async with services.database.reading() as tx:
            following: datetime | None = await tx.scalar(later)
        return min(now + IDLE, following or now + IDLE)

    async def _send(self, services: Services, delivery_id: str) -> None:
        try:
            claimed = await self._claim(services, delivery_id)
            if claimed is not None:
                await self._attempt(services, *claimed)
        finally:
            self._sending -= 1
            self._slots.release()
            self.wake()  # for the next attempt's time, and for whoever waits until all is quiet

    async def _claim(self, services: Services, delivery_id: str) -> tuple[Delivery, Notice, Contact] | None:
        """Take the message for this attempt, unless another node has it or nobody needs it any more."""
        now = services.clock()
        async with services.database.transaction() as tx:
            claim = update(Delivery).where(
                Delivery.id == delivery_id, Delivery.state == "pending", Delivery.next_attempt_at <= now
            )
            taken = await tx.scalar(
                claim.values(attempts=Delivery.attempts + 1, next_attempt_at=now + LEASE).returning(Delivery.id)
            )
            if taken is None:
                return None
            delivery = await tx.get_one(Delivery, delivery_id, populate_existing=True)
            request = await tx.get_one(ServiceRequest, delivery.request)
            page = await tx.get(Page, delivery.page) if delivery.page else None
            if (page.outcome != "ringing") if page else (request.stage not in WAITING):
                delivery.state = "dropped"
                return None
            person = await tx.get_one(Practitioner, delivery.practitioner)
        specialty = services.reference.specialties.get(request.specialty)
        notice = Notice(
            delivery=delivery.id,
            purpose="ring" if page else "coordinator",
            consultation=request.id,
            specialty=specialty.name.in_language(person.language) if specialty else request.specialty,
            urgency=request.urgency,
            at=delivery.created_at,
            until=page.expires_at if page else None,
        )
        name = name_in(person.language, person.name, person.name_zh)
        return delivery, notice, Contact(person.id, name, person.language, person.email, person.phone)

    async def _attempt(self, services: Services, delivery: Delivery, notice: Notice, contact: Contact) -> None:
        channel = services.channels.by_name.get(delivery.channel)
        failure: DeliveryFailed | None = None
        try:
            if channel is None:
                raise DeliveryFailed("no such channel here", final=True)
            async with asyncio.timeout(SEND_LIMIT):
                await channel.send(notice, contact)
        except TimeoutError:
            failure = DeliveryFailed(f"no answer within {SEND_LIMIT:.0f} s")
        except DeliveryFailed as raised:
            failure = raised
        except Exception as raised:
            log.exception("deliveries.channel_broke", channel=delivery.channel)
            failure = DeliveryFailed(type(raised).__name__)
        now = services.clock()
        values: dict[str, object] = {"state": "sent", "sent_at": now, "error": None}
        if failure is not None:
            self.failed += 1
            log.warning("deliveries.failed", channel=delivery.channel, attempt=delivery.attempts, reason=str(failure))
            values = {"error": str(failure)[:200], "state": "failed"}
            if not failure.final and delivery.attempts <= len(BACKOFF):
                values |= {"state": "pending", "next_attempt_at": now + BACKOFF[delivery.attempts - 1]}
        else:
            self.sent += 1
        mine = (Delivery.id == delivery.id, Delivery.state == "pending", Delivery.attempts == delivery.attempts)
        async with services.database.transaction() as tx:
            await tx.execute(update(Delivery).where(*mine).values(**values))
