"""The opinion: kept as a draft while it is written, signed once, then changed by addendum alone."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from tele.domain.access import Action, Actor
from tele.domain.consultation import possible
from tele.domain.opinion import NextStep, check_complete
from tele.domain.refusals import Conflict, FieldError, Invalid
from tele.domain.text import clean_text
from tele.services.announce import changed
from tele.services.case_rows import load
from tele.services.cases import Case, find, touch
from tele.services.context import Services
from tele.services.view_consultation import situation
from tele.store import audit
from tele.store.tables import Addendum, Encounter, Opinion

ADDENDUM_LIMIT = 8000
"""Longest addendum, in characters."""
ADDENDA_LIMIT = 50


@dataclass(frozen=True, slots=True)
class Written:
    """The opinion's three fields, as far as they are written."""

    assessment: str
    advice: str
    next_step: NextStep | None


async def save_draft(services: Services, actor: Actor, consultation_id: str, written: Written) -> None:
    """Keep what is written so far; nobody else sees it, and nobody is told. Raises Conflict("opinion-signed")."""
    async with services.database.transaction() as tx:
        case = await find(tx, actor, consultation_id, Action.WRITE_OPINION, lock=True)
        await _write(tx, services, actor, case, written, Action.WRITE_OPINION)


async def sign(services: Services, actor: Actor, consultation_id: str, written: Written) -> None:
    """Sign: the opinion is fixed, the case answered, the encounter completed, and the GP told. Twice is once.

    Raises Invalid("opinion-incomplete"), Conflict("opinion-signed") or Conflict("not-now") during the call.
    """
    check_complete(written.assessment, written.advice, written.next_step)
    now = services.clock()
    async with services.database.transaction() as tx:
        case = await find(tx, actor, consultation_id, Action.SIGN, lock=True)
        if await _is_signed(tx, actor, consultation_id, written):
            return  # the first answer was lost on its way
        opinion = await _write(tx, services, actor, case, written, Action.SIGN)
        opinion.state, opinion.signed_at = "signed", now
        await tx.execute(
            update(Encounter)
            .where(Encounter.request == consultation_id, Encounter.status == "discharged")
            .values(status="completed")
        )
        case.row.stage, case.row.status = "answered", "completed"
        touch(case.row, now)
        audit.record(
            tx, actor=actor, action="opinion.sign", subject_type="consultation", subject_id=consultation_id, at=now,
            id=services.new_id(), details={"opinion": opinion.id, "next_step": opinion.next_step},
        )  # fmt: skip
    await changed(services, case.row, "answered")


async def add_addendum(services: Services, actor: Actor, consultation_id: str, text: str) -> None:
    """Add to a signed opinion. Raises Conflict("not-now") while there is none."""
    text = clean_text(text)
    if not text or len(text) > ADDENDUM_LIMIT:
        raise Invalid(errors=[FieldError("text", "too-long" if text else "missing")])
    now = services.clock()
    async with services.database.transaction() as tx:
        case = await find(tx, actor, consultation_id, Action.ADD_ADDENDUM, lock=True)
        (rows,) = await load(tx, [case.row])
        if rows.opinion is None or rows.opinion.state != "signed" or len(rows.addenda) >= ADDENDA_LIMIT:
            raise Conflict("not-now")
        addendum = Addendum(id=services.new_id(), opinion=rows.opinion.id, text=text, author=actor.id, at=now)
        tx.add(addendum)
        touch(case.row, now)
        audit.record(
            tx, actor=actor, action="opinion.addendum", subject_type="consultation", subject_id=consultation_id,
            at=now, id=services.new_id(), details={"addendum": addendum.id},
        )  # fmt: skip
    await changed(services, case.row, "addendum")


async def _is_signed(tx: AsyncSession, actor: Actor, consultation_id: str, written: Written) -> bool:
    """Whether this person has signed these very words already."""
    opinion = await tx.scalar(select(Opinion).where(Opinion.request == consultation_id))
    if opinion is None or opinion.state != "signed" or opinion.author != actor.id:
        return False
    return Written(opinion.assessment, opinion.advice, opinion.next_step) == written  # type: ignore[arg-type]


async def _write(
    tx: AsyncSession, services: Services, actor: Actor, case: Case, written: Written, action: Action
) -> Opinion:
    opinion = await tx.scalar(select(Opinion).where(Opinion.request == case.row.id).with_for_update())
    if opinion is not None and opinion.state == "signed":
        raise Conflict("opinion-signed")
    (rows,) = await load(tx, [case.row])
    if not possible(action, situation(rows)):
        raise Conflict("not-now")
    now = services.clock()
    if opinion is None:
        opinion = Opinion(id=services.new_id(), request=case.row.id, state="draft", signed_at=None)
        tx.add(opinion)
    # A draft that was handed over with the case becomes the new specialist's own, words and all.
    opinion.author, opinion.updated_at = actor.id, now
    opinion.assessment, opinion.advice = written.assessment, written.advice
    opinion.next_step = written.next_step
    return opinion
