"""The consultation that takes place: begins when a specialist accepts, ends at hang-up, is recorded as consented."""

from __future__ import annotations

from collections.abc import Awaitable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

import structlog
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from tele.domain.access import Action, Actor, Relation, allows
from tele.domain.refusals import Conflict, Unknown
from tele.services.announce import changed
from tele.services.cases import find, relation_to, touch
from tele.services.context import Services
from tele.services.recorded import with_people
from tele.store import audit
from tele.store.tables import Consent, DocumentReference, Encounter, Message, Practitioner, Recording, ServiceRequest

log = structlog.get_logger(__name__)

RecordingAction = Literal["stop", "resume", "withdraw"]
RecordingWish = Literal["on", "paused", "off"]

_WISH: dict[str, RecordingWish] = {"recording": "on", "paused": "paused"}
"""What the recorder should be doing, by the row's state; every other state is off."""


class LiveRooms(Protocol):
    """The running calls, which follow what is committed here."""

    async def close(
        self,
        room_id: str,
        kind: Literal["consultation", "lecture"],
        subject: str,
        recording: str | None,
        by: str | None,
        reason: str,
    ) -> None:
        """The call, or the lecture, is over for everybody."""

    async def record(self, room_id: str, action: str) -> None:
        """The recording's wanted state changed: stop, resume or withdraw; a lecture that goes live has one: begin."""

    async def unseat(self, room_id: str, practitioner: str) -> None:
        """Somebody may be in it no longer: their media stops."""


class CallEnded(Protocol):
    """Who wants to know that somebody is free again."""

    async def encounter_ended(self, practitioner_id: str) -> None:
        """This specialist's call is over."""


@dataclass(frozen=True, slots=True)
class CallInProgress:
    """An encounter as rooms need it: `wish` is what its recording should be doing now."""

    room: str
    consultation: str
    recording: str | None
    wish: RecordingWish
    started_at: datetime


async def begin(
    tx: AsyncSession, services: Services, request: ServiceRequest, practitioner_id: str, now: datetime
) -> Encounter:
    """Open the encounter of an accepted request, and its recording when the patient agreed to one.

    Runs inside the transaction that accepts, so that there is never an accepted request without a room.
    """
    encounter = Encounter(
        id=services.new_id(), request=request.id, status="in-progress", started_at=now, ended_at=None, ended_by=None
    )
    tx.add(encounter)
    await tx.flush()  # the recording's row refers to it
    consented = await tx.scalar(
        select(Consent.id).where(
            Consent.request == request.id, Consent.kind == "recording", Consent.withdrawn_at.is_(None)
        )
    )
    if consented:
        tx.add(
            Recording(
                id=services.new_id(), encounter=encounter.id, lecture=None, state="recording", started_at=now,
                sealed_at=None, duration=None, summary={},
            )
        )  # fmt: skip
    return encounter


