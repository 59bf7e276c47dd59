"""Showing lectures: to one person, in their language, with what they may do next."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from tele.domain.access import Action, Actor, allows
from tele.domain.lecture import Status, may
from tele.domain.people import name_in
from tele.services.case_rows import People, load_people
from tele.services.context import Services
from tele.services.cursors import read_cursor, write_cursor
from tele.services.lectures.found import Found, audience, find, relate, situation
from tele.services.lectures.views import (
    AudienceView,
    DeckView,
    LecturePage,
    LectureSummary,
    LectureView,
    PresenterView,
    SeriesView,
)
from tele.store.tables import (
    DocumentReference,
    Lecture,
    LectureAttendance,
    LectureConsent,
    LectureReminder,
    LectureSeries,
    Organisation,
    Recording,
)

PAGE = 30
_LOOKED_AT = 500
"""Rows read for one page: most lectures are for everybody, so a page is full long before."""


async def list_lectures(
    services: Services, actor: Actor, statuses: Sequence[Status], series: str | None, cursor: str | None
) -> LecturePage:
    """One page of what this person is invited to, presents or coordinates: what comes next first, what is over last
    first. Raises Invalid for a cursor that is none of ours.
    """
    over = set(statuses) <= {"completed", "cancelled"}
    query = select(Lecture).where(Lecture.status.in_(statuses))
    if series is not None:
        query = query.where(Lecture.series == series)
    place = (Lecture.starts_at, Lecture.id)
    if cursor:
        at, last = read_cursor(cursor)
        after = (Lecture.starts_at < at) if over else (Lecture.starts_at > at)
        beside = (Lecture.id < last) if over else (Lecture.id > last)
        query = query.where(after | ((Lecture.starts_at == at) & beside))
    query = query.order_by(*(column.desc() if over else column for column in place)).limit(_LOOKED_AT)
    async with services.database.reading() as tx:
        found = await relate(tx, actor, list(await tx.scalars(query)))
        seen = [each for each in found if allows(actor, Action.SEE_LECTURE, each.relation)]
        items = await summaries(services, tx, actor, seen[:PAGE])
    if len(seen) > PAGE:
        return LecturePage(items=items, next=write_cursor(seen[PAGE - 1].row.starts_at, seen[PAGE - 1].row.id))
    rest = found[-1].row if len(found) == _LOOKED_AT else None
    return LecturePage(items=items, next=write_cursor(rest.starts_at, rest.id) if rest else None)


async def view(services: Services, actor: Actor, lecture_id: str) -> LectureView:
    """One lecture. Raises Unknown."""
    async with services.database.reading() as tx:
        found = await find(tx, services, actor, lecture_id, Action.SEE_LECTURE)
        (summary,) = await summaries(services, tx, actor, [found])
        deck = await tx.scalar(
            select(DocumentReference).where(
                DocumentReference.lecture == lecture_id, DocumentReference.kind == "deck",
                DocumentReference.deleted_at.is_(None),
            )
        )  # fmt: skip
        consent = await tx.get(LectureConsent, (lecture_id, actor.id))
        there = select(LectureAttendance.how).where(
            LectureAttendance.lecture == lecture_id, LectureAttendance.practitioner == actor.id
        )
        attended = sorted(await tx.scalars(there))
    invited = audience(found.row)
    return LectureView(
        **dict(summary),
        audience=AudienceView(
            scope=invited.scope, organisations=sorted(invited.organisations), roles=sorted(invited.roles)
        ),
        deck=DeckView(file=deck.id, pages=deck.pages or 0, ready=deck.pages is not None) if deck else None,
        consented=consent is not None,
        attended=attended,
    )


async def summaries(services: Services, tx: AsyncSession, actor: Actor, found: Sequence[Found]) -> list[LectureSummary]:
    """These lectures for a list, with one query a table."""
    ids = [each.row.id for each in found]
    recordings = {row.lecture: row for row in await tx.scalars(select(Recording).where(Recording.lecture.in_(ids)))}
    covers = {
        row.lecture: row.id
        for row in await tx.scalars(
            select(DocumentReference).where(
                DocumentReference.lecture.in_(ids), DocumentReference.kind == "cover",
                DocumentReference.deleted_at.is_(None),
            )
        )
    }  # fmt: skip
    mine = LectureReminder.practitioner == actor.id
    reminded = set(await tx.scalars(select(LectureReminder.lecture).where(LectureReminder.lecture.in_(ids), mine)))
    in_series = {each.row.series for each in found} - {None}
    series = {
        row.id: row.title for row in await tx.scalars(select(LectureSeries).where(LectureSeries.id.in_(in_series)))
    }
    people = await load_people(
        tx, actor.language, {person for each in found for person in each.presenters},
        {each.row.organisation for each in found},
    )  # fmt: skip
    now = services.clock()
    shown = []
    for each in found:
        row, recording = each.row, recordings.get(each.row.id)
        replayable = recording is not None and recording.state != "withdrawn"
        shown.append(
            LectureSummary(
                id=row.id, kind=row.kind, title=row.title, summary=row.summary, specialty=row.specialty,
                language=row.language, series=row.series, series_title=series.get(row.series or ""),
                organisation=people.organisation(row.organisation), place=row.place,
                presenters=[presenter(people, person) for person in each.presenters],
                starts_at=row.starts_at, ends_at=row.ends_at, status=row.status, started_at=row.started_at,
                ended_at=row.ended_at, recording=recording.id if recording and replayable else None,
                duration=recording.duration if recording else None, cover=covers.get(row.id),
                downloadable=row.downloadable,
                watching=services.live.watching(row.id), reminded=row.id in reminded, relation=sorted(each.relation),
                may=may(actor, each.relation, situation(row), now), version=row.version,
            )
        )  # fmt: skip
    return shown


def presenter(people: People, person: str) -> PresenterView:
    """A presenter with title and workplace."""
    return PresenterView(
        **dict(people.ref(person)), organisation=people.workplace(person), title=people.rows[person].title
    )


async def list_series(services: Services, actor: Actor) -> list[SeriesView]:
    """The series, newest first, with how many sessions of each this person may see."""
    async with services.database.reading() as tx:
        rows = list(await tx.scalars(select(LectureSeries).order_by(LectureSeries.created_at.desc()).limit(200)))
        lectures = select(Lecture).where(
            Lecture.series.in_([row.id for row in rows]), Lecture.status != "cancelled"
        )  # fmt: skip
        counts: dict[str, int] = {}
        for each in await relate(tx, actor, list(await tx.scalars(lectures))):
            if each.row.series and allows(actor, Action.SEE_LECTURE, each.relation):
                counts[each.row.series] = counts.get(each.row.series, 0) + 1
        places = {row.id: row for row in await tx.scalars(select(Organisation))}
        mine = actor.organisations("coordinator")
    return [
        SeriesView(
            id=row.id, title=row.title, summary=row.summary, sessions=counts.get(row.id, 0),
            organisation=name_in(actor.language, places[row.organisation].name, places[row.organisation].name_zh),
        )
        for row in rows
        if counts.get(row.id) or row.created_by == actor.id or row.organisation in mine
    ]  # fmt: skip
