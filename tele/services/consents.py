"""The patient's consent after the request was sent: given later, or taken back."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from tele.domain.access import Actor
from tele.domain.consent import ConsentKind, GivenConsent, check_one
from tele.domain.refusals import Conflict, Invalid
from tele.services.context import Services
from tele.store import audit
from tele.store.tables import Consent, ServiceRequest


async def give(
    tx: AsyncSession, services: Services, actor: Actor, request: ServiceRequest, given: GivenConsent
) -> Consent:
    """Add a consent to a case, inside the caller's transaction. Raises Invalid, or Conflict when one stands already."""
    now = services.clock()
    forms = {(form.kind, form.version) for form in services.reference.consent_forms}
    if errors := check_one(given, forms, now, "consent"):
        raise Invalid(errors=errors)
    if await standing(tx, request.id, given.kind):
        raise Conflict("consent-stands")
    row = store(services, actor, request.id, given)
    tx.add(row)
    audit.record(
        tx, actor=actor, action="consent.give", subject_type="consultation", subject_id=request.id, at=now,
        id=services.new_id(), details={"consent": row.id, "kind": row.kind},
    )  # fmt: skip
    return row


async def withdraw(
    tx: AsyncSession, services: Services, actor: Actor, request: ServiceRequest, kind: ConsentKind, now: datetime
) -> int:
    """Take back the consents of one kind, inside the caller's transaction; returns how many stood."""
    taken = await tx.scalars(
        update(Consent)
        .where(Consent.request == request.id, Consent.kind == kind, Consent.withdrawn_at.is_(None))
        .values(withdrawn_at=now, withdrawn_by=actor.id)
        .returning(Consent.id)
    )
    ids = list(taken)
    for consent_id in ids:
        audit.record(
            tx, actor=actor, action="consent.withdraw", subject_type="consultation", subject_id=request.id, at=now,
            id=services.new_id(), details={"consent": consent_id, "kind": kind},
        )  # fmt: skip
    return len(ids)


async def standing(tx: AsyncSession, request_id: str, kind: ConsentKind) -> bool:
    """Whether a consent of this kind was given and not taken back."""
    found = select(Consent.id).where(
        Consent.request == request_id, Consent.kind == kind, Consent.withdrawn_at.is_(None)
    )  # fmt: skip
    return await tx.scalar(found.limit(1)) is not None


def store(services: Services, actor: Actor, request_id: str, given: GivenConsent) -> Consent:
    """The row of a consent; without a named witness it is the GP who writes it down."""
    return Consent(
        id=services.new_id(), request=request_id, kind=given.kind, form_version=given.form_version,
        given_by=given.given_by, guardian_name=given.guardian_name, witness=given.witness or actor.name,
        given_at=given.given_at, photo=given.photo, withdrawn_at=None, withdrawn_by=None,
    )  # fmt: skip
