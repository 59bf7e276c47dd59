"""Rows that a case gathers, made by whoever asks and by whoever adds later: its consents and its files."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from tele.domain.access import Actor
from tele.domain.consent import GivenConsent
from tele.domain.refusals import FieldError, Invalid
from tele.services.context import Services
from tele.store.tables import Consent, DocumentReference


def consent_row(services: Services, actor: Actor, request_id: str, given: GivenConsent) -> Consent:
    """The row of a consent; without a named witness it is the GP who writes it down."""
    return Consent(
        id=services.new_id(), request=request_id, kind=given.kind, form_version=given.form_version,
        given_by=given.given_by, guardian_name=given.guardian_name, witness=given.witness or actor.name,
        given_at=given.given_at, photo=given.photo, withdrawn_at=None, withdrawn_by=None,
    )  # fmt: skip


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
