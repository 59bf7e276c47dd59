"""What a person may replay: the list, and one recording with its tracks and the chat on its timeline."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, and_, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from tele.domain.access import Action, Actor, allows
from tele.domain.refusals import Unknown
from tele.domain.text import excerpt
from tele.services.case_rows import People, load_people
from tele.services.cases import relation_to
from tele.services.context import Services
from tele.services.cursors import read_cursor, write_cursor
from tele.services.recorded import with_people
from tele.services.view_consultation import message_view
from tele.services.views import MessageView, PersonRef
from tele.store import audit
from tele.store.tables import Encounter, Message, Recording, ServiceRequest, Viewer

State = Literal["live", "sealed"]
PAGE = 30


class TrackPerson(PersonRef):
    """Whose track it is; `role` is gp, specialist, or device, whose id is that of the token with which it came."""

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
    """A recording in a list."""

    id: str
    title: str
    state: State
    duration: float = Field(description="Seconds; so far, while it is live.")
    started: datetime
    tracks: list[TrackView]
    chapters: list[dict[str, Any]]
    consultation: str


class RecordingView(RecordingSummary):
    """A recording as the player wants it. `gaps` are stretches without media, in seconds on its timeline."""

    messages: list[MessageView]
    gaps: list[dict[str, Any]]


class RecordingPage(BaseModel):
    """Recordings, newest first; `next` is the cursor of the rest."""

    items: list[RecordingSummary]
    next: str | None


Found = tuple[Recording, Encounter, ServiceRequest]


async def list_recordings(services: Services, actor: Actor, state: State | None, cursor: str | None) -> RecordingPage:
    """One page of what this person may replay. Raises Invalid for a cursor that is none of ours."""
    query = _recordings().where(_visible(actor))
    if state:
        query = query.where(Recording.state == "sealed" if state == "sealed" else Recording.state != "sealed")
    if cursor:
        query = query.where(tuple_(Encounter.started_at, Recording.id) < tuple_(*read_cursor(cursor)))
    items = []
    async with services.database.reading() as tx:
        found = (
            await tx.execute(query.order_by(Encounter.started_at.desc(), Recording.id.desc()).limit(PAGE + 1))
        ).all()
        for row in found[:PAGE]:
            recording, encounter, request = row
            if allows(actor, Action.REPLAY, await relation_to(tx, actor, request)):
                told = await _told(services, tx, (recording, encounter, request))
                items.append(await _summary(services, tx, actor, (recording, encounter, request), told))
    last = found[PAGE - 1] if len(found) > PAGE else None
    return RecordingPage(items=items, next=write_cursor(last[1].started_at, last[0].id) if last else None)


async def view_recording(services: Services, actor: Actor, recording_id: str) -> RecordingView:
    """One recording with what was written while it ran. Raises Unknown."""
    async with services.database.reading() as tx:
        found = await find_recording(tx, actor, recording_id)
        encounter = found[1]
        told = await _told(services, tx, found)
        summary = await _summary(services, tx, actor, found, told)
        lines = (
            await tx.scalars(select(Message).where(Message.encounter == encounter.id).order_by(Message.at).limit(5000))
        ).all()
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


async def find_recording(tx: AsyncSession, actor: Actor, recording_id: str) -> Found:
    """A recording that this person may replay, with its call and case. Raises Unknown; a withdrawn one is gone."""
    found = (await tx.execute(_recordings().where(Recording.id == recording_id))).first()
    if found is None:
        raise Unknown
    recording, encounter, request = found
    if not allows(actor, Action.REPLAY, await relation_to(tx, actor, request)):
        raise Unknown
    return recording, encounter, request


def _recordings() -> Any:
    return (
        select(Recording, Encounter, ServiceRequest)
        .join(Encounter, Encounter.id == Recording.encounter)
        .join(ServiceRequest, ServiceRequest.id == Encounter.request)
        .where(Recording.state.in_(("recording", "paused", "sealed")))
    )


def _visible(actor: Actor) -> ColumnElement[bool]:
    row = ServiceRequest
    return or_(
        and_(row.requester == actor.id, row.organisation.in_(actor.organisations("gp"))),
        row.accepted_by == actor.id,
        row.id.in_(select(Viewer.request).where(Viewer.practitioner == actor.id)),
    )


async def _told(services: Services, tx: AsyncSession, found: Found) -> dict[str, Any]:
    """The recorder's account: as it was sealed, or what is on disk of one that runs or was cut off by a crash."""
    recording, encounter, request = found
    if recording.sealed_at is not None:
        return recording.summary
    on_disk = await asyncio.to_thread(services.recorded, recording.id)
    return await with_people(tx, on_disk, encounter, request) if on_disk else {}


async def _summary(
    services: Services, tx: AsyncSession, actor: Actor, found: Found, told: dict[str, Any]
) -> RecordingSummary:
    recording, encounter, request = found
    tracks = [each for each in told.get("tracks", []) if isinstance(each, dict)]
    people = await load_people(tx, actor.language, {str(each.get("practitioner")) for each in tracks})
    specialty = services.reference.specialties.get(request.specialty)
    label = specialty.name.in_language(actor.language) if specialty else request.specialty
    started = recording.started_at or encounter.started_at
    so_far = float(told["duration"]) if tracks else (services.clock() - started).total_seconds()
    return RecordingSummary(
        id=recording.id,
        title=f"{label} · {excerpt(request.question)}",
        state="sealed" if recording.state == "sealed" else "live",
        duration=recording.duration if recording.duration is not None else max(0.0, so_far),
        started=started,
        tracks=[track for each in tracks if (track := _track(recording.id, request, each, people))],
        chapters=list(told.get("chapters", [])),
        consultation=request.id,
    )


def _track(recording_id: str, request: ServiceRequest, track: dict[str, Any], people: People) -> TrackView | None:
    """One track of the recorder's own account, in which `participant` is the seat and `practitioner` who sat there."""
    person, device = str(track.get("practitioner")), track.get("device")
    if device:
        participant = TrackPerson(id=device["id"], name=device["label"], role="device")
    elif person in people.rows:
        role = "gp" if person == request.requester else "specialist"
        participant = TrackPerson(**dict(people.ref(person)), role=role)
    else:
        return None
    return TrackView(
        name=str(track.get("name", "")),
        participant=participant,
        source=str(track.get("source", "")),
        kind=str(track.get("kind", "")),
        start=float(track.get("start") or 0.0),
        duration=float(track.get("duration") or 0.0),
        playlist=f"/media/{recording_id}/p/{track.get('participant')}.m3u8",
    )


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
