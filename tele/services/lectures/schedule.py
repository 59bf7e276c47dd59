"""Scheduling lectures: made, changed, called off; the series that they belong to; what is shown beside them."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from tele.domain.access import Action, Actor
from tele.domain.lecture import Kind, Scope, check_times
from tele.domain.people import Role
from tele.domain.refusals import Conflict, FieldError, Forbidden, Invalid
from tele.services.context import Services
from tele.services.lectures.found import changed, find, touch
from tele.services.lectures.reminders import move as move_reminders
from tele.store import audit
from tele.store.tables import (
    DocumentReference,
    Lecture,
    LecturePresenter,
    LectureSeries,
    Organisation,
    Practitioner,
)

PRESENTERS = 8
"""Most people who present one lecture."""
USUAL_LENGTH = timedelta(hours=1)
PLANNED = 2000
"""Lectures that one person may have planned at a time."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a lecture is to be. Without a time it is now; without a speaker, who plans it."""

    title: str
    kind: Kind = "lecture"
    summary: str = ""
    specialty: str | None = None
    language: str | None = None
    place: str | None = None
    series: str | None = None
    speaker: str | None = None
    presenters: Sequence[str] = ()
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    scope: Scope = "consortium"
    organisations: Sequence[str] = ()
    roles: Sequence[Role] = ()
    cover: str | None = None
    downloadable: bool = False


@dataclass(slots=True)
class Change:
    """What of a lecture is to be another; fields that are not in `values` stay."""

    values: dict[str, Any] = field(default_factory=dict)


async def schedule(services: Services, actor: Actor, plan: Plan, key: str) -> str:
    """Plan a lecture and return its id; the same key again is the same lecture. Raises Invalid, Conflict."""
    now = services.clock()
    organisation = _workplace(actor)
    async with services.database.transaction() as tx:
        again = await tx.scalar(
            select(Lecture.id).where(Lecture.created_by == actor.id, Lecture.idempotency_key == key)
        )  # fmt: skip
        if again is not None:
            return again
        planned = (
            select(func.count()).select_from(Lecture).where(Lecture.created_by == actor.id, Lecture.status == "planned")
        )
        if (await tx.scalar(planned) or 0) >= PLANNED:
            raise Conflict("too-many-lectures")
        starts_at = plan.starts_at or now
        row = Lecture(
            id=services.new_id(), idempotency_key=key, series=plan.series, organisation=organisation, kind=plan.kind,
            title=plan.title, summary=plan.summary, specialty=plan.specialty, language=plan.language or actor.language,
            place=plan.place, speaker=plan.speaker or actor.id, scope=plan.scope,
            organisations=sorted(set(plan.organisations)), roles=sorted(set(plan.roles)),
            check_in_key=secrets.token_urlsafe(24), downloadable=plan.downloadable, starts_at=starts_at,
            ends_at=plan.ends_at or starts_at + USUAL_LENGTH, status="planned", started_at=None, ended_at=None,
            ended_by=None, created_by=actor.id, created_at=now, updated_at=now, version=1,
        )  # fmt: skip
        await _check(tx, services, row, plan.presenters)
        tx.add(row)
        await tx.flush()
        await _name_presenters(tx, actor, row, plan.presenters, now)
        if plan.cover is not None:
            await _attach(tx, actor, row.id, plan.cover, "cover")
        _audit(tx, services, actor, row.id, "lecture.schedule", now)
    return row.id


async def edit(services: Services, actor: Actor, lecture_id: str, change: Change) -> None:
    """Change a lecture. Times and speaker stay as they are once it was live. Raises Invalid, Conflict."""
    now = services.clock()
    values = dict(change.values)
    presenters: Sequence[str] | None = values.pop("presenters", None)
    cover = values.pop("cover", "")
    async with services.database.transaction() as tx:
        found = await find(tx, services, actor, lecture_id, Action.EDIT_LECTURE, lock=True)
        row = found.row
        if row.status != "planned" and values.keys() & {"starts_at", "ends_at", "speaker"}:
            raise Conflict("lecture-not-now")
        moved = "starts_at" in values and values["starts_at"] != row.starts_at
        for name, value in values.items():
            setattr(row, name, sorted(set(value)) if name in ("organisations", "roles") else value)
        await _check(tx, services, row, presenters or ())
        if presenters is not None:
            await tx.execute(delete(LecturePresenter).where(LecturePresenter.lecture == row.id))
            await _name_presenters(tx, actor, row, presenters, now)
        if cover != "":
            await _detach(tx, row.id, "cover", now)
            if cover is not None:
                await _attach(tx, actor, row.id, cover, "cover")
        if moved:
            await move_reminders(tx, row.id, row.starts_at)
        touch(row, now)
        _audit(tx, services, actor, row.id, "lecture.edit", now, {"fields": sorted(change.values)})
    await changed(services, row, "schedule")


