"""Writing the audit trail, always in the transaction of what it tells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from tele.domain.access import Actor
from tele.store.database import Database
from tele.store.tables import AuditEvent

READS_COALESCE = timedelta(minutes=5)
"""Repeated reads of one thing by one person within this time are one entry."""


def record(
    tx: AsyncSession,
    *,
    actor: Actor | None,
    action: str,
    subject_type: str,
    subject_id: str,
    details: dict[str, Any] | None = None,
    at: datetime,
    id: str,  # noqa: A002 - the column's name
) -> None:
    """Add one entry; `actor` None is the server itself. `details` hold no clinical text and nobody's name."""
    tx.add(
        AuditEvent(
            id=id,
            at=at,
            actor=actor.id if actor else None,
            session=actor.session_id if actor else None,
            action=action,
            subject_type=subject_type,
            subject_id=subject_id,
            details=details or {},
        )
    )


async def record_read(
    database: Database,
    *,
    actor: Actor,
    subject_type: str,
    subject_id: str,
    at: datetime,
    new_id: Callable[[], str],
    action: str = "read",
) -> None:
    """Note that someone is about to be shown something. Call it after the decision and before the disclosure."""
    recent = select(
        exists().where(
            AuditEvent.subject_type == subject_type,
            AuditEvent.subject_id == subject_id,
            AuditEvent.actor == actor.id,
            AuditEvent.action == action,
            AuditEvent.at > at - READS_COALESCE,
        )
    )
    async with database.reading() as tx:
        if (await tx.execute(recent)).scalar():
            return
    async with database.transaction() as tx:
        record(
            tx, actor=actor, action=action, subject_type=subject_type, subject_id=subject_id, at=at, id=new_id()
        )  # fmt: skip


async def record_reads(
    database: Database,
    reads: Sequence[tuple[Actor, str]],
    *,
    subject_type: str,
    action: str,
    at: datetime,
    new_id: Callable[[], str],
) -> None:
    """The same of many people and subjects at once, in one transaction: a thousand may begin to watch together."""
    wanted: dict[tuple[str | None, str], Actor] = {(actor.id, subject): actor for actor, subject in reads}
    if not wanted:
        return
    recent = select(AuditEvent.actor, AuditEvent.subject_id).where(
        AuditEvent.subject_type == subject_type,
        AuditEvent.subject_id.in_(sorted({subject for _, subject in wanted})),
        AuditEvent.action == action,
        AuditEvent.at > at - READS_COALESCE,
    )
    async with database.reading() as tx:
        for person, subject in await tx.execute(recent):
            wanted.pop((person, subject), None)
    if not wanted:
        return
    async with database.transaction() as tx:
        for (_, subject), actor in wanted.items():
            record(tx, actor=actor, action=action, subject_type=subject_type, subject_id=subject, at=at, id=new_id())
