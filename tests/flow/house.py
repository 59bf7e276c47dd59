"""A house for API tests: the real services, database and routes; the live world (paging, sockets) is written down."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiohttp import CookieJar, web
from aiohttp.test_utils import TestClient, TestServer
from argon2 import PasswordHasher
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from tele.domain.ids import new_id
from tele.domain.paging import begin
from tele.domain.paging_state import Ring, from_json, to_json
from tele.services import encounters
from tele.services.attempts import Attempts
from tele.services.context import Limits, Services
from tele.services.demo import create_demo, read_demo
from tele.services.lectures.broadcast import Broadcasts
from tele.services.notify import Opening
from tele.services.passwords import Passwords
from tele.services.reference import Reference
from tele.store.database import Database
from tele.store.objects import ObjectStore
from tele.store.tables import AuditEvent, Page, Practitioner, ServiceRequest
from tele.web import api, line_check, problems, routing, security, sessions
from tele.web import encounters as call_routes
from tele.web import lectures as lecture_routes
from tele.web.edge import Edge

CONFIG = Path(__file__).resolve().parents[2] / "config"
PASSWORD = "demo-only"
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
Client = TestClient[web.Request, web.Application]


@dataclass
class Clock:
    """A clock that stands still until a test moves it."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **much: float) -> None:
        """Let time pass."""
        self.now += timedelta(**much)


@dataclass
class LiveWorld:
    """Notifier, Presence, SessionWatch and Paging that note what they were told."""

    reference: Reference
    told: list[tuple[str, str, str, dict[str, Any]]] = field(default_factory=list)
    ended_sessions: list[tuple[str, tuple[str, ...] | None, str]] = field(default_factory=list)
    woken: list[str] = field(default_factory=list)

    async def practitioner(self, practitioner_id: str, event: str, payload: dict[str, Any]) -> None:
        self.told.append(("practitioner", practitioner_id, event, payload))

    async def coordinators(self, organisation_id: str, event: str, payload: dict[str, Any]) -> None:
        self.told.append(("coordinators", organisation_id, event, payload))

    async def consultation(self, consultation_id: str, event: str, payload: dict[str, Any]) -> None:
        self.told.append(("consultation", consultation_id, event, payload))

    async def lecture(self, lecture_id: str, event: str, payload: dict[str, Any]) -> None:
        self.told.append(("lecture", lecture_id, event, payload))

    def watching(self, lecture_id: str) -> int:
        return 0

    def floor(self, lecture_id: str) -> None:
        self.told.append(("lecture", lecture_id, "floor", {}))

    def remind(self) -> None:
        self.woken.append("reminders")

    def deck(self) -> None:
        self.woken.append("decks")

    async def open_pages(self, practitioner_ids: Collection[str]) -> set[str]:
        return set()

    async def ended(self, practitioner_id: str, session_ids: Collection[str] | None, reason: str) -> None:
        self.ended_sessions.append((practitioner_id, tuple(session_ids) if session_ids is not None else None, reason))

    def opening(self, *, organisation: str, specialty: str, urgency: str) -> Opening:
        policy = self.reference.escalation.choose(urgency, specialty, organisation)
        return Opening(policy=policy.model_dump(mode="json"), state=to_json(begin(policy)))

    def wake(self, request_id: str) -> None:
        self.woken.append(request_id)


