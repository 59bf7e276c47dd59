"""What a person may replay: the list, and one recording with its tracks and the chat on its timeline."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, and_, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from tele.domain.access import Action, Actor, allows
from tele.domain.refusals import Conflict, Forbidden, Unknown
from tele.domain.text import excerpt
from tele.services.case_rows import People, load_people
from tele.services.cases import relation_to
from tele.services.context import Services
from tele.services.cursors import read_cursor, write_cursor
from tele.services.lectures.broadcast import with_presenters
from tele.services.lectures.found import relate
from tele.services.recorded import with_people
from tele.services.view_consultation import message_view
from tele.services.views import MessageView, PersonRef
from tele.store import audit
from tele.store.tables import Encounter, Lecture, Message, Recording, ServiceRequest, Viewer

State = Literal["live", "sealed"]
PAGE = 30
LOOKED_AT = 300
"""Rows read for one page: most lectures are for everybody, so a page is full long before."""


class TrackPerson(PersonRef):
    """Whose track it is; `role` is gp, specialist, presenter, guest, or device: then the id is that of its token."""

    role: str


class TrackView(BaseModel):
    """One recorded track of one participant. `start` and `duration` are seconds on the recording's timeline."""

    name: str
    participant: TrackPerson
    source: str
    kind: str
    start: float
    duration: float
    playlist: str


class RecordingSummary(BaseModel):
    """A recording in a list: of a consultation or of a lecture."""

    id: str
    title: str
    state: State
    duration: float = Field(description="Seconds; so far, while it is live.")
    started: datetime
    tracks: list[TrackView]
    chapters: list[dict[str, Any]]
    consultation: str | None
    lecture: str | None
    downloadable: bool = Field(description="Whether it can be had as one file: download.mp4 beside its playlist.")


class RecordingView(RecordingSummary):
    """A recording as the player wants it. `gaps` are stretches without media, in seconds on its timeline."""

    messages: list[MessageView]
    gaps: list[dict[str, Any]]


class RecordingPage(BaseModel):
    """Recordings, newest first; `next` is the cursor of the rest."""

    items: list[RecordingSummary]
    next: str | None


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recording with what it is of."""

    recording: Recording
    case: tuple[Encounter, ServiceRequest] | None
    lecture: Lecture | None


async def list_recordings(services: Services, actor: Actor, state: State | None, cursor: str | None) -> RecordingPage:
    """One page of what this person may replay, newest first. Raises Invalid for a cursor that is none of ours."""
    query = _recordings().where(_visible(actor))
    if state:
        query = query.where(Recording.state == "sealed" if state == "sealed" else Recording.state != "sealed")
    place = (Recording.started_at, Recording.id)
    if cursor:
        query = query.where(tuple_(*place) < tuple_(*read_cursor(cursor)))
    items: list[RecordingSummary] = []
    async with services.database.reading() as tx:
        rows = (await tx.execute(query.order_by(*(column.desc() for column in place)).limit(LOOKED_AT))).all()
        seen = 0
        for row in rows:
            seen += 1
            found = _recorded(row)
            if await _may_replay(tx, actor, found):
                items.append(await _summary(services, tx, actor, found, await _told(services, tx, found)))
            if len(items) == PAGE:
                break
    last: Recording | None = rows[seen - 1][0] if seen and (seen < len(rows) or len(rows) == LOOKED_AT) else None
    return RecordingPage(items=items, next=write_cursor(_started(last), last.id) if last else None)


async def view_recording(services: Services, actor: Actor, recording_id: str) -> RecordingView:
    """One recording with what was written while it ran. Raises Unknown."""
    async with services.database.reading() as tx:
        found = await find_recording(tx, actor, recording_id)
        told = await _told(services, tx, found)
        summary = await _summary(services, tx, actor, found, told)
        lines: Sequence[Message] = ()
        if found.case is not None:
            written = select(Message).where(Message.encounter == found.case[0].id).order_by(Message.at).limit(5000)
            lines = (await tx.scalars(written)).all()
        people = await load_people(tx, actor.language, {line.author for line in lines})
    await audit.record_read(
        services.database, actor=actor, subject_type="recording", subject_id=recording_id, at=services.clock(),
        new_id=services.new_id,
    )  # fmt: skip
    return RecordingView(
        **dict(summary),
        messages=[message_view(line, people) for line in lines],
        gaps=_gaps(told),
    )


async def title_to_take_away(services: Services, recording_id: str) -> str:
    """The title of a recording that may leave the house: a lecture's whose hosts allow it, once it is over.

    Who asks must have been let see it. Raises Forbidden("not-downloadable"), Conflict("still-live"), Unknown.
    """
    async with services.database.reading() as tx:
        found = await load_recordings(tx, [recording_id])
    if not found:
        raise Unknown
    lecture = found[0].lecture
    if lecture is None or not lecture.downloadable:
        raise Forbidden("not-downloadable")  # consultations never
    if found[0].recording.state != "sealed":
        raise Conflict("still-live")
    return lecture.title


async def find_recording(tx: AsyncSession, actor: Actor, recording_id: str) -> Recorded:
    """A recording that this person may replay, with what it is of. Raises Unknown; a withdrawn one is gone."""
    row = (await tx.execute(_recordings().where(Recording.id == recording_id))).first()
    if row is None or not await _may_replay(tx, actor, found := _recorded(row)):
        raise Unknown
    return found


async def load_recordings(tx: AsyncSession, ids: Sequence[str]) -> list[Recorded]:
    """Those of these recordings that are not withdrawn, whoever asks: who may see them is for the caller to tell."""
    rows = (await tx.execute(_recordings().where(Recording.id.in_(ids)))).all()
    return [_recorded(row) for row in rows]


def _recordings() -> Any:
    return (
        select(Recording, Encounter, ServiceRequest, Lecture)
        .join(Encounter, Encounter.id == Recording.encounter, isouter=True)
        .join(ServiceRequest, ServiceRequest.id == Encounter.request, isouter=True)
        .join(Lecture, Lecture.id == Recording.lecture, isouter=True)
        .where(Recording.state.in_(("recording", "paused", "sealed")))
    )


def _recorded(row: Any) -> Recorded:
    recording, encounter, request, lecture = row
    return Recorded(recording, (encounter, request) if encounter is not None else None, lecture)


async def _may_replay(tx: AsyncSession, actor: Actor, found: Recorded) -> bool:
    if found.case is not None:
        return allows(actor, Action.REPLAY, await relation_to(tx, actor, found.case[1]))
    if found.lecture is None:
        return False
    return allows(actor, Action.SEE_LECTURE, (await relate(tx, actor, [found.lecture]))[0].relation)


def _visible(actor: Actor) -> ColumnElement[bool]:
    row = ServiceRequest
    return or_(
        and_(row.requester == actor.id, row.organisation.in_(actor.organisations("gp"))),
        row.accepted_by == actor.id,
        row.id.in_(select(Viewer.request).where(Viewer.practitioner == actor.id)),
        Recording.lecture.is_not(None),  # whose audience is looked at one by one
    )


async def _told(services: Services, tx: AsyncSession, found: Recorded) -> dict[str, Any]:
    """The recorder's account: as it was sealed, or what is on disk of one that runs or was cut off by a crash."""
    if found.recording.sealed_at is not None:
        return found.recording.summary
    on_disk = await asyncio.to_thread(services.recorded, found.recording.id)
    if not on_disk:
        return {}
    if found.case is not None:
        return await with_people(tx, on_disk, *found.case)
    return await with_presenters(tx, on_disk, found.lecture) if found.lecture is not None else on_disk


