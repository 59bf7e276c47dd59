"""Asking a specialist: the request, its consents and its files become rows before anyone is rung."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from tele.domain.access import Actor
from tele.domain.consent import GivenConsent, check
from tele.domain.consultation import Urgency
from tele.domain.refusals import Conflict, FieldError, Forbidden, Invalid
from tele.services import consents
from tele.services.context import Services
from tele.store import audit
from tele.store.tables import DocumentReference, ServiceRequest


@dataclass(frozen=True, slots=True)
class Patient:
    """What the GP tells of the patient; all of it may be left out."""

    record_number: str | None = None
    initials: str | None = None
    sex: str | None = None
    age: int | None = None
    history: str | None = None
    findings: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it comes from the GP's form; texts are clean already."""

    specialty: str
    urgency: Urgency
    question: str
    consents: Sequence[GivenConsent]
    patient: Patient = field(default_factory=Patient)
    files: Sequence[str] = ()
    organisation: str | None = None
    """Where the GP asks from, for one who works in several centres."""


async def request_consultation(services: Services, actor: Actor, asked: Asked, key: str) -> tuple[str, bool]:
    """Store the request; returns its id and whether it is new.

    The same GP with the same `key` gets the case that the first attempt made. Raises Invalid (unknown specialty,
    `consent-required`, files that are not the GP's own), Forbidden without a centre to ask from, and
    Conflict("idempotency-key-reused") when the key came with another request.
    """
    try:
        request_id, is_new = await _store(services, actor, asked, key)
    except IntegrityError:  # the same key at the same instant on another node: that one made the case
        request_id, is_new = await _store(services, actor, asked, key)
    if is_new:
        services.paging.wake(request_id)
    return request_id, is_new


async def _store(services: Services, actor: Actor, asked: Asked, key: str) -> tuple[str, bool]:
    organisation = _organisation(actor, asked.organisation)
    digest = hashlib.sha256(json.dumps(asdict(asked), sort_keys=True, default=str).encode()).hexdigest()
    now = services.clock()
    async with services.database.transaction() as tx:
        same = select(ServiceRequest).where(ServiceRequest.requester == actor.id)
        earlier = await tx.scalar(same.where(ServiceRequest.idempotency_key == key))
        if earlier is not None:
            if earlier.idempotency_digest != digest:
                raise Conflict("idempotency-key-reused")
            return earlier.id, False
        _check(services, asked)
        opening = services.paging.opening(
            organisation=organisation, specialty=asked.specialty, urgency=asked.urgency
        )  # fmt: skip
        patient = asked.patient
        row = ServiceRequest(
            id=services.new_id(), idempotency_key=key, idempotency_digest=digest, requester=actor.id,
            organisation=organisation, specialty=asked.specialty, urgency=asked.urgency, question=asked.question,
            record_number=patient.record_number, initials=patient.initials, sex=patient.sex, age=patient.age,
            history=patient.history, findings=patient.findings, status="active", stage="queued",
            policy=opening.policy, paging_state=opening.state, paging_version=0, next_wake_at=now, accepted_by=None,
            accepted_at=None, written_reply=False, created_at=now, updated_at=now, cancelled_reason=None, version=1,
        )  # fmt: skip
        tx.add(row)
        await tx.flush()
        photos = [each.photo for each in asked.consents if each.photo]
        await attach(tx, actor, row.id, [*asked.files, *photos], services.limits.files_per_case)
        for each in asked.consents:
            tx.add(consents.store(services, actor, row.id, each))
        audit.record(
            tx, actor=actor, action="consultation.ask", subject_type="consultation", subject_id=row.id, at=now,
            id=services.new_id(),
            details={
                "specialty": asked.specialty, "urgency": asked.urgency, "organisation": organisation,
                "consents": [each.kind for each in asked.consents], "files": len(asked.files),
            },
        )  # fmt: skip
    return row.id, True


async def attach(tx: AsyncSession, actor: Actor, request_id: str, files: Sequence[str], most: int) -> None:
    """Give this person's own unsent files to a case, all of them or none. Raises Invalid."""
    wanted = list(dict.fromkeys(files))
    if len(wanted) > most:
        raise Invalid("too-many-files", [FieldError("files", "too-long")])
    if not wanted:
        return
    taken = await tx.scalars(
        update(DocumentReference)
        .where(
            DocumentReference.id.in_(wanted),
            DocumentReference.uploader == actor.id,
            DocumentReference.request.is_(None),
            DocumentReference.deleted_at.is_(None),
        )
        .values(request=request_id)
        .returning(DocumentReference.id)
    )
    if len(taken.all()) != len(wanted):
        raise Invalid("unknown-file", [FieldError("files", "choice")])


def _organisation(actor: Actor, wanted: str | None) -> str:
    mine = sorted(actor.organisations("gp"))
    if not mine or (wanted and wanted not in mine):
        raise Forbidden
    return wanted or mine[0]


def _check(services: Services, asked: Asked) -> None:
    if asked.specialty not in services.reference.specialties:
        raise Invalid(errors=[FieldError("specialty", "choice")])
    forms = {(form.kind, form.version) for form in services.reference.consent_forms}
    check(asked.consents, forms, services.clock())
