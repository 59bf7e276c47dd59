"""Letting a colleague look at a case, and no longer."""

from __future__ import annotations

from sqlalchemy import delete, func, select

from tele.domain.access import Action, Actor
from tele.domain.consultation import possible
from tele.domain.people import CLINICAL
from tele.domain.refusals import Conflict, FieldError, Invalid, Unknown
from tele.services.announce import changed
from tele.services.case_rows import load
from tele.services.cases import find, touch
from tele.services.context import Services
from tele.services.view_consultation import situation
from tele.store import audit
from tele.store.tables import Practitioner, PractitionerRole, Viewer

MOST = 50
"""Viewers of one case."""


async def name_viewer(services: Services, actor: Actor, consultation_id: str, practitioner: str) -> None:
    """Let someone with a clinical role see the case and its replay. Naming them twice changes nothing."""
    now = services.clock()
    async with services.database.transaction() as tx:
        case = await find(tx, actor, consultation_id, Action.NAME_VIEWER, lock=True)
        (rows,) = await load(tx, [case.row])
        if not possible(Action.NAME_VIEWER, situation(rows)):
            raise Conflict("not-now")
        clinical = (
            select(func.count())
            .select_from(PractitionerRole)
            .join(Practitioner, Practitioner.id == PractitionerRole.practitioner)
            .where(Practitioner.id == practitioner, Practitioner.active, PractitionerRole.role.in_(CLINICAL))
        )
        if not await tx.scalar(clinical) or practitioner in (case.row.requester, case.row.accepted_by):
            raise Invalid(errors=[FieldError("practitioner", "choice")])
        if any(each.practitioner == practitioner for each in rows.viewers):
            return
        if len(rows.viewers) >= MOST:
            raise Conflict("too-many-viewers")
        tx.add(Viewer(request=consultation_id, practitioner=practitioner, named_by=actor.id, at=now))
        touch(case.row, now)
        audit.record(
            tx, actor=actor, action="viewer.name", subject_type="consultation", subject_id=consultation_id, at=now,
            id=services.new_id(), details={"viewer": practitioner},
        )  # fmt: skip
    await changed(services, case.row, "viewers")
    payload = {"id": consultation_id, "stage": case.row.stage, "version": case.row.version, "what": "viewers"}
    await services.notifier.practitioner(practitioner, "consultation", {**payload, "progress": None})


async def remove_viewer(services: Services, actor: Actor, consultation_id: str, practitioner: str) -> None:
    """End somebody's view of the case. Raises Unknown when they had none."""
    now = services.clock()
    async with services.database.transaction() as tx:
        case = await find(tx, actor, consultation_id, Action.NAME_VIEWER, lock=True)
        gone = await tx.scalars(
            delete(Viewer)
            .where(Viewer.request == consultation_id, Viewer.practitioner == practitioner)
            .returning(Viewer.practitioner)
        )
        if not gone.all():
            raise Unknown
        touch(case.row, now)
        audit.record(
            tx, actor=actor, action="viewer.remove", subject_type="consultation", subject_id=consultation_id, at=now,
            id=services.new_id(), details={"viewer": practitioner},
        )  # fmt: skip
    await changed(services, case.row, "viewers")