async def _summary(
    services: Services, tx: AsyncSession, actor: Actor, found: Recorded, told: dict[str, Any]
) -> RecordingSummary:
    recording, lecture = found.recording, found.lecture
    tracks = [each for each in told.get("tracks", []) if isinstance(each, dict)]
    people = await load_people(tx, actor.language, {str(each.get("practitioner")) for each in tracks})
    started = _started(recording)
    so_far = float(told["duration"]) if tracks else (services.clock() - started).total_seconds()
    return RecordingSummary(
        id=recording.id,
        title=_title(services, actor, found),
        state="sealed" if recording.state == "sealed" else "live",
        duration=recording.duration if recording.duration is not None else max(0.0, so_far),
        started=started,
        tracks=[track for each in tracks if (track := _track(found, each, people))],
        chapters=list(told.get("chapters", [])),
        consultation=found.case[1].id if found.case is not None else None,
        lecture=lecture.id if lecture is not None else None,
        downloadable=lecture is not None and lecture.downloadable and recording.state == "sealed",
    )


def _title(services: Services, actor: Actor, found: Recorded) -> str:
    if found.case is None:
        return found.lecture.title if found.lecture is not None else ""
    request = found.case[1]
    specialty = services.reference.specialties.get(request.specialty)
    label = specialty.name.in_language(actor.language) if specialty else request.specialty
    return f"{label} · {excerpt(request.question)}"


def _track(found: Recorded, track: dict[str, Any], people: People) -> TrackView | None:
    """One track of the recorder's own account, in which `participant` is the seat and `practitioner` who sat there."""
    person, device = str(track.get("practitioner")), track.get("device")
    if device:
        participant = TrackPerson(id=device["id"], name=device["label"], role="device")
    elif person in people.rows:
        participant = TrackPerson(**dict(people.ref(person)), role=_role(found, person))
    else:
        return None
    return TrackView(
        name=str(track.get("name", "")),
        participant=participant,
        source=str(track.get("source", "")),
        kind=str(track.get("kind", "")),
        start=float(track.get("start") or 0.0),
        duration=float(track.get("duration") or 0.0),
        playlist=f"/media/{found.recording.id}/p/{track.get('participant')}.m3u8",
    )


def _role(found: Recorded, person: str) -> str:
    if found.case is not None:
        return "gp" if person == found.case[1].requester else "specialist"
    return "presenter" if found.lecture is not None and person == found.lecture.speaker else "guest"


def _started(recording: Recording) -> datetime:
    assert recording.started_at is not None, "a recording begins when it is made"
    return recording.started_at


def _gaps(summary: dict[str, Any]) -> list[dict[str, Any]]:
    """When nothing came from somebody: who, which source, and the seconds on the recording's timeline."""
    return [
        {
            "participant": track.get("practitioner") or (track.get("device") or {}).get("id"),
            "source": track.get("source"),
            **gap,
        }
        for track in summary.get("tracks", [])
        for gap in track.get("gaps", [])
    ]
