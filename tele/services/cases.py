"""Finding a case for someone: the row, how they stand to it, and a refusal when they may not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from tele.domain.access import Action, Actor, Relation, allows
from tele.domain.paging_state import in_hands
from tele.domain.refusals import Forbidden, Unknown
from tele.store.tables import ServiceRequest, Viewer


@dataclass(frozen=True, slots=True)
class Case:
    """A consultation as one person meets it."""

    row: ServiceRequest
    relation: frozenset[Relation]


async def find(tx: AsyncSession, actor: Actor, consultation_id: str, action: Action, *, lock: bool = False) -> Case:
    """The case, when this person may do `action` with it.

    Raises Unknown when they may not even see it (which is also the answer for ids that do not exist), and Forbidden
    when they see it but may not do this. With `lock` nobody else changes the row until the transaction ends.
    """
    query = select(ServiceRequest).where(ServiceRequest.id == consultation_id)
    row = (await tx.execute(query.with_for_update() if lock else query)).scalar()
    if row is None:
        raise Unknown
    relation = await relation_to(tx, actor, row)
    if not allows(actor, action, relation):
        raise Forbidden if allows(actor, Action.SEE, relation) else Unknown
    return Case(row, relation)


async def relation_to(tx: AsyncSession, actor: Actor, row: ServiceRequest) -> frozenset[Relation]:
    """How this person stands to this case, from rows alone."""
    viewer = select(exists().where(Viewer.request == row.id, Viewer.practitioner == actor.id))
    return stands_to(actor, row, viewer=bool((await tx.execute(viewer)).scalar()))


def stands_to(actor: Actor, row: ServiceRequest, *, viewer: bool) -> frozenset[Relation]:
    """The same, where it is known already whether somebody named this person a viewer."""
    relation: set[Relation] = set()
    if row.requester == actor.id and actor.has("gp", row.organisation):
        relation.add("requester")
    if row.accepted_by == actor.id:
        relation.add("specialist")
    if viewer:
        relation.add("viewer")
    if row.accepted_by is None and in_hands(row.paging_state, actor.id):
        relation.add("paged")
    return frozenset(relation)


def touch(row: ServiceRequest, now: datetime) -> None:
    """Note that the case changed: clients compare `version` with the one that they show."""
    row.version += 1
    row.updated_at = now