async def cancel(services: Services, actor: Actor, lecture_id: str) -> None:
    """Call a planned lecture off; it stays in the list, marked. Twice is once."""
    now = services.clock()
    async with services.database.transaction() as tx:
        row = (await find(tx, services, actor, lecture_id, Action.CANCEL_LECTURE, lock=True)).row
        row.status = "cancelled"
        touch(row, now)
        _audit(tx, services, actor, row.id, "lecture.cancel", now)
    await changed(services, row, "cancelled")


async def make_series(services: Services, actor: Actor, title: str, summary: str) -> str:
    """A series to put sessions into. Returns its id."""
    now = services.clock()
    row = LectureSeries(
        id=services.new_id(), organisation=_workplace(actor), title=title, summary=summary, created_by=actor.id,
        created_at=now,
    )  # fmt: skip
    async with services.database.transaction() as tx:
        tx.add(row)
        _audit(tx, services, actor, row.id, "series.make", now)
    return row.id


async def put_deck(services: Services, actor: Actor, lecture_id: str, file: str | None) -> None:
    """Put an uploaded PDF beside the lecture as its slides, or take them away. Raises Unknown, Invalid."""
    now = services.clock()
    async with services.database.transaction() as tx:
        row = (await find(tx, services, actor, lecture_id, Action.EDIT_LECTURE, lock=True)).row
        await _detach(tx, row.id, "deck", now)
        if file is not None:
            await _attach(tx, actor, row.id, file, "deck")
        touch(row, now)
        _audit(tx, services, actor, row.id, "lecture.deck", now, {"file": file})
    services.live.deck()
    await changed(services, row, "deck")


def _workplace(actor: Actor) -> str:
    """For whom somebody schedules: where they coordinate, or else where they are a specialist."""
    places = sorted(actor.organisations("coordinator")) or sorted(actor.organisations("specialist"))
    if not places:
        raise Forbidden
    return places[0]


async def _check(tx: AsyncSession, services: Services, row: Lecture, presenters: Sequence[str]) -> None:
    """Refuse what cannot be, and name the field."""
    errors = []
    if wrong := check_times(row.starts_at, row.ends_at):
        errors.append(FieldError(wrong, "range"))
    if row.specialty is not None and row.specialty not in services.reference.specialties:
        errors.append(FieldError("specialty", "choice"))
    if row.series is not None and await tx.get(LectureSeries, row.series) is None:
        errors.append(FieldError("series", "choice"))
    if row.scope == "organisations":
        known = set(await tx.scalars(select(Organisation.id).where(Organisation.id.in_(row.organisations))))
        if not row.organisations or known != set(row.organisations):
            errors.append(FieldError("organisations", "choice"))
    people = {row.speaker, *presenters}
    if len(people) > PRESENTERS:
        errors.append(FieldError("presenters", "too-long"))
    active = set(await tx.scalars(select(Practitioner.id).where(Practitioner.id.in_(people), Practitioner.active)))
    if row.speaker not in active:
        errors.append(FieldError("speaker", "choice"))
    if people - active - {row.speaker}:
        errors.append(FieldError("presenters", "choice"))
    if errors:
        raise Invalid(errors=errors)


async def _name_presenters(
    tx: AsyncSession, actor: Actor, row: Lecture, presenters: Sequence[str], now: datetime
) -> None:
    for person in sorted(set(presenters) - {row.speaker}):
        tx.add(LecturePresenter(lecture=row.id, practitioner=person, named_by=actor.id, at=now))


async def _attach(tx: AsyncSession, actor: Actor, lecture: str, file_id: str, kind: str) -> None:
    file = await tx.get(DocumentReference, file_id, with_for_update=True)
    if file is None or file.deleted_at or file.uploader != actor.id or file.request or file.lecture:
        raise Invalid(errors=[FieldError(kind, "choice")])
    wanted = file.media_type == "application/pdf" if kind == "deck" else file.media_type.startswith("image/")
    if not wanted:
        raise Invalid(errors=[FieldError(kind, "choice")])
    file.lecture, file.kind = lecture, kind


async def _detach(tx: AsyncSession, lecture: str, kind: str, now: datetime) -> None:
    before = select(DocumentReference).where(
        DocumentReference.lecture == lecture, DocumentReference.kind == kind, DocumentReference.deleted_at.is_(None)
    )
    for file in await tx.scalars(before):
        file.deleted_at = now


def _audit(
    tx: AsyncSession, services: Services, actor: Actor, lecture: str, action: str, now: datetime,
    details: dict[str, Any] | None = None,
) -> None:  # fmt: skip
    audit.record(
        tx, actor=actor, action=action, subject_type="lecture", subject_id=lecture, at=now, id=services.new_id(),
        details=details,
    )  # fmt: skip
