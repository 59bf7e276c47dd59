"""Questions from the audience: asked, voted up, answered aloud or in writing, taken down."""

from __future__ import annotations

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from tele.domain.access import Action, Actor
from tele.domain.lecture_floor import precedence
from tele.domain.refusals import Conflict, Unknown
from tele.services.case_rows import load_people
from tele.services.context import Services
from tele.services.lectures.found import find, offset
from tele.services.lectures.views import QuestionView
from tele.store.tables import LectureQuestion, QuestionVote

MOST = 2000
"""Questions of one lecture."""
EACH = 50
"""Questions of one person in one lecture."""


async def ask(services: Services, actor: Actor, lecture_id: str, text: str, client_id: str) -> str:
    """Ask; the same client id again is the same question. Returns its id. Raises Conflict("too-many-questions")."""
    now = services.clock()
    async with services.database.transaction() as tx:
        row = (await find(tx, services, actor, lecture_id, Action.TAKE_PART, lock=True)).row
        mine = (LectureQuestion.lecture == lecture_id, LectureQuestion.author == actor.id)
        again = await tx.scalar(select(LectureQuestion.id).where(*mine, LectureQuestion.client_id == client_id))
        if again is not None:
            return again
        for limit, where in ((MOST, mine[:1]), (EACH, mine)):
            if (await tx.scalar(select(func.count()).select_from(LectureQuestion).where(*where)) or 0) >= limit:
                raise Conflict("too-many-questions")
        question = LectureQuestion(
            id=services.new_id(), lecture=lecture_id, author=actor.id, client_id=client_id, text=text, at=now,
            offset_s=offset(row, now), state="open", answered_s=None, reply=None,
        )  # fmt: skip
        tx.add(question)
    services.live.floor(lecture_id)
    return question.id


async def vote(services: Services, actor: Actor, lecture_id: str, question_id: str, wanted: bool) -> None:
    """Give one's voice to a question, or take it back. Raises Unknown."""
    async with services.database.transaction() as tx:
        await find(tx, services, actor, lecture_id, Action.TAKE_PART)
        question = await tx.get(LectureQuestion, question_id)
        if question is None or question.lecture != lecture_id or question.state == "hidden":
            raise Unknown
        kept = await tx.get(QuestionVote, (question_id, actor.id))
        if (kept is not None) == wanted:
            return
        if wanted:
            tx.add(QuestionVote(question=question_id, practitioner=actor.id))
        else:
            voice = (QuestionVote.question == question_id, QuestionVote.practitioner == actor.id)
            await tx.execute(delete(QuestionVote).where(*voice))
    services.live.floor(lecture_id)


async def settle(
    services: Services, actor: Actor, lecture_id: str, question_id: str, state: str, reply: str | None
) -> None:
    """A host marks a question: answered (with a reply in writing, if there is one), open again, or hidden."""
    now = services.clock()
    async with services.database.transaction() as tx:
        row = (await find(tx, services, actor, lecture_id, Action.MODERATE)).row
        question = await tx.get(LectureQuestion, question_id, with_for_update=True)
        if question is None or question.lecture != lecture_id:
            raise Unknown
        question.state = state
        if state == "answered":
            live = row.status == "in-progress"
            question.answered_s = offset(row, now) if live and question.answered_s is None else question.answered_s
            question.reply = reply if reply is not None else question.reply
    services.live.floor(lecture_id)


async def shown(tx: AsyncSession, language: str, lecture_id: str) -> list[QuestionView]:
    """The questions as everybody may see them, in the order in which a speaker wants them."""
    visible = (LectureQuestion.lecture == lecture_id, LectureQuestion.state != "hidden")
    rows = list(await tx.scalars(select(LectureQuestion).where(*visible).limit(MOST)))
    voices = select(QuestionVote.question, func.count()).where(QuestionVote.question.in_([row.id for row in rows]))
    counts = dict((await tx.execute(voices.group_by(QuestionVote.question))).all())
    people = await load_people(tx, language, {row.author for row in rows})
    rows.sort(key=lambda row: precedence(row.state, counts.get(row.id, 0), row.offset_s))  # type: ignore[arg-type]
    return [
        QuestionView(
            id=row.id, text=row.text, author=people.ref(row.author), at=row.at, offset=row.offset_s, state=row.state,
            votes=counts.get(row.id, 0), answered=row.answered_s, reply=row.reply,
        )
        for row in rows
    ]  # fmt: skip


async def voices_of(tx: AsyncSession, actor: Actor, lecture_id: str) -> list[str]:
    """The questions to which this person gave their voice."""
    mine = select(QuestionVote.question).join(LectureQuestion, LectureQuestion.id == QuestionVote.question)
    mine = mine.where(LectureQuestion.lecture == lecture_id, QuestionVote.practitioner == actor.id)
    return sorted(await tx.scalars(mine))
