"""The chat beside a lecture: a line is stored, then shown; hosts take lines down."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from tele.domain.access import Action, Actor
from tele.domain.refusals import Conflict, Unknown
from tele.services.case_rows import People, load_people
from tele.services.context import Services
from tele.services.lectures.found import find, offset
from tele.services.lectures.views import LineView
from tele.store import audit
from tele.store.tables import LectureMessage

MOST = 20_000
"""Lines of one lecture."""
SHOWN = 500


async def say(services: Services, actor: Actor, lecture_id: str, text: str, client_id: str) -> LineView:
    """Write a line; the same client id again is the same line. Raises Conflict("too-many-lines", "lecture-not-now")."""
    now = services.clock()
    async with services.database.transaction() as tx:
        row = (await find(tx, services, actor, lecture_id, Action.TAKE_PART)).row
        if row.status != "in-progress":
            raise Conflict("lecture-not-now")
        mine = (LectureMessage.lecture == lecture_id, LectureMessage.author == actor.id)
        line = await tx.scalar(select(LectureMessage).where(*mine, LectureMessage.client_id == client_id))
        if line is None:
            if (await tx.scalar(select(func.count()).select_from(LectureMessage).where(mine[0])) or 0) >= MOST:
                raise Conflict("too-many-lines")
            line = LectureMessage(
                id=services.new_id(), lecture=lecture_id, author=actor.id, client_id=client_id, text=text, at=now,
                offset_s=offset(row, now), hidden_by=None,
            )  # fmt: skip
            tx.add(line)
        shown = _line(line, await load_people(tx, actor.language, [actor.id]))
    told = {"lecture": lecture_id, "line": shown.model_dump(mode="json")}
    await services.notifier.lecture(lecture_id, "lecture.line", told)
    return shown


async def take_down(services: Services, actor: Actor, lecture_id: str, line_id: str) -> None:
    """A host takes a line down for everybody; the row is kept. Twice is once."""
    now = services.clock()
    async with services.database.transaction() as tx:
        await find(tx, services, actor, lecture_id, Action.MODERATE)
        line = await tx.get(LectureMessage, line_id, with_for_update=True)
        if line is None or line.lecture != lecture_id:
            raise Unknown
        line.hidden_by = actor.id
        audit.record(
            tx, actor=actor, action="lecture.take-down", subject_type="lecture", subject_id=lecture_id, at=now,
            id=services.new_id(), details={"line": line_id},
        )  # fmt: skip
    await services.notifier.lecture(lecture_id, "lecture.line-down", {"lecture": lecture_id, "id": line_id})


async def shown(tx: AsyncSession, language: str, lecture_id: str, *, whole: bool) -> list[LineView]:
    """The last lines, or (for the replay) all of them, oldest first."""
    visible = select(LectureMessage).where(LectureMessage.lecture == lecture_id, LectureMessage.hidden_by.is_(None))
    latest = visible.order_by(LectureMessage.at.desc()).limit(MOST if whole else SHOWN)
    rows = list(reversed((await tx.scalars(latest)).all()))
    people = await load_people(tx, language, {row.author for row in rows})
    return [_line(row, people) for row in rows]


def _line(row: LectureMessage, people: People) -> LineView:
    return LineView(
        id=row.id, text=row.text, author=people.ref(row.author), at=row.at, offset=row.offset_s,
        client_id=row.client_id,
    )  # fmt: skip
