"""The engine of paging: looks at every waiting request whenever time passes or the world changes, and rings.

It holds nothing that a restart would lose. Each pass reads the rows, asks the pure state machine what is to be done,
and advances only the requests for which something is; several nodes may do so at once, one decides at a time.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import structlog

from tele.domain.paging import begin, step
from tele.domain.paging_queue import queue_order
from tele.domain.paging_state import Looked, State, to_json
from tele.services.context import Services
from tele.services.deliveries import Deliveries
from tele.services.notify import Opening
from tele.services.paging_tell import rings_of
from tele.services.paging_turn import advance, open_requests, state_of
from tele.services.paging_world import World
from tele.services.reference import Reference
from tele.services.tasks import Tasks
from tele.services.timer import Timer
from tele.store.tables import ServiceRequest

log = structlog.get_logger(__name__)

SWEEP = timedelta(seconds=5)
"""Longest time between two looks: takes over what another node began and did not live to finish."""
RETRY = timedelta(seconds=1)
"""Time until the next look after one that failed."""
PAUSE = timedelta(milliseconds=20)
"""Shortest time between two looks that nobody asked for."""


class PagingEngine:
    """Rings specialists until every request has one. `start` it once the services are whole."""

    def __init__(self, reference: Reference, timer: Timer) -> None:
        self._reference = reference
        self._timer = timer
        self._services: Services | None = None
        self._tasks = Tasks("paging")
        self._woken = asyncio.Event()
        self._rested = asyncio.Condition()
        self._resting_until: datetime | None = None
        self._read: dict[str, tuple[int, State]] = {}
        self._said: set[str] = set()
        self.deliveries = Deliveries(timer)
        self.failures = 0
        """Looks, or single requests in a look, that raised; each is logged."""

    async def start(self, services: Services) -> None:
        """Begin; the first look takes up everything that waits, wherever it was left."""
        self._services = services
        await self.deliveries.start(services)
        self._tasks.spawn(self._run(services), "engine")

    async def stop(self) -> None:
        """End at once. What is not finished is a row and goes on with the next start, here or elsewhere."""
        await self._tasks.close()
        await self.deliveries.stop()

    # What others tell it; each returns at once.

    def opening(self, *, organisation: str, specialty: str, urgency: str) -> Opening:
        """The policy of the moment, frozen for a new request, and the state from which its paging starts."""
        policy = self._reference.escalation.choose(urgency, specialty, organisation)
        return Opening(policy=policy.model_dump(mode="json"), state=to_json(begin(policy)))

    def wake(self, request_id: str) -> None:
        """A committed change of this request, of the roster or of a switch may mean that somebody is to be rung."""
        self._look_soon()

    def presence_changed(self, practitioner_id: str) -> None:
        """Somebody's first page opened or their last one closed."""
        self._look_soon()

    async def encounter_ended(self, practitioner_id: str) -> None:
        """A specialist's call is over: they can be rung again."""
        self._look_soon()

    async def quiet(self) -> None:
        """Wait until nothing is left to be done at this instant."""
        async with self._rested:
            await self._rested.wait_for(self._is_quiet)
        await self.deliveries.quiet()

    # The loop.

    def _look_soon(self) -> None:
        self._resting_until = None
        self._woken.set()
        self.deliveries.wake()

    def _is_quiet(self) -> bool:
        assert self._services is not None
        return self._resting_until is not None and self._services.clock() < self._resting_until

    async def _run(self, services: Services) -> None:
        first = True
        while True:
            self._woken.clear()
            try:
                until = await self._look(services)
                await self._say_again(services, everything=first)
                first = False
            except Exception:
                log.exception("paging.look_failed")
                self.failures += 1
                until = services.clock() + RETRY
            if not self._woken.is_set():
                async with self._rested:
                    self._resting_until = until
                    self._rested.notify_all()
            await self._timer.wait(self._woken, until)
            self._resting_until = None

    async def _look(self, services: Services) -> datetime:
        """One pass over all that waits; returns when the next is due."""
        now = services.clock()
        async with services.database.reading() as tx:
            rows = await open_requests(tx)
            if not rows:
                self._read, self._said = {}, set()
                return now + SWEEP
            world = await World.read(tx, now)
        rows.sort(key=lambda row: queue_order(row.urgency, row.created_at, row.id))
        self._read = {row.id: self._read[row.id] for row in rows if row.id in self._read}
        pages = await services.presence.open_pages(world.watched({row.specialty for row in rows}))
        due = [now + SWEEP]
        for row in rows:
            try:
                state = self._state(services, row)
                floor = world.floor(row.specialty, row.id, pages, services.channels)
                state, commands = step(state, Looked(), floor, now, services.new_id)
                if commands:
                    # Decided once more inside the transaction: what was read here may be old by now.
                    turned = await advance(services, row.id, Looked(), pages=pages)
                    if turned is not None:
                        state = turned.state
                        # Whoever this left free may be wanted by a request that was looked at before.
                        self._woken.set()
                    async with services.database.reading() as tx:
                        world = await World.read(tx, services.clock())
                    self.deliveries.wake()
            except Exception:
                log.exception("paging.request_failed", request=row.id)
                self.failures += 1
                due.append(now + RETRY)
                continue
            due += [state.wake_at] if state.wake_at else []
        change = world.roster.next_change(now)
        return max(min([*due, *([change] if change else [])]), now + PAUSE)

    def _state(self, services: Services, row: ServiceRequest) -> State:
        """The row's state, parsed once for each version of it."""
        known = self._read.get(row.id)
        if known is None or known[0] != row.paging_version:
            known = self._read[row.id] = (row.paging_version, state_of(services, row))
        return known[1]

    async def _say_again(self, services: Services, *, everything: bool) -> None:
        """Say once more what has been ringing for a while (after a start: all that rings), in case whoever committed it
        did not live to say it. Pages know a ring by its id.
        """
        if not self._read:
            return
        async with services.database.reading() as tx:
            rings = await rings_of(tx)
        oldest = services.clock() - SWEEP
        for practitioner, ring in rings:
            if ring.page not in self._said and (everything or ring.sent_at <= oldest):
                await services.notifier.practitioner(practitioner, "ring", ring.model_dump(mode="json"))
                self._said.add(ring.page)
        self._said &= {ring.page for _, ring in rings}
