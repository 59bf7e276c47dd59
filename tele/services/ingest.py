"""Tokens of devices and players: made by who takes part in a call, shown once, revocable, and checked at each use."""

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

from tele.domain.access import Action, Actor, allows
from tele.domain.refusals import Conflict, SignedOut, Unknown
from tele.services.cases import find, relation_to
from tele.services.context import Services
from tele.services.sign_in import actor_of, hash_token
from tele.store import audit
from tele.store.tables import Encounter, IngestToken, Practitioner, ServiceRequest

log = structlog.get_logger(__name__)

Direction = Literal["publish", "play"]
MOST: Final = 20
"""Tokens of one case that count at the same time."""
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


class TokenList(BaseModel):
    """The tokens of a case that still count, oldest first."""

    items: list[TokenView]


@dataclass(frozen=True, slots=True)
class Grant:
    """What a valid token lets its bearer do: be one seat in one room."""

    token: str
    """The token's id."""
    room: str
    label: str
    language: str


class LiveDevices(Protocol):
    """The rooms, as far as devices are in them."""

    async def device(self, room: str, act: str, **arguments: Any) -> dict[str, Any]:
        """Carry out `begin`, `patch`, `end` or `expel`, wherever the room is. Raises exceptions with a `code`."""


async def create_token(
    services: Services, actor: Actor, consultation: str, direction: Direction, label: str, lifetime: timedelta
) -> tuple[str, str, TokenView]:
    """Make a token for the call that runs now: the token itself, the room, and what the list shows of it.

    Raises Conflict("no-call") without a call and Conflict("too-many-tokens").
    """
    now, token = services.clock(), secrets.token_urlsafe(32)
    async with services.database.transaction() as tx:
        await find(tx, actor, consultation, Action.CONNECT_DEVICE, lock=True)
        running = select(Encounter.id).where(Encounter.request == consultation, Encounter.status == "in-progress")
        room = await tx.scalar(running)
        if room is None:
            raise Conflict("no-call")
        held = await tx.scalar(select(func.count()).select_from(IngestToken).where(*_alive(now, consultation)))
        if (held or 0) >= MOST:
            raise Conflict("too-many-tokens")
        row = IngestToken(
            id=services.new_id(), token_hash=hash_token(token), request=consultation, direction=direction, label=label,
            created_by=actor.id, created_at=now, expires_at=now + lifetime, revoked_at=None, last_used_at=None,
        )  # fmt: skip
        tx.add(row)
        audit.record(
            tx, actor=actor, action="ingest-token.create", subject_type="consultation", subject_id=consultation,
            at=now, id=services.new_id(),
            details={"token": row.id, "direction": direction, "expires": row.expires_at.isoformat()},
        )  # fmt: skip
    return token, room, _view(row)


async def list_tokens(services: Services, actor: Actor, consultation: str) -> TokenList:
    """The tokens of this case that still count."""
    async with services.database.reading() as tx:
        await find(tx, actor, consultation, Action.CONNECT_DEVICE)
        rows = select(IngestToken).where(*_alive(services.clock(), consultation))
        found = await tx.scalars(rows.order_by(IngestToken.created_at, IngestToken.id))
        return TokenList(items=[_view(row) for row in found])


async def revoke_token(
    services: Services, actor: Actor, consultation: str, token: str, devices: LiveDevices | None
) -> None:
    """End a token and whatever entered with it. Raises Unknown for one that does not count any more."""
    now = services.clock()
    async with services.database.transaction() as tx:
        await find(tx, actor, consultation, Action.CONNECT_DEVICE, lock=True)
        change = update(IngestToken).where(IngestToken.id == token, *_alive(now, consultation))
        if (await tx.scalar(change.values(revoked_at=now).returning(IngestToken.id))) is None:
            raise Unknown
        running = select(Encounter.id).where(Encounter.request == consultation, Encounter.status == "in-progress")
        room = await tx.scalar(running)
        audit.record(
            tx, actor=actor, action="ingest-token.revoke", subject_type="consultation", subject_id=consultation,
            at=now, id=services.new_id(), details={"token": token},
        )  # fmt: skip
    if devices is not None and room is not None:
        try:
            await devices.device(room, "expel", tokens=[token])
        except Exception:  # the row says it; each node looks at the rows every second
            log.exception("ingest.expel_failed", room=room)


async def admit(services: Services, token: str, room: str, direction: Direction) -> Grant:
    """Who may enter with this token, which came in a request to this room.

    Raises SignedOut("wrong-token") for a token that does not count, Unknown when the room is not this token's or does
    not run.
    """
    now = services.clock()
    async with services.database.reading() as tx:
        row = await tx.scalar(select(IngestToken).where(IngestToken.token_hash == hash_token(token)))
        maker = await _maker(tx, row, now) if row else None
        if row is None or maker is None:
            raise SignedOut("wrong-token")
        encounter = await tx.get(Encounter, room)
        if encounter is None or encounter.request != row.request or row.direction != direction:
            raise Unknown
        if encounter.status != "in-progress":
            raise Unknown("call-over")
        grant = Grant(row.id, room, row.label, maker.language)
    if row.last_used_at is None or now - row.last_used_at >= TOUCH:
        async with services.database.transaction() as tx:
            await tx.execute(update(IngestToken).where(IngestToken.id == row.id).values(last_used_at=now))
    return grant


async def note_session(services: Services, grant: Grant, action: Literal["begin", "end"]) -> None:
    """Put a device's coming or going by its own request into the audit trail."""
    async with services.database.transaction() as tx:
        audit.record(
            tx, actor=None, action=f"device.{action}", subject_type="encounter", subject_id=grant.room,
            at=services.clock(), id=services.new_id(), details={"token": grant.token},
        )  # fmt: skip


async def alive(services: Services, tokens: Collection[str]) -> set[str]:
    """Which of these tokens still count: for whatever holds a seat with one."""
    now = services.clock()
    async with services.database.reading() as tx:
        rows = (await tx.scalars(select(IngestToken).where(IngestToken.id.in_(tokens)))).all()
        return {row.id for row in rows if await _maker(tx, row, now) is not None}


async def labels(services: Services, consultation: str) -> dict[str, tuple[str, Direction]]:
    """Label and direction of every token that this case ever had, by id."""
    async with services.database.reading() as tx:
        return await labels_of(tx, consultation)


async def labels_of(tx: AsyncSession, consultation: str) -> dict[str, tuple[str, Direction]]:
    """As `labels`, inside a transaction."""
    rows = await tx.scalars(select(IngestToken).where(IngestToken.request == consultation))
    return {row.id: (row.label, row.direction) for row in rows}  # type: ignore[misc]


async def _maker(tx: AsyncSession, row: IngestToken, now: datetime) -> Practitioner | None:
    """Who made this token, while it counts: nobody's right outlives that of who gave it."""
    if row.revoked_at is not None or row.expires_at <= now:
        return None
    person = await tx.get(Practitioner, row.created_by)
    request = await tx.get(ServiceRequest, row.request)
    if person is None or request is None or not person.active:
        return None
    actor = await actor_of(tx, person, "")
    return person if allows(actor, Action.CONNECT_DEVICE, await relation_to(tx, actor, request)) else None


def _alive(now: datetime, consultation: str) -> tuple[Any, ...]:
    row = IngestToken
    return row.request == consultation, row.revoked_at.is_(None), row.expires_at > now


def _view(row: IngestToken) -> TokenView:
    return TokenView(
        id=row.id, direction=row.direction, label=row.label, created_at=row.created_at,
        created_by=row.created_by, expires_at=row.expires_at, last_used_at=row.last_used_at,
    )  # fmt: skip
