"""Asking a specialist: the request, its consents and its files become rows before anyone is rung."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from tele.domain.access import Actor
from tele.domain.consent import GivenConsent, check
from tele.domain.consultation import CLOSED, Urgency
from tele.domain.refusals import Conflict, FieldError, Forbidden, Invalid
from tele.services.case_content import attach, consent_row
from tele.services.context import Services
from tele.store import audit
from tele.store.tables import ServiceRequest


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
        waiting = select(func.count()).select_from(ServiceRequest).where(
            ServiceRequest.requester == actor.id, ServiceRequest.stage.not_in(CLOSED)
        )  # fmt: skip
        if (await tx.scalar(waiting) or 0) >= services.limits.open_cases_per_requester:
            raise Conflict("too-many-open")
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
            tx.add(consent_row(services, actor, row.id, each))
        audit.record(
            tx, actor=actor, action="consultation.ask", subject_type="consultation", subject_id=row.id, at=now,
            id=services.new_id(),
            details={
                "specialty": asked.specialty, "urgency": asked.urgency, "organisation": organisation,
                "consents": [each.kind for each in asked.consents], "files": len(asked.files),
            },
        )  # fmt: skip
    return row.id, True


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
