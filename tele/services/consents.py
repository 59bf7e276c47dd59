"""The patient's consent after the request was sent: given later, or taken back."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from tele.domain.access import Action, Actor
from tele.domain.consent import ConsentKind, GivenConsent, check_one
from tele.domain.consultation import WAITING
from tele.domain.refusals import Conflict, Invalid, Unknown
from tele.services.announce import changed
from tele.services.case_content import attach, consent_row
from tele.services.cases import find, touch
from tele.services.context import Services
from tele.store import audit
from tele.store.tables import Consent


async def give(services: Services, actor: Actor, consultation_id: str, given: GivenConsent) -> None:
    """Add the consent to the recording while somebody still waits: the call will then be recorded.

    Raises Invalid, Conflict("consent-stands") when one stands, Conflict("not-now") once the call has begun.
    """
    now = services.clock()
    forms = {(form.kind, form.version) for form in services.reference.consent_forms}
    if errors := check_one(given, forms, now, "consent"):
        raise Invalid(errors=errors)
    async with services.database.transaction() as tx:
        case = await find(tx, actor, consultation_id, Action.GIVE_CONSENT, lock=True)
        if case.row.stage not in WAITING:
            raise Conflict("not-now")
        if await _standing(tx, consultation_id, given.kind):
            raise Conflict("consent-stands")
        if given.photo:
            await attach(tx, actor, consultation_id, [given.photo], 1)
        row = consent_row(services, actor, consultation_id, given)
        tx.add(row)
        touch(case.row, now)
        audit.record(
            tx, actor=actor, action="consent.give", subject_type="consultation", subject_id=consultation_id, at=now,
            id=services.new_id(), details={"consent": row.id, "kind": row.kind},
        )  # fmt: skip
    await changed(services, case.row, "consents")


async def withdraw(services: Services, actor: Actor, consultation_id: str, consent_id: str) -> None:
    """Take the consent to the recording back before the call; later the recording itself is withdrawn.

    Raises Unknown, Conflict("consent-needed") for the consent without which nobody is asked, Conflict("not-now").
    """
    now = services.clock()
    async with services.database.transaction() as tx:
        case = await find(tx, actor, consultation_id, Action.WITHDRAW_CONSENT, lock=True)
        row = await tx.get(Consent, consent_id)
        if row is None or row.request != consultation_id:
            raise Unknown
        if row.kind == "teleconsultation":
            raise Conflict("consent-needed")
        if row.withdrawn_at is not None:
            return
        if case.row.stage not in WAITING:
            raise Conflict("not-now")
        row.withdrawn_at, row.withdrawn_by = now, actor.id
        touch(case.row, now)
        audit.record(
            tx, actor=actor, action="consent.withdraw", subject_type="consultation", subject_id=consultation_id,
            at=now, id=services.new_id(), details={"consent": row.id, "kind": row.kind},
        )  # fmt: skip
    await changed(services, case.row, "consents")


async def _standing(tx: AsyncSession, request_id: str, kind: ConsentKind) -> bool:
    found = select(Consent.id).where(
        Consent.request == request_id, Consent.kind == kind, Consent.withdrawn_at.is_(None)
    )  # fmt: skip
    return await tx.scalar(found.limit(1)) is not None