class Encounters:
    """Use cases of a running call. The rows decide; `rooms` only hears of it afterwards."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._rooms: LiveRooms | None = None
        self._listeners: list[CallEnded] = []

    def connect(self, rooms: LiveRooms, *listeners: CallEnded) -> None:
        """Join this to the live world; the two know each other, so one of them has to be told later."""
        self._rooms = rooms
        self._listeners = list(listeners)

    # ------------------------------------------------------------------ asked by rooms

    async def entering(self, actor: Actor, room: str) -> tuple[CallInProgress, Relation]:
        """What a person who wants to enter a call needs. Raises Unknown, or Conflict("room-ended")."""
        async with self._services.database.reading() as tx:
            encounter = await tx.get(Encounter, room)
            request = await tx.get(ServiceRequest, encounter.request) if encounter else None
            if encounter is None or request is None:
                raise Unknown
            relation = await relation_to(tx, actor, request)
            if not allows(actor, Action.JOIN, relation):
                raise Unknown
            if encounter.status != "in-progress":
                raise Conflict("room-ended")
            recording = await self._recording(tx, encounter.id)
        await audit.record_read(
            self._services.database, actor=actor, subject_type="encounter", subject_id=room, action="join",
            at=self._services.clock(), new_id=self._services.new_id,
        )  # fmt: skip
        return _in_progress(encounter, recording), "requester" if "requester" in relation else "specialist"

    async def running(self) -> list[CallInProgress]:
        """Every call in progress."""
        async with self._services.database.reading() as tx:
            rows = await tx.execute(
                select(Encounter, Recording)
                .join(Recording, Recording.encounter == Encounter.id, isouter=True)
                .where(Encounter.status == "in-progress")
            )
            return [_in_progress(encounter, recording) for encounter, recording in rows]

    async def unsealed(self) -> list[tuple[str, str]]:
        """Room and recording of calls that are over while their recording was not sealed yet."""
        async with self._services.database.reading() as tx:
            rows = await tx.execute(
                select(Encounter.id, Recording.id)
                .join(Recording, Recording.encounter == Encounter.id)
                .where(Encounter.status != "in-progress", Recording.sealed_at.is_(None))
            )
            return [(room, recording) for room, recording in rows]

    async def chat_of(self, request_id: str, room: str) -> list[Message]:
        """The lines of this call, oldest first."""
        async with self._services.database.reading() as tx:
            lines = select(Message).where(Message.request == request_id, Message.encounter == room)
            return list((await tx.execute(lines.order_by(Message.at).limit(1000))).scalars())

    async def has_file(self, request_id: str, file_id: str) -> bool:
        """Whether this file belongs to the case."""
        async with self._services.database.reading() as tx:
            file = await tx.get(DocumentReference, file_id)
            return file is not None and file.request == request_id and file.deleted_at is None

    async def participants(self, request_id: str) -> Collection[str]:
        """Who takes part in a case: the GP, and the specialist once there is one."""
        async with self._services.database.reading() as tx:
            request = await tx.get(ServiceRequest, request_id)
            return [each for each in (request.requester, request.accepted_by) if each] if request else []

    async def sealed(self, recording_id: str, summary: dict[str, Any]) -> None:
        """The recorder closed the recording: from now on it can be replayed."""
        now = self._services.clock()
        async with self._services.database.transaction() as tx:
            found = await tx.get(Recording, recording_id)
            if found is None or found.encounter is None or found.sealed_at is not None:
                return
            encounter = await tx.get_one(Encounter, found.encounter)
            request = await self._lock(tx, encounter.request)
            # Read again under the lock: the patient may have withdrawn this very moment, and that stands.
            recording = await tx.get_one(Recording, recording_id, populate_existing=True)
            if recording.sealed_at is not None:
                return
            touch(request, now)
            recording.sealed_at = now
            recording.duration = float(summary.get("duration") or 0.0)
            recording.summary = await with_people(tx, summary, encounter, request)
            if recording.state != "withdrawn":
                recording.state = "sealed"
            audit.record(
                tx, actor=None, action="recording.seal", subject_type="recording", subject_id=recording_id, at=now,
                id=self._services.new_id(), details={"duration": recording.duration},
            )  # fmt: skip
        await changed(self._services, request, "recording")

    # ------------------------------------------------------------------ asked by people

    async def hang_up(self, actor: Actor, request_id: str) -> None:
        """End the call for both. The encounter is discharged now and completed when the opinion is signed.

        A second hang-up, or one after the other side's, changes nothing and is no mistake.
        """
        async with self._services.database.transaction() as tx:
            await find(tx, actor, request_id, Action.HANG_UP, lock=True)
            name = await tx.scalar(select(Practitioner.name).where(Practitioner.id == actor.id))
            ended = await self._end(tx, request_id, actor)
        if ended is not None:
            await self._after_end(*ended, by=name, reason="hung-up")

    async def end_empty(self, room: str) -> None:
        """Everybody left the call long ago: end it as if somebody had hung up."""
        async with self._services.database.transaction() as tx:
            encounter = await tx.get(Encounter, room)
            ended = await self._end(tx, encounter.request, None) if encounter else None
        if ended is not None:
            await self._after_end(*ended, by=None, reason="empty")

    async def change_recording(self, actor: Actor, request_id: str, action: RecordingAction) -> None:
        """Stop, resume or (the patient withdrew) end the recording of the running call, or close the finished one.

        Raises Conflict("not-recording") when there is nothing to change.
        """
        rule = {
            "stop": Action.STOP_RECORDING,
            "resume": Action.RESUME_RECORDING,
            "withdraw": Action.WITHDRAW_RECORDING,
        }[action]
        now = self._services.clock()
        allowed = {"stop": ("recording",), "resume": ("paused",), "withdraw": ("recording", "paused", "sealed")}[action]
        async with self._services.database.transaction() as tx:
            request = (await find(tx, actor, request_id, rule, lock=True)).row
            rows = await tx.execute(
                select(Recording, Encounter)
                .join(Encounter, Recording.encounter == Encounter.id)
                .where(Encounter.request == request_id, Recording.state.in_(allowed))
            )
            # A case that was handed over after a call has several: one consent, and its withdrawal, is for all.
            found = [
                (recording, encounter)
                for recording, encounter in rows
                if action == "withdraw" or encounter.status == "in-progress"
            ]
            if not found:
                raise Conflict("not-recording")
            for recording, _ in found:
                recording.state = {"stop": "paused", "resume": "recording", "withdraw": "withdrawn"}[action]
                audit.record(
                    tx, actor=actor, action=f"recording.{action}", subject_type="recording", subject_id=recording.id,
                    at=now, id=self._services.new_id(),
                )  # fmt: skip
            if action == "withdraw":
                await self._withdraw_consent(tx, actor, request_id, now)
            touch(request, now)
        for _, encounter in found:
            if self._rooms is not None and encounter.status == "in-progress":
                await _follows(self._rooms.record(encounter.id, action), encounter.id)
        await changed(self._services, request, "recording")

    # ------------------------------------------------------------------ inside

    async def _end(
        self, tx: AsyncSession, request_id: str, actor: Actor | None
    ) -> tuple[ServiceRequest, Encounter, Recording | None] | None:
        now = self._services.clock()
        request = await self._lock(tx, request_id)
        room = await tx.scalar(
            update(Encounter)
            .where(Encounter.request == request_id, Encounter.status == "in-progress")
            .values(status="discharged", ended_at=now, ended_by=actor.id if actor else None)
            .returning(Encounter.id)
        )
        if room is None:
            return None  # the other side was quicker
        encounter = await tx.get_one(Encounter, room, populate_existing=True)
        touch(request, now)
        request.stage = "awaiting-opinion"
        recording = await self._recording(tx, room)
        audit.record(
            tx, actor=actor, action="encounter.end", subject_type="encounter", subject_id=room, at=now,
            id=self._services.new_id(),
        )  # fmt: skip
        return request, encounter, recording

    async def _after_end(
        self, request: ServiceRequest, encounter: Encounter, recording: Recording | None, *, by: str | None, reason: str
    ) -> None:
        if self._rooms is not None:
            recorded = recording.id if recording else None
            close = self._rooms.close(encounter.id, "consultation", request.id, recorded, by, reason)
            await _follows(close, encounter.id)
        await changed(self._services, request, "ended")
        if request.accepted_by is not None:
            for listener in self._listeners:
                await listener.encounter_ended(request.accepted_by)

    async def _withdraw_consent(self, tx: AsyncSession, actor: Actor, request_id: str, now: datetime) -> None:
        given = update(Consent).where(
            Consent.request == request_id, Consent.kind == "recording", Consent.withdrawn_at.is_(None)
        )
        taken_back = given.values(withdrawn_at=now, withdrawn_by=actor.id).returning(Consent.id)
        for consent in (await tx.scalars(taken_back)).all():
            audit.record(
                tx, actor=actor, action="consent.withdraw", subject_type="consultation", subject_id=request_id, at=now,
                id=self._services.new_id(), details={"consent": consent, "kind": "recording"},
            )  # fmt: skip

    @staticmethod
    async def _lock(tx: AsyncSession, request_id: str) -> ServiceRequest:
        """The request as it is now, for us alone until the transaction ends; always taken before the call's rows."""
        return await tx.get_one(ServiceRequest, request_id, with_for_update=True)

    @staticmethod
    async def _recording(tx: AsyncSession, encounter_id: str) -> Recording | None:
        found: Recording | None = await tx.scalar(select(Recording).where(Recording.encounter == encounter_id))
        return found


async def _follows(work: Awaitable[None], room: str) -> None:
    """Let the live room do what is committed. It looks at the rows by itself now and then, so that nobody is told of a
    failure whose cause will be gone."""
    try:
        await work
    except Exception:
        log.exception("encounter.room_does_not_follow", room=room)


def _in_progress(encounter: Encounter, recording: Recording | None) -> CallInProgress:
    wish = _WISH.get(recording.state, "off") if recording else "off"
    return CallInProgress(
        encounter.id, encounter.request, recording.id if recording else None, wish, encounter.started_at
    )
