"""Being there: noted once a person for each way, by their own open page or by a code that they scanned."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from tele.domain import check_in
from tele.domain.access import Action, Actor, allows
from tele.domain.check_in import Shown
from tele.domain.lecture import possible
from tele.domain.refusals import Invalid, Unknown
from tele.services.context import Services
from tele.services.lectures.found import find, relate, situation
from tele.store import audit
from tele.store.tables import Lecture, LectureAttendance


async def code(services: Services, actor: Actor, lecture_id: str) -> tuple[str, int]:
    """The code to show now and for how many seconds: the hall's for hosts, one's own group's for whoever watches.

    Raises Conflict("lecture-not-now") when the lecture is not live.
    """
    now = services.clock()
    async with services.database.reading() as tx:
        found = await find(tx, services, actor, lecture_id, Action.CHECK_IN)
    hosts = allows(actor, Action.MODERATE, found.relation)
    shown = Shown("hall" if hosts else "group", actor.id)
    left = check_in.WINDOW - int(now.timestamp()) % check_in.WINDOW
    return check_in.make(found.row.check_in_key, lecture_id, shown, now), left


async def scan(services: Services, actor: Actor, lecture_id: str, text: str) -> str:
    """Check in with a code that somebody shows; returns how: `hall` or `group`. Twice is once.

    Raises Invalid("code-old") for one that is no longer good, Unknown, Conflict("lecture-not-now").
    """
    now = services.clock()
    async with services.database.transaction() as tx:
        found = await find(tx, services, actor, lecture_id, Action.CHECK_IN)
        shown = check_in.check(found.row.check_in_key, lecture_id, text, now)
        if shown is None:
            raise Invalid("code-old")
        if shown.how == "group" and shown.by == actor.id:
            raise Invalid("own-code")
        if await _note(tx, services, actor, lecture_id, shown.how, shown.by):
            audit.record(
                tx, actor=actor, action="lecture.check-in", subject_type="lecture", subject_id=lecture_id, at=now,
                id=services.new_id(), details={"how": shown.how, "by": shown.by},
            )  # fmt: skip
    return shown.how


async def came(services: Services, actor: Actor, lecture_id: str) -> tuple[str, bool]:
    """Somebody's page began to watch: whether they host, and their language. Noted when it is live. Raises Unknown."""
    async with services.database.transaction() as tx:
        row = await tx.get(Lecture, lecture_id)
        if row is None:
            raise Unknown
        (found,) = await relate(tx, actor, [row])
        if not allows(actor, Action.SEE_LECTURE, found.relation):
            raise Unknown
        if possible(Action.CHECK_IN, situation(row), services.clock()):
            await _note(tx, services, actor, lecture_id, "online", None)
    return actor.language, allows(actor, Action.MODERATE, found.relation)


async def _note(tx: AsyncSession, services: Services, actor: Actor, lecture: str, how: str, by: str | None) -> bool:
    if await tx.get(LectureAttendance, (lecture, actor.id, how)) is not None:
        return False
    tx.add(LectureAttendance(lecture=lecture, practitioner=actor.id, how=how, at=services.clock(), by=by))
    return True
