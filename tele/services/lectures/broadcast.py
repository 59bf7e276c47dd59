"""A lecture on the air: goes live, is presented in a room, ends, and is its own replay from then on."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any, Literal

import structlog
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from tele.domain.access import Action, Actor, allows
from tele.domain.refusals import Conflict, FieldError, Invalid, Unknown
from tele.domain.seat import participant_id
from tele.services.context import Services
from tele.services.encounters import LiveRooms
from tele.services.ingest_subjects import OfLecture
from tele.services.lectures.found import changed, find, offset, relate, touch
from tele.services.recorded import devices_in
from tele.store import audit
from tele.store.tables import (
    Lecture,
    LectureConsent,
    LecturePoll,
    LecturePresenter,
    Practitioner,
    RaisedHand,
    Recording,
)

log = structlog.get_logger(__name__)

Seat = Literal["presenter", "guest"]


@dataclass(frozen=True, slots=True)
class OnAir:
    """A live lecture as rooms need it."""

    room: str
    recording: str | None
    host: str
    """The speaker's seat: whose picture and voice stand for the lecture where only one can."""


class Broadcasts:
    """Use cases of a lecture while it runs. The rows decide; `rooms` only hears of it afterwards."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._rooms: LiveRooms | None = None

    def connect(self, rooms: LiveRooms) -> None:
        """Join this to the live world; the two know each other, so one of them has to be told later."""
        self._rooms = rooms

    # ------------------------------------------------------------------ asked by people

    async def go_live(self, actor: Actor, lecture_id: str, consent: str | None) -> None:
        """Begin, or come back as a presenter to what is live already.

        `consent` is the version of the form to which the presenter agrees; needed once a lecture. Raises
        Invalid without it, Conflict("lecture-not-now").
        """
        now = self._services.clock()
        async with self._services.database.transaction() as tx:
            row = (await find(tx, self._services, actor, lecture_id, Action.GO_LIVE, lock=True)).row
            await self.agree(tx, actor, row.id, consent)
            if row.status == "in-progress":
                return
            row.status, row.started_at = "in-progress", now
            touch(row, now)
            tx.add(
                Recording(
                    id=self._services.new_id(), encounter=None, lecture=row.id, state="recording", started_at=now,
                    sealed_at=None, duration=None, summary={},
                )
            )  # fmt: skip
            self._audit(tx, actor, row.id, "lecture.go-live")
        await changed(self._services, row, "live")
        if self._rooms is not None:  # where an encoder waits, it is on the air from now on
            await _follows(self._rooms.record(row.id, "begin"), row.id)

    async def end(self, actor: Actor, lecture_id: str) -> None:
        """End for everybody; the replay is at the same address. A second end changes nothing and is no mistake."""
        async with self._services.database.transaction() as tx:
            row = await tx.get(Lecture, lecture_id)
            if row is not None and row.status == "completed":
                await find(tx, self._services, actor, lecture_id, Action.MODERATE)
                return
            await find(tx, self._services, actor, lecture_id, Action.END_LECTURE, lock=True)
            name = await tx.scalar(select(Practitioner.name).where(Practitioner.id == actor.id))
            ended = await self._end(tx, lecture_id, actor)
        if ended is not None:
            await self._after_end(*ended, by=name, reason="ended")

    async def called_off(self, lecture_id: str) -> None:
        """A planned lecture will not take place: encoders that wait in its room are out. The row says so already."""
        if self._rooms is not None:
            await _follows(self._rooms.close(lecture_id, "lecture", lecture_id, None, None, "cancelled"), lecture_id)

    async def agree(self, tx: AsyncSession, actor: Actor, lecture: str, form: str | None) -> None:
        """Note that somebody agrees to be broadcast and recorded. Raises Invalid, naming `consent`."""
        if await tx.get(LectureConsent, (lecture, actor.id)) is not None:
            return
        if form is None or self._services.reference.form("lecture", form) is None:
            raise Invalid(errors=[FieldError("consent", "missing" if form is None else "choice")])
        now = self._services.clock()
        tx.add(LectureConsent(lecture=lecture, practitioner=actor.id, form_version=form, given_at=now))
        self._audit(tx, actor, lecture, "lecture.consent", {"form": form})

    async def expel(self, lecture_id: str, practitioner: str) -> None:
        """Take a guest off the stage: their media stops flowing. The rows say so already."""
        if self._rooms is not None:
            await _follows(self._rooms.unseat(lecture_id, practitioner), lecture_id)

    # ------------------------------------------------------------------ asked by rooms

    async def entering(self, actor: Actor, room: str) -> tuple[OnAir, Seat]:
        """What a presenter, or a guest on the stage, needs to enter. Raises Unknown, or Conflict("room-ended")."""
        async with self._services.database.reading() as tx:
            row = await tx.get(Lecture, room)
            if row is None:
                raise Unknown
            (found,) = await relate(tx, actor, [row])
            hand = await tx.get(RaisedHand, (room, actor.id))
            if allows(actor, Action.PRESENT, found.relation):
                seat: Seat = "presenter"
            elif hand is not None and hand.state == "on-stage" and allows(actor, Action.TAKE_PART, found.relation):
                seat = "guest"
            else:
                raise Unknown
            if row.status != "in-progress":
                raise Conflict("room-ended")
            recording = await tx.scalar(select(Recording.id).where(Recording.lecture == room))
        return OnAir(room, recording, participant_id(room, row.speaker)), seat

    async def running(self) -> list[OnAir]:
        """Every lecture on the air."""
        async with self._services.database.reading() as tx:
            rows = await tx.execute(
                select(Lecture.id, Recording.id, Lecture.speaker)
                .join(Recording, Recording.lecture == Lecture.id, isouter=True)
                .where(Lecture.status == "in-progress")
            )
            return [OnAir(room, recording, participant_id(room, speaker)) for room, recording, speaker in rows]

    async def unsealed(self) -> list[tuple[str, str]]:
        """Room and recording of lectures that are over while their recording was not sealed yet."""
        async with self._services.database.reading() as tx:
            rows = await tx.execute(
                select(Lecture.id, Recording.id)
                .join(Recording, Recording.lecture == Lecture.id)
                .where(Lecture.status != "in-progress", Recording.sealed_at.is_(None))
            )
            return [(room, recording) for room, recording in rows]

    async def sealed(self, recording_id: str, summary: dict[str, Any]) -> None:
        """The recorder closed the recording: what was live is the replay."""
        now = self._services.clock()
        async with self._services.database.transaction() as tx:
            recording = await tx.get(Recording, recording_id, with_for_update=True)
            if recording is None or recording.lecture is None or recording.sealed_at is not None:
                return
            row = await tx.get_one(Lecture, recording.lecture, with_for_update=True)
            recording.sealed_at = now
            recording.duration = float(summary.get("duration") or 0.0)
            recording.summary = await with_presenters(tx, summary, row)
            if recording.state != "withdrawn":
                recording.state = "sealed"
            touch(row, now)
            audit.record(
                tx, actor=None, action="recording.seal", subject_type="recording", subject_id=recording_id, at=now,
                id=self._services.new_id(), details={"duration": recording.duration},
            )  # fmt: skip
        await changed(self._services, row, "recording")

    async def end_empty(self, room: str) -> None:
        """Everybody who presented left long ago: end it as if somebody had."""
        async with self._services.database.transaction() as tx:
            ended = await self._end(tx, room, None)
        if ended is not None:
            await self._after_end(*ended, by=None, reason="empty")

    # ------------------------------------------------------------------ inside

    async def _end(self, tx: AsyncSession, lecture_id: str, actor: Actor | None) -> tuple[Lecture, str | None] | None:
        now = self._services.clock()
        ended = await tx.scalar(
            update(Lecture)
            .where(Lecture.id == lecture_id, Lecture.status == "in-progress")
            .values(status="completed", ended_at=now, ended_by=actor.id if actor else None)
            .returning(Lecture.id)
        )
        if ended is None:
            return None  # another presenter was quicker
        row = await tx.get_one(Lecture, lecture_id, populate_existing=True)
        touch(row, now)
        up = (RaisedHand.lecture == lecture_id, RaisedHand.state.in_(("raised", "invited", "on-stage")))
        await tx.execute(update(RaisedHand).where(*up).values(state="left", changed_at=now))
        asked = (LecturePoll.lecture == lecture_id, LecturePoll.state == "open")
        await tx.execute(update(LecturePoll).where(*asked).values(state="closed", closed_s=offset(row, now)))
        self._audit(tx, actor, lecture_id, "lecture.end")
        return row, await tx.scalar(select(Recording.id).where(Recording.lecture == lecture_id))

    async def _after_end(self, row: Lecture, recording: str | None, *, by: str | None, reason: str) -> None:
        if self._rooms is not None:
            await _follows(self._rooms.close(row.id, "lecture", row.id, recording, by, reason), row.id)
        await changed(self._services, row, "ended")

    def _audit(
        self, tx: AsyncSession, actor: Actor | None, lecture: str, action: str, details: dict[str, Any] | None = None
    ) -> None:
        audit.record(
            tx, actor=actor, action=action, subject_type="lecture", subject_id=lecture, at=self._services.clock(),
            id=self._services.new_id(), details=details,
        )  # fmt: skip


async def with_presenters(tx: AsyncSession, summary: dict[str, Any], row: Lecture) -> dict[str, Any]:
    """The recorder's summary with `practitioner` added to each track, or `device` (id and label of its token)."""
    beside = await tx.scalars(select(LecturePresenter.practitioner).where(LecturePresenter.lecture == row.id))
    guests = await tx.scalars(select(RaisedHand.practitioner).where(RaisedHand.lecture == row.id))
    seats = {participant_id(row.id, person): person for person in {row.speaker, *beside, *guests}}
    devices = await devices_in(tx, OfLecture(row.id), row.id)
    tracks = [
        {**track, "practitioner": seats.get(track.get("participant")), "device": devices.get(track.get("participant"))}
        for track in summary.get("tracks", [])
    ]
    return {**summary, "tracks": tracks}


async def _follows(work: Awaitable[None], room: str) -> None:
    """Let the live room do what is committed; it looks at the rows by itself now and then."""
    try:
        await work
    except Exception:
        log.exception("lecture.room_not_told", room=room)
