"""A ward for tests of paging: the real engine, services and rows, a clock turned by hand, and pages that are noted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher
from sqlalchemy import select

from tele.domain.access import Actor
from tele.domain.consent import GivenConsent
from tele.domain.escalation import Policies, Policy, Rule, Step
from tele.domain.ids import new_id
from tele.services import on_call
from tele.services.attempts import Attempts
from tele.services.channels import Channels
from tele.services.context import Services
from tele.services.encounters import Encounters
from tele.services.paging import PagingEngine
from tele.services.passwords import Passwords
from tele.services.progress import progress
from tele.services.reference import Reference
from tele.services.request_consultation import Asked, Patient, request_consultation
from tele.store.database import Database
from tele.store.objects import ObjectStore
from tele.store.tables import (
    AuditEvent,
    OnCallSwitch,
    Organisation,
    Page,
    Practitioner,
    PractitionerRole,
    ServiceRequest,
)
from tests.clock import FakeClock

CONFIG = Path(__file__).resolve().parents[2] / "config"
DUTY_PHONE = "+86 28 5550 0100"


@dataclass
class Pages:
    """Notifier, Presence and SessionWatch: who has a page open, and what it was told."""

    open: set[str] = field(default_factory=set)
    told: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    broken: bool = False
    """Whether telling fails, as when a node dies between its commit and its words."""

    async def practitioner(self, practitioner_id: str, event: str, payload: dict[str, Any]) -> None:
        self._tell(practitioner_id, event, payload)

    async def coordinators(self, organisation_id: str, event: str, payload: dict[str, Any]) -> None:
        self._tell(organisation_id, event, payload)

    async def consultation(self, consultation_id: str, event: str, payload: dict[str, Any]) -> None:
        self._tell(consultation_id, event, payload)

    async def open_pages(self, practitioner_ids: Collection[str]) -> set[str]:
        return self.open & set(practitioner_ids)

    async def ended(self, practitioner_id: str, session_ids: Collection[str] | None, reason: str) -> None:
        raise AssertionError("no session ends here")

    def _tell(self, whom: str, event: str, payload: dict[str, Any]) -> None:
        if self.broken:
            raise ConnectionError("nobody was told")
        self.told.append((whom, event, payload))

    def of(self, whom: str, event: str) -> list[dict[str, Any]]:
        """What somebody's page, or a case's, was told."""
        return [payload for name, what, payload in self.told if (name, what) == (whom, event)]


@dataclass
class Ward:
    """One node. `node` makes another on the same database, clock and pages."""

    services: Services
    engine: PagingEngine
    clock: FakeClock
    pages: Pages
    encounters: Encounters
    people: dict[str, Actor] = field(default_factory=dict)

    @classmethod
    async def open(cls, url: str, folder: Path, channels: Channels | None = None, policy: Policy | None = None) -> Ward:
        """With a hospital, a centre, `gp`, `coord`, and the cardiologists `ann`, `bo` and `cy`."""
        reference, clock, pages = Reference.load(CONFIG), FakeClock(), Pages()
        if policy is not None:
            reference = replace(reference, escalation=Policies(rules=(Rule(policy=policy),) * 3))
        engine = PagingEngine(reference, clock)
        services = Services(
            database=await Database.open(url), clock=clock, new_id=new_id,
            objects=ObjectStore.open(str(folder / "objects")), notifier=pages, presence=pages, watch=pages,
            paging=engine, passwords=Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)),
            attempts=Attempts(), reference=reference, channels=channels or Channels(),
        )  # fmt: skip
        encounters = Encounters(services)
        encounters.connect(_NoRooms(), engine)
        ward = cls(services, engine, clock, pages, encounters)
        async with services.database.transaction() as tx:
            tx.add(Organisation(id="west", name="West Hospital", name_zh=None, kind="hospital", duty_phone=DUTY_PHONE))
            tx.add(Organisation(id="centre", name="Fangcao", name_zh=None, kind="phc", duty_phone=None))
        await ward.employ("gp", "gp", "centre")
        await ward.employ("coord", "coordinator", "west")
        for name in ("ann", "bo", "cy"):
            await ward.employ(name, "specialist", "west", ("cardiology",))
        await engine.start(services)
        return ward

    async def close(self) -> None:
        await self.engine.stop()
        await self.services.database.close()

    async def employ(
        self, name: str, role: str, where: str, specialties: Collection[str] = (), **contact: str | None
    ) -> Actor:
        """An account, with `name` as its id."""
        async with self.services.database.transaction() as tx:
            tx.add(
                Practitioner(
                    id=name, username=name, name=f"Dr {name.title()}", name_zh=f"{name}医生", title=None, language="en",
                    password_hash="", phone=contact.get("phone"), email=contact.get("email"), active=True,
                    created_at=self.clock.now,
                )
            )  # fmt: skip
            await tx.flush()
            tx.add(
                PractitionerRole(
                    id=new_id(), practitioner=name, organisation=where, role=role, specialties=list(specialties)
                )
            )
        roles: Any = ((role, where),)
        self.people[name] = Actor(name, f"Dr {name.title()}", "en", roles, frozenset(specialties), "session")
        return self.people[name]

    async def node(self) -> Ward:
        """Another node of the same site, already looking; its engine is not told of what the first does."""
        engine = PagingEngine(self.services.reference, self.clock)
        services = replace(self.services, paging=engine)
        encounters = Encounters(services)
        encounters.connect(_NoRooms(), engine)
        await engine.start(services)
        return Ward(services, engine, self.clock, self.pages, encounters, self.people)

    async def on_call(self, *names: str, page: bool = True) -> None:
        """They switch themselves on, with a page open; a second apart, so that the first named is idle longest."""
        for name in names:
            if page:
                self.pages.open.add(name)
            await on_call.switch(self.services, self.people[name], True)
            self.clock.leap(1)
        await self.settle()

    async def all_on_call(self) -> list[str]:
        """Every specialist at once, with a page open."""
        everybody = [name for name, actor in self.people.items() if actor.has("specialist")]
        self.pages.open.update(everybody)
        async with self.services.database.transaction() as tx:
            tx.add_all(
                OnCallSwitch(practitioner=one, is_on=True, since=self.clock.now, until=None) for one in everybody
            )
        self.engine.wake("")
        await self.settle()
        return everybody

    async def off_call(self, name: str) -> None:
        await on_call.switch(self.services, self.people[name], False)
        await self.settle()

    async def page_dies(self, name: str) -> None:
        self.pages.open.discard(name)
        self.engine.presence_changed(name)
        await self.settle()

    async def page_opens(self, name: str) -> None:
        self.pages.open.add(name)
        self.engine.presence_changed(name)
        await self.settle()

    async def ask(self, urgency: Any = "urgent", specialty: str = "cardiology") -> str:
        """The GP sends a request; returns its id once the first is being rung."""
        request, _ = await self.send(urgency, specialty)
        await self.settle()
        return request

    async def send(self, urgency: Any = "urgent", specialty: str = "cardiology") -> tuple[str, bool]:
        given = self.clock.now
        consents = [
            GivenConsent(
                kind="teleconsultation", form_version="2026-1", given_by="patient", guardian_name=None, witness=None,
                given_at=given, photo=None,
            )
        ]  # fmt: skip
        asked = Asked(specialty, urgency, "Chest pain for two hours.", consents, Patient(record_number="A-1", age=61))
        return await request_consultation(self.services, self.people["gp"], asked, new_id())

    async def settle(self) -> None:
        """Until nothing is left to be done at this instant."""
        await self.engine.quiet()

    async def wait(self, seconds: float) -> None:
        """Let time pass."""
        await self.clock.advance(seconds, self.settle)

    async def row(self, request: str) -> ServiceRequest:
        async with self.services.database.reading() as tx:
            return await tx.get_one(ServiceRequest, request)

    async def progress(self, request: str, language: str = "en") -> dict[str, Any]:
        async with self.services.database.reading() as tx:
            shown = await progress(tx, await tx.get_one(ServiceRequest, request), self.clock.now, language)
        assert shown is not None
        return shown

    async def ringing(self, request: str | None = None) -> list[str]:
        """Who is being rung, by the rows."""
        query = select(Page.practitioner).where(Page.outcome == "ringing").order_by(Page.practitioner)
        async with self.services.database.reading() as tx:
            return list(await tx.scalars(query.where(Page.request == request) if request else query))

    async def outcomes(self, request: str) -> list[tuple[str, str]]:
        """Every ring of a request and how it ended, oldest first."""
        query = select(Page).where(Page.request == request).order_by(Page.sent_at, Page.practitioner)
        async with self.services.database.reading() as tx:
            return [(page.practitioner, page.outcome) for page in await tx.scalars(query)]

    async def audited(self, request: str) -> dict[str, int]:
        """How often each action stands in the audit trail of a request."""
        counts: dict[str, int] = defaultdict(int)
        async with self.services.database.reading() as tx:
            for action in await tx.scalars(select(AuditEvent.action).where(AuditEvent.subject_id == request)):
                counts[action] += 1
        return counts

    async def hang_up(self, request: str) -> None:
        await self.encounters.hang_up(self.people["gp"], request)
        await self.settle()


class _NoRooms:
    """Rooms that nobody is in."""

    async def close(self, *_: object) -> None:
        return None

    async def record(self, *_: object) -> None:
        return None


@asynccontextmanager
async def ward_at(url: str, folder: Path, **options: Any) -> AsyncIterator[Ward]:
    """A ward for one test."""
    ward = await Ward.open(url, folder, **options)
    try:
        yield ward
    finally:
        await ward.close()


ALL_AT_ONCE = Policy(steps=(Step(who="on-call", ring="all", seconds=60), Step(who="coordinator")))
A_MINUTE = timedelta(minutes=1)
