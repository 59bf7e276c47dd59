"""Polls and quick quizzes: prepared, opened, answered, closed. The bars move while it is open."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from tele.domain.access import Action, Actor
from tele.domain.lecture_floor import OPTIONS, PollState, tally
from tele.domain.refusals import Conflict, FieldError, Invalid, Unknown
from tele.services.context import Services
from tele.services.lectures.found import find, offset
from tele.services.lectures.views import PollView
from tele.store.tables import LecturePoll, PollAnswer

MOST = 100
"""Polls of one lecture."""


async def prepare(
    services: Services, actor: Actor, lecture_id: str, text: str, options: Sequence[str], correct: int | None
) -> str:
    """Write a poll; nobody but hosts sees it before it is opened. Returns its id. Raises Invalid, Conflict."""
    if not 2 <= len(options) <= OPTIONS:
        raise Invalid(errors=[FieldError("options", "too-short" if len(options) < 2 else "too-long")])
    if correct is not None and not 0 <= correct < len(options):
        raise Invalid(errors=[FieldError("correct", "range")])
    now = services.clock()
    async with services.database.transaction() as tx:
        await find(tx, services, actor, lecture_id, Action.EDIT_LECTURE)
        made = select(func.count()).select_from(LecturePoll).where(LecturePoll.lecture == lecture_id)
        if (await tx.scalar(made) or 0) >= MOST:
            raise Conflict("too-many-polls")
        poll = LecturePoll(
            id=services.new_id(), lecture=lecture_id, author=actor.id, text=text, options=list(options),
            correct=correct, state="draft", created_at=now, opened_s=None, closed_s=None,
        )  # fmt: skip
        tx.add(poll)
    return poll.id


async def turn(services: Services, actor: Actor, lecture_id: str, poll_id: str, state: PollState) -> None:
    """Open a draft, or close what is open. Opening one closes the one before. Raises Conflict("poll-not-now")."""
    now = services.clock()
    async with services.database.transaction() as tx:
        row = (await find(tx, services, actor, lecture_id, Action.MODERATE, lock=True)).row
        poll = await _poll(tx, lecture_id, poll_id)
        if poll.state == state:
            return
        if (poll.state, state) not in (("draft", "open"), ("open", "closed")) or row.status != "in-progress":
            raise Conflict("poll-not-now")
        at = offset(row, now)
        if state == "open":
            others = (LecturePoll.lecture == lecture_id, LecturePoll.state == "open")
            await tx.execute(update(LecturePoll).where(*others).values(state="closed", closed_s=at))
            poll.opened_s = at
        else:
            poll.closed_s = at
        poll.state = state
    services.live.floor(lecture_id)


async def discard(services: Services, actor: Actor, lecture_id: str, poll_id: str) -> None:
    """Throw a draft away. Raises Conflict("poll-not-now") when it was opened."""
    async with services.database.transaction() as tx:
        await find(tx, services, actor, lecture_id, Action.EDIT_LECTURE)
        poll = await _poll(tx, lecture_id, poll_id)
        if poll.state != "draft":
            raise Conflict("poll-not-now")
        await tx.delete(poll)


async def answer(services: Services, actor: Actor, lecture_id: str, poll_id: str, option: int) -> None:
    """Choose an option; the last choice while the poll is open counts. Raises Conflict("poll-not-now"), Invalid."""
    now = services.clock()
    async with services.database.transaction() as tx:
        await find(tx, services, actor, lecture_id, Action.TAKE_PART)
        poll = await _poll(tx, lecture_id, poll_id)
        if poll.state == "draft":
            raise Unknown
        if poll.state != "open":
            raise Conflict("poll-not-now")
        if not 0 <= option < len(poll.options):
            raise Invalid(errors=[FieldError("option", "range")])
        kept = await tx.get(PollAnswer, (poll_id, actor.id), with_for_update=True)
        if kept is None:
            tx.add(PollAnswer(poll=poll_id, practitioner=actor.id, option=option, at=now))
        else:
            kept.option, kept.at = option, now
    services.live.floor(lecture_id)


async def shown(tx: AsyncSession, lecture_id: str, *, drafts: bool = False) -> list[PollView]:
    """The polls that everybody may see, in order of their opening; or the drafts, for hosts."""
    wanted = LecturePoll.state == "draft" if drafts else LecturePoll.state != "draft"
    order = LecturePoll.created_at if drafts else LecturePoll.opened_s
    rows = list(await tx.scalars(select(LecturePoll).where(LecturePoll.lecture == lecture_id, wanted).order_by(order)))
    chosen: dict[str, list[int]] = {}
    answers = select(PollAnswer.poll, PollAnswer.option, func.count()).where(PollAnswer.poll.in_([r.id for r in rows]))
    for poll, option, count in (await tx.execute(answers.group_by(PollAnswer.poll, PollAnswer.option))).all():
        chosen.setdefault(poll, []).extend([option] * count)
    return [
        PollView(
            id=row.id, text=row.text, options=row.options, state=row.state, quiz=row.correct is not None,
            correct=row.correct if row.state == "closed" or drafts else None,
            counts=tally(len(row.options), chosen.get(row.id, ())), opened=row.opened_s, closed=row.closed_s,
        )
        for row in rows
    ]  # fmt: skip


async def answers_of(tx: AsyncSession, actor: Actor, lecture_id: str) -> dict[str, int]:
    """This person's choices by poll."""
    mine = select(PollAnswer.poll, PollAnswer.option).join(LecturePoll, LecturePoll.id == PollAnswer.poll)
    mine = mine.where(LecturePoll.lecture == lecture_id, PollAnswer.practitioner == actor.id)
    return dict((await tx.execute(mine)).all())


async def _poll(tx: AsyncSession, lecture_id: str, poll_id: str) -> LecturePoll:
    poll = await tx.get(LecturePoll, poll_id, with_for_update=True)
    if poll is None or poll.lecture != lecture_id:
        raise Unknown
    return poll
