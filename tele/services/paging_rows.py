"""The rows of a paging step: rings begun and ended, messages to send outside, and the audit of it."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncSession

from tele.domain.access import Actor
from tele.domain.paging_state import CallCoordinator, Command, Page, Reach, Ring, StopPage
from tele.services.context import Services
from tele.services.paging_world import World
from tele.store import audit, tables

CALLS_OUTSIDE = 3
"""So many rounds of one request are told to coordinators by mail or webhook; later ones on their pages alone."""


async def write_commands(
    tx: AsyncSession,
    services: Services,
    row: tables.ServiceRequest,
    commands: Collection[Command],
    world: World,
    pages: Collection[str],
    actor: Actor | None,
) -> None:
    """Write what the commands say, in their order: a specialist's old ring ends before the next begins."""

    def note(action: str, **details: object) -> None:
        audit.record(
            tx, actor=actor, action=action, subject_type="consultation", subject_id=row.id, at=world.now,
            id=services.new_id(), details=details,
        )  # fmt: skip

    for command in commands:
        match command:
            case Page(ring):
                await tx.execute(
                    insert(tables.Page).values(
                        id=ring.page, request=row.id, practitioner=ring.practitioner, sent_at=ring.sent_at,
                        expires_at=ring.expires_at, ended_at=None, outcome="ringing", reason="",
                        channels=list(ring.channels),
                    )
                )  # fmt: skip
                await _outside(tx, services, row, ring, world)
                note("page.ring", page=ring.page, practitioner=ring.practitioner, channels=list(ring.channels))
            case Reach(ring):
                await tx.execute(
                    update(tables.Page)
                    .where(tables.Page.id == ring.page)
                    .values(channels=list(ring.channels), expires_at=ring.expires_at)
                )
                await _outside(tx, services, row, ring, world)
                note("page.reach", page=ring.page, practitioner=ring.practitioner, channels=list(ring.channels))
            case StopPage(ring, outcome, reason):
                await tx.execute(
                    update(tables.Page)
                    .where(tables.Page.id == ring.page, tables.Page.outcome == "ringing")
                    .values(outcome=outcome, reason=reason[:500], ended_at=world.now)
                )
                note(f"page.{outcome}", page=ring.page, practitioner=ring.practitioner)
            case CallCoordinator(why, round_):
                if round_ < CALLS_OUTSIDE:
                    for person in sorted(world.coordinators - set(pages)):
                        for channel in sorted(services.channels.reach(world.contacts[person])):
                            await _send(tx, services, row, world, channel, person, "coordinator", None)
                note("coordinator.call", why=why, round=round_)
            case _:
                continue


async def _outside(
    tx: AsyncSession, services: Services, row: tables.ServiceRequest, ring: Ring, world: World
) -> None:  # fmt: skip
    for channel in ring.channels:
        if channel != "page":
            await _send(tx, services, row, world, channel, ring.practitioner, "ring", ring.page)


async def _send(
    tx: AsyncSession,
    services: Services,
    row: tables.ServiceRequest,
    world: World,
    channel: str,
    practitioner: str,
    purpose: str,
    page: str | None,
) -> None:
    await tx.execute(
        insert(tables.Delivery).values(
            id=services.new_id(), request=row.id, page=page, practitioner=practitioner, channel=channel,
            purpose=purpose, state="pending", attempts=0, next_attempt_at=world.now, error=None,
            created_at=world.now, sent_at=None,
        )
    )  # fmt: skip