@dataclass
class House:
    """The services and a running server, with short words for what tests do again and again."""

    services: Services
    live: LiveWorld
    clock: Clock
    server: TestServer
    app: web.Application
    _clients: dict[str, Client] = field(default_factory=dict)

    @classmethod
    async def open(cls, url: str, folder: Path, limits: Limits | None = None) -> House:
        """With the demo consortium in it."""
        reference, clock = Reference.load(CONFIG), Clock()
        live = LiveWorld(reference)
        services = Services(
            database=await Database.open(url), clock=clock, new_id=new_id,
            objects=ObjectStore.open(str(folder / "objects")), notifier=live, presence=live, watch=live, paging=live,
            live=live,
            passwords=Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)),
            attempts=Attempts(), reference=reference, limits=limits or Limits(),
        )  # fmt: skip
        await create_demo(services, read_demo(CONFIG / "demo.yaml"), PASSWORD)
        edge = Edge()
        app = web.Application(
            client_max_size=0, middlewares=[problems.middleware(reference), sessions.middleware(edge)]
        )
        app[sessions.EDGE] = edge
        app[call_routes.ENCOUNTERS] = encounters.Encounters(services)
        app[lecture_routes.BROADCASTS] = Broadcasts(services)
        app[line_check.LINE] = line_check.Line(_no_workers, list)
        security.protect(app, edge)
        api.attach(app, api.collect(routing.AREAS), services, sessions.resolver(services, edge))
        api.verify(app)
        server = TestServer(app)
        await server.start_server()
        return cls(services, live, clock, server, app)

    async def close(self) -> None:
        """Stop serving."""
        for client in self._clients.values():
            await client.session.close()
        await self.server.close()
        await self.services.database.close()

    async def client(self, username: str | None = None) -> Client:
        """A browser of its own; signed in when a name is given, and the same one for the same name."""
        if username and username in self._clients:
            return self._clients[username]
        client: Client = TestClient(self.server, cookie_jar=CookieJar(unsafe=True))
        if username:
            reply = await client.post("/api/session", json={"username": username, "password": PASSWORD})
            assert reply.status == 200, await reply.text()
        self._clients[username or f"nobody-{len(self._clients)}"] = client
        return client

    async def person(self, username: str) -> str:
        """An account's id."""
        async with self.services.database.reading() as tx:
            return (await tx.scalars(select(Practitioner.id).where(Practitioner.username == username))).one()

    def question(self, **changes: Any) -> dict[str, Any]:
        """A request as the GP's form sends it."""
        consents = [
            {"kind": kind, "form_version": "2026-1", "given_by": "patient", "given_at": stamp(self.clock.now)}
            for kind in ("teleconsultation", "recording")
        ]
        patient = {"record_number": "A-17", "initials": "L. N.", "sex": "female", "age": 61, "history": "Asthma."}
        return {
            "specialty": "cardiology", "urgency": "routine", "question": "Palpitations since Monday. Holter?",
            "patient": patient, "consents": consents, "files": [], **changes,
        }  # fmt: skip

    async def ask(self, username: str = "gp", **changes: Any) -> dict[str, Any]:
        """A case that somebody asked, as they see it."""
        reply = await (await self.client(username)).post("/api/consultations", json=self.question(**changes))
        assert reply.status == 201, await reply.text()
        case: dict[str, Any] = await reply.json()
        return case

    async def see(self, username: str, case: str) -> dict[str, Any]:
        """A case as somebody sees it."""
        reply = await (await self.client(username)).get(f"/api/consultations/{case}")
        assert reply.status == 200, await reply.text()
        shown: dict[str, Any] = await reply.json()
        return shown

    async def ring(self, case: str, username: str) -> None:
        """Let somebody be rung, as the paging engine stores it."""
        person, page = await self.person(username), new_id()
        now, until = self.clock.now, self.clock.now + timedelta(seconds=45)

        async def change(tx: AsyncSession, row: ServiceRequest) -> None:
            before = update(Page).where(Page.practitioner == person, Page.outcome == "ringing")
            await tx.execute(before.values(outcome="cancelled", ended_at=now))
            state = from_json(row.paging_state)
            ring = Ring(page=page, practitioner=person, sent_at=now, expires_at=until, channels=("page",))
            row.stage, row.paging_state = "ringing", to_json(replace(state, rings=(*state.rings, ring)))
            tx.add(
                Page(
                    id=page, request=case, practitioner=person, sent_at=now, expires_at=until, ended_at=None,
                    outcome="ringing", reason="", channels=["page"],
                )
            )  # fmt: skip

        await self.change(case, change)

    async def accept(self, case: str, username: str, how: str = "accept") -> None:
        """Let somebody be rung and accept: the call begins; `answer-in-writing` goes without one."""
        await self.ring(case, username)
        reply = await (await self.client(username)).post(f"/api/consultations/{case}/{how}")
        assert reply.status == 200, await reply.text()

    async def change(self, case: str, how: Callable[[AsyncSession, ServiceRequest], Awaitable[None]]) -> None:
        """Change a case's row as another part of the server would."""
        async with self.services.database.transaction() as tx:
            row = await tx.get_one(ServiceRequest, case)
            await how(tx, row)
            row.version += 1

    async def audited(self, subject: str) -> list[tuple[str, str | None]]:
        """What the audit trail tells of something: action and who, oldest first."""
        async with self.services.database.reading() as tx:
            rows = select(AuditEvent).where(AuditEvent.subject_id == subject).order_by(AuditEvent.at, AuditEvent.action)
            return [(row.action, row.actor) for row in await tx.scalars(rows)]


async def _no_workers() -> list[dict[str, Any]]:
    """A house without media."""
    return []


def stamp(at: datetime) -> str:
    """As JSON has times."""
    return at.isoformat().replace("+00:00", "Z")
