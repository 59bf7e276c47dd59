"""Tokens of devices and players: made by who takes part, shown once, revocable, and checked at each use."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal, Protocol

import structlog
from pydantic import BaseModel, Field
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from tele.domain.access import Actor
from tele.domain.lecture import EARLY
from tele.domain.refusals import Conflict, SignedOut, Unknown
from tele.services.context import Services
from tele.services.ingest_subjects import Kind, Subject, subject_of
from tele.services.sign_in import actor_of, hash_token
from tele.store import audit
from tele.store.tables import IngestToken, Lecture, Practitioner

log = structlog.get_logger(__name__)

Direction = Literal["publish", "play"]
MOST: Final = 20
"""Tokens of one case or lecture that count at the same time."""
TOUCH: Final = timedelta(seconds=60)
"""`last_used_at` is written at most this often."""


class TokenView(BaseModel):
    """A token in the list: everything but the token."""

    id: str
    direction: Direction
    label: str
    created_at: datetime
    created_by: str = Field(description="Id of who made it.")
    expires_at: datetime
    last_used_at: datetime | None
    connected: bool = Field(description="Whether something is connected with it now.")


class TokenList(BaseModel):
    """The tokens of a case or lecture that still count, oldest first."""

    items: list[TokenView]


@dataclass(frozen=True, slots=True)
class Grant:
    """What a valid token lets its bearer do: be one seat in one room."""

    token: str
    """The token's id."""
    kind: Kind
    room: str
    label: str
    language: str


class LiveDevices(Protocol):
    """The rooms, as far as devices are in them."""

    async def device(self, room: str, act: str, **arguments: Any) -> dict[str, Any]:
        """Carry out `begin`, `patch`, `end`, `present` or `expel`, wherever the room is.

        Raises exceptions with a `code`.
        """


async def create_token(
    services: Services, actor: Actor, subject: Subject, direction: Direction, label: str, lifetime: timedelta
) -> tuple[str, str, TokenView]:
    """Make a token for what can be entered now: the token itself, the room, and what the list shows of it.

    Raises Conflict("no-call") without a call, Conflict("lecture-not-now") and Conflict("too-many-tokens").
    """
    now, token = services.clock(), secrets.token_urlsafe(32)
    async with services.database.transaction() as tx:
        await subject.check(tx, services, actor, lock=True)
        room = await subject.room(tx, now)
        if room is None:
            raise Conflict("no-call")
        held = await tx.scalar(select(func.count()).select_from(IngestToken).where(*_alive(now, subject)))
        if (held or 0) >= MOST:
            raise Conflict("too-many-tokens")
        row = IngestToken(
            id=services.new_id(), token_hash=hash_token(token), direction=direction, label=label, created_by=actor.id,
            created_at=now, expires_at=now + lifetime, revoked_at=None, last_used_at=None, **subject.columns(),
        )  # fmt: skip
        tx.add(row)
        audit.record(
            tx, actor=actor, action="ingest-token.create", subject_type=subject.kind, subject_id=subject.id,
            at=now, id=services.new_id(),
            details={"token": row.id, "direction": direction, "expires": row.expires_at.isoformat()},
        )  # fmt: skip
    return token, room, _view(row)


async def list_tokens(services: Services, actor: Actor, subject: Subject, devices: LiveDevices | None) -> TokenList:
    """The tokens that still count, and which of them have something connected."""
    now = services.clock()
    async with services.database.reading() as tx:
        await subject.check(tx, services, actor)
        room = await subject.room(tx, now)
        rows = select(IngestToken).where(*_alive(now, subject))
        found = list(await tx.scalars(rows.order_by(IngestToken.created_at, IngestToken.id)))
    present = await _present(devices, room) if devices is not None and room is not None and found else frozenset()
    return TokenList(items=[_view(row, row.id in present) for row in found])


async def revoke_token(
    services: Services, actor: Actor, subject: Subject, token: str, devices: LiveDevices | None
) -> None:
    """End a token and whatever entered with it. Raises Unknown for one that does not count any more."""
    now = services.clock()
    async with services.database.transaction() as tx:
        await subject.check(tx, services, actor, lock=True)
        change = update(IngestToken).where(IngestToken.id == token, *_alive(now, subject))
        if (await tx.scalar(change.values(revoked_at=now).returning(IngestToken.id))) is None:
            raise Unknown
        room = await subject.room(tx, now)
        audit.record(
            tx, actor=actor, action="ingest-token.revoke", subject_type=subject.kind, subject_id=subject.id,
            at=now, id=services.new_id(), details={"token": token},
        )  # fmt: skip
    if devices is not None and room is not None:
        try:
            await devices.device(room, "expel", tokens=[token])
        except Exception:  # the row says it; each node looks at the rows every second
            log.exception("ingest.expel_failed", room=room)


