"""Finding a lecture for someone: the row, how they stand to it, and a refusal when they may not."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from tele.domain.access import Action, Actor, Relation, allows
from tele.domain.lecture import Audience, Situation, possible
from tele.domain.refusals import Conflict, Forbidden, Unknown
from tele.services.context import Services
from tele.store.tables import Lecture, LecturePresenter


@dataclass(frozen=True, slots=True)
class Found:
    """A lecture as one person meets it."""

    row: Lecture
    presenters: tuple[str, ...]
    """The speaker first, then who presents beside them."""
    relation: frozenset[Relation]


async def find(
    tx: AsyncSession, services: Services, actor: Actor, lecture_id: str, action: Action, *, lock: bool = False
) -> Found:
    """The lecture, when this person may do `action` with it and it is in a state in which that can be done.

    Raises Unknown when they may not even see it, Forbidden when they may not do this, Conflict("lecture-not-now") when
    nobody can now. With `lock` nobody else changes the row until the transaction ends.
    """
    query = select(Lecture).where(Lecture.id == lecture_id)
    row = (await tx.execute(query.with_for_update() if lock else query)).scalar()
    if row is None:
        raise Unknown
    found = (await relate(tx, actor, [row]))[0]
    if not allows(actor, action, found.relation):
        raise Forbidden if allows(actor, Action.SEE_LECTURE, found.relation) else Unknown
    if action is not Action.SEE_LECTURE and not possible(action, situation(row), services.clock()):
        raise Conflict("lecture-not-now")
    return found


async def relate(tx: AsyncSession, actor: Actor, rows: list[Lecture]) -> list[Found]:
    """How this person stands to each of these, from rows alone."""
    beside: dict[str, list[str]] = {}
    named = select(LecturePresenter).where(LecturePresenter.lecture.in_([row.id for row in rows]))
    for presenter in await tx.scalars(named.order_by(LecturePresenter.at)):
        beside.setdefault(presenter.lecture, []).append(presenter.practitioner)
    found = []
    for row in rows:
        presenters = (row.speaker, *beside.get(row.id, ()))
        found.append(Found(row, presenters, relation(actor, row, presenters)))
    return found


def relation(actor: Actor, row: Lecture, presenters: Collection[str]) -> frozenset[Relation]:
    """How this person stands to one of which it is known who presents it."""
    stands: set[Relation] = set()
    if actor.id in presenters:
        stands.add("presenter")
    if actor.has("coordinator", row.organisation):
        stands.add("coordinator")
    if audience(row).invites(actor.roles):
        stands.add("audience")
    return frozenset(stands)


def audience(row: Lecture) -> Audience:
    """Who is invited."""
    return Audience(row.scope, frozenset(row.organisations), frozenset(row.roles))  # type: ignore[arg-type]


def situation(row: Lecture) -> Situation:
    """What decides what can be done now."""
    return Situation(row.status, row.starts_at)  # type: ignore[arg-type]


def touch(row: Lecture, now: datetime) -> None:
    """Note that the lecture changed: clients compare `version` with the one that they show."""
    row.version += 1
    row.updated_at = now


def offset(row: Lecture, now: datetime) -> float:
    """Seconds on the recording's timeline; afterwards its end."""
    if row.started_at is None:
        return 0.0
    return max(0.0, ((row.ended_at or now) - row.started_at).total_seconds())


async def changed(services: Services, row: Lecture, what: str) -> None:
    """Tell the open pages of a lecture that it changed. Call it after the transaction, never inside."""
    await services.notifier.lecture(row.id, "lecture", {"id": row.id, "version": row.version, "what": what})
