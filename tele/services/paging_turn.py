"""One step of one request's paging: read, decide, write in one transaction, and only then tell whom it concerns."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Any

import structlog
from pydantic import ValidationError
from sqlalchemy import CursorResult, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from tele.domain.access import Actor
from tele.domain.consultation import STATUS, WAITING, Stage
from tele.domain.paging import PagingError, begin, step
from tele.domain.paging_state import Command, Event, Looked, State, from_json, to_json
from tele.domain.refusals import Conflict, Unknown
from tele.services.context import Services
from tele.services.paging_rows import write_commands
from tele.services.paging_tell import tell
from tele.services.paging_world import World
from tele.store.tables import Practitioner, ServiceRequest

log = structlog.get_logger(__name__)

_LOCK = 0x7E1EBE11
"""PostgreSQL advisory lock: of several nodes one at a time decides who is rung. SQLite has one writer anyway."""

Find = Callable[[AsyncSession], Awaitable[ServiceRequest]]
"""Finds the request for whoever acts, or refuses."""
Also = Callable[[AsyncSession, ServiceRequest], Awaitable[None]]
"""What else belongs into the same transaction; the row is the new one."""


@dataclass(frozen=True, slots=True)
class Turned:
    """What a step changed."""

    row: ServiceRequest
    state: State
    commands: tuple[Command, ...]


async def advance(
    services: Services,
    request_id: str,
    event: Event,
    *,
    actor: Actor | None = None,
    find: Find | None = None,
    also: Also | None = None,
    what: str = "progress",
    pages: Collection[str] | None = None,
    written: bool = False,
) -> Turned | None:
    """Let `event` happen to a request; None when there was nothing to do.

    `find` decides whether the actor may; `also` adds rows of its own; `pages` says who has a page open, when the
    caller just asked. Raises Conflict: `taken` (with the name of who was quicker), `cancelled`, `not-yours`, `not-now`.
    """
    if pages is None:
        pages = await pages_open(services)
    async with services.database.transaction() as tx:
        await lock(services, tx)
        row = await find(tx) if find else await tx.get(ServiceRequest, request_id)
        if row is None:
            raise Unknown
        world = await World.read(tx, services.clock())
        before = state_of(services, row)
        floor = world.floor(row.specialty, row.id, pages, services.channels)
        try:
            state, commands = step(before, event, floor, world.now, services.new_id)
        except PagingError as refused:
            raise await refusal(tx, row, refused.code, actor) from refused
        if not commands and isinstance(event, Looked):
            return None
        await _store(tx, row, state, world, written=written)
        await write_commands(tx, services, row, commands, world, pages, actor)
        if also is not None:
            await also(tx, row)
    try:
        await tell(services, row, state, commands, what)
    except Exception:
        # What happened is committed and pages fetch it again: the caller must not hear that it failed.
        log.exception("paging.telling_failed", request=row.id)
    return Turned(row, state, commands)


def state_of(services: Services, row: ServiceRequest) -> State:
    """The stored state. One that cannot be read is begun anew: a request is rung twice rather than never."""
    try:
        return from_json(row.paging_state)
    except ValidationError:
        log.error("paging.state_unreadable", request=row.id, version=row.paging_version)
        return begin(services.reference.escalation.choose(row.urgency, row.specialty, row.organisation))


async def pages_open(services: Services) -> set[str]:
    """Who of those on call and of the coordinators has a page open. Asks other nodes, so never inside a transaction."""
    async with services.database.reading() as tx:
        world = await World.read(tx, services.clock())
    return await services.presence.open_pages(world.watched({code for _, code in world.roster.specialties}))


async def lock(services: Services, tx: AsyncSession) -> None:
    """From here to the end of the transaction nobody else decides who is rung."""
    if not services.database.is_sqlite:
        await tx.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))


async def refusal(tx: AsyncSession, row: ServiceRequest, code: str, actor: Actor | None) -> Conflict:
    """Why an answer comes too late, in words that name who was quicker."""
    if code == "taken" and row.accepted_by is not None:
        person = await tx.get_one(Practitioner, row.accepted_by)
        chinese = actor is not None and actor.language == "zh-CN" and person.name_zh
        name = person.name_zh if chinese and person.name_zh else person.name
        return Conflict("taken", extra={"by": name}, by=name)
    return Conflict(code if code in ("taken", "cancelled", "not-yours") else "not-now")


async def _store(tx: AsyncSession, row: ServiceRequest, state: State, world: World, *, written: bool) -> None:
    """The one conditional update: it fails when anybody else changed the request's paging since it was read."""
    stage: Stage = ("awaiting-opinion" if written else "in-call") if state.stage == "accepted" else state.stage
    values: dict[str, Any] = {
        "paging_state": to_json(state),
        "paging_version": row.paging_version + 1,
        "next_wake_at": state.wake_at,
        "stage": stage,
        "status": STATUS[stage],
        "accepted_by": state.accepted_by,
        "updated_at": world.now,
        "version": ServiceRequest.version + 1,
    }
    where = [ServiceRequest.id == row.id, ServiceRequest.paging_version == row.paging_version]
    if state.accepted_by is not None:
        where += [ServiceRequest.accepted_by.is_(None), ServiceRequest.stage.in_(WAITING)]
        values |= {"accepted_at": world.now, "written_reply": written}
    elif row.accepted_by is not None:
        values |= {"accepted_at": None, "written_reply": False}
    changed = await tx.execute(update(ServiceRequest).where(*where).values(**values))
    if not isinstance(changed, CursorResult) or changed.rowcount != 1:
        raise Conflict("not-now")
    await tx.refresh(row)


async def open_requests(tx: AsyncSession) -> list[ServiceRequest]:
    """Every request that still waits for somebody."""
    query = select(ServiceRequest).where(
        ServiceRequest.status.in_(("active", "on-hold")), ServiceRequest.stage.in_(WAITING)
    )
    return list(await tx.scalars(query))
