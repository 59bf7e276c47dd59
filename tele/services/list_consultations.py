"""Listing the cases of one person: theirs, those they answer, those they were named to, those that ring them now."""

from __future__ import annotations

from typing import Literal

from sqlalchemy import ColumnElement, and_, or_, select, tuple_

from tele.domain.access import Action, Actor, allows
from tele.domain.consultation import CLOSED, WAITING
from tele.services.case_rows import load, load_people
from tele.services.cases import relation_to
from tele.services.context import Services
from tele.services.cursors import read_cursor, write_cursor
from tele.services.view_consultation import people_of, summarise
from tele.services.views import ConsultationPage
from tele.store.tables import Page, ServiceRequest, Viewer

Scope = Literal["open", "closed", "to-sign"]
PAGE = 30


async def list_consultations(
    services: Services, actor: Actor, scope: Scope | None, cursor: str | None
) -> ConsultationPage:
    """One page of summaries, the case that changed last first. Raises Invalid for a cursor that is none of ours."""
    row = ServiceRequest
    query = select(row).where(_visible(actor), *_in_scope(actor, scope))
    if cursor:
        at, last = read_cursor(cursor)
        query = query.where(tuple_(row.updated_at, row.id) < tuple_(at, last))
    async with services.database.reading() as tx:
        found = (await tx.scalars(query.order_by(row.updated_at.desc(), row.id.desc()).limit(PAGE + 1))).all()
        cases = await load(tx, found[:PAGE])
        people = await load_people(tx, actor.language, people_of(cases), {case.request.organisation for case in cases})
        items = []
        for case in cases:
            relation = await relation_to(tx, actor, case.request)
            if allows(actor, Action.SEE, relation):  # the query is only a first sieve: this decides
                items.append(await summarise(services, tx, actor, case, relation, people))
    more = len(found) > PAGE
    return ConsultationPage(
        items=items, next=write_cursor(found[PAGE - 1].updated_at, found[PAGE - 1].id) if more else None
    )


def _visible(actor: Actor) -> ColumnElement[bool]:
    row = ServiceRequest
    named = select(Viewer.request).where(Viewer.practitioner == actor.id)
    return or_(
        and_(row.requester == actor.id, row.organisation.in_(actor.organisations("gp"))),
        row.accepted_by == actor.id,
        row.id.in_(named),
        and_(
            row.accepted_by.is_(None),
            row.stage.in_(WAITING),
            row.id.in_(select(Page.request).where(Page.practitioner == actor.id)),
        ),
    )


def _in_scope(actor: Actor, scope: Scope | None) -> list[ColumnElement[bool]]:
    row = ServiceRequest
    match scope:
        case "open":
            return [row.stage.not_in(CLOSED)]
        case "closed":
            return [row.stage.in_(CLOSED)]
        case "to-sign":
            return [row.accepted_by == actor.id, row.stage == "awaiting-opinion"]
        case _:
            return []