async def admit(services: Services, token: str, kind: Kind, room: str, direction: Direction) -> Grant:
    """Who may enter with this token, which came in a request to this room.

    Raises SignedOut("wrong-token") for a token that does not count, Unknown when the room is not this token's or is
    over, Conflict("lecture-not-now") when it was put off.
    """
    now = services.clock()
    async with services.database.reading() as tx:
        row = await tx.scalar(select(IngestToken).where(IngestToken.token_hash == hash_token(token)))
        maker = await _maker(tx, row, now) if row else None
        if row is None or maker is None:
            raise SignedOut("wrong-token")
        subject = subject_of(row)
        if subject.kind != kind or row.direction != direction:
            raise Unknown
        await subject.enter(tx, room, now)
        grant = Grant(row.id, kind, room, row.label, maker.language)
    if row.last_used_at is None or now - row.last_used_at >= TOUCH:
        async with services.database.transaction() as tx:
            await tx.execute(update(IngestToken).where(IngestToken.id == row.id).values(last_used_at=now))
    return grant


async def note_session(services: Services, grant: Grant, action: Literal["begin", "end"]) -> None:
    """Put a device's coming or going by its own request into the audit trail."""
    async with services.database.transaction() as tx:
        audit.record(
            tx, actor=None, action=f"device.{action}", subject_id=grant.room, at=services.clock(),
            subject_type="encounter" if grant.kind == "consultation" else "lecture",
            id=services.new_id(), details={"token": grant.token},
        )  # fmt: skip


async def alive(services: Services, tokens: Collection[str]) -> set[str]:
    """Which of these tokens still count: for whatever holds a seat with one."""
    now = services.clock()
    async with services.database.reading() as tx:
        rows = (await tx.scalars(select(IngestToken).where(IngestToken.id.in_(tokens)))).all()
        return {
            row.id
            for row in rows
            if await _maker(tx, row, now) is not None and await subject_of(row).room(tx, now) is not None
        }


async def awaited(services: Services) -> list[str]:
    """Lectures that can go live and have a token that counts: an encoder may connect to them ahead of it."""
    now = services.clock()
    token = IngestToken
    async with services.database.reading() as tx:
        planned = select(Lecture.id).where(Lecture.status == "planned", Lecture.starts_at <= now + EARLY)
        holds = select(token.lecture).where(
            token.lecture.is_not(None), token.revoked_at.is_(None), token.expires_at > now
        )  # fmt: skip
        return list(await tx.scalars(planned.where(Lecture.id.in_(holds))))


async def labels(services: Services, subject: Subject) -> dict[str, tuple[str, Direction]]:
    """Label and direction of every token that it ever had, by id."""
    async with services.database.reading() as tx:
        return await labels_of(tx, subject)


async def labels_of(tx: AsyncSession, subject: Subject) -> dict[str, tuple[str, Direction]]:
    """As `labels`, inside a transaction."""
    rows = await tx.scalars(select(IngestToken).where(subject.tokens()))
    return {row.id: (row.label, row.direction) for row in rows}  # type: ignore[misc]


async def _present(devices: LiveDevices, room: str) -> frozenset[str]:
    try:
        return frozenset((await devices.device(room, "present"))["tokens"])
    except Exception:  # the list is worth more than a mark in it
        log.exception("ingest.present_unknown", room=room)
        return frozenset()


async def _maker(tx: AsyncSession, row: IngestToken, now: datetime) -> Practitioner | None:
    """Who made this token, while it counts: nobody's right outlives that of who gave it."""
    if row.revoked_at is not None or row.expires_at <= now:
        return None
    person = await tx.get(Practitioner, row.created_by)
    if person is None or not person.active:
        return None
    return person if await subject_of(row).grants(tx, await actor_of(tx, person, "")) else None


def _alive(now: datetime, subject: Subject) -> tuple[Any, ...]:
    return subject.tokens(), IngestToken.revoked_at.is_(None), IngestToken.expires_at > now


def _view(row: IngestToken, connected: bool = False) -> TokenView:
    return TokenView(
        id=row.id, direction=row.direction, label=row.label, created_at=row.created_at, created_by=row.created_by,
        expires_at=row.expires_at, last_used_at=row.last_used_at, connected=connected,
    )  # fmt: skip
