"""The roster page of coordinators."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from tele.domain.access import Action
from tele.domain.roster import OverrideKind, Span
from tele.services import roster
from tele.services.roster import RosterView
from tele.store import tables
from tele.web.api import Call, Model, route
from tele.web.fields import Id, Moment, OptionalLine

Specialty = Annotated[str, Field(min_length=2, max_length=32)]


class RosterWindow(Model):
    """From when to when, at most 62 days."""

    start: Annotated[Moment, Field(alias="from")]
    end: Annotated[Moment, Field(alias="to")]
    specialty: Specialty | None = None


class NewShift(Model):
    """Hours to plan."""

    organisation: Id
    specialty: Specialty
    practitioner: Id
    starts_at: Moment
    ends_at: Moment


class NewOverride(NewShift):
    """A change to the plan; `replace` names the shift that is given away."""

    kind: OverrideKind
    shift: Id | None = None
    note: OptionalLine = None


class Made(BaseModel):
    """The id of what was made."""

    id: str


@route("GET", "/api/roster", rule=Action.SEE_ROSTER)
async def get_roster(call: Call, *, query: RosterWindow) -> RosterView:
    """Shifts, overrides and holes."""
    return await roster.roster(call.services, call.actor, query.start, query.end, query.specialty)


@route("POST", "/api/roster/shifts", rule=Action.EDIT_ROSTER, status=201)
async def post_shift(call: Call, *, body: NewShift) -> Made:
    """Plan hours."""
    made = await roster.add_shift(
        call.services, call.actor, organisation=body.organisation, specialty=body.specialty,
        practitioner=body.practitioner, span=Span(body.starts_at, body.ends_at),
    )  # fmt: skip
    return Made(id=made)


@route("DELETE", "/api/roster/shifts/{shift}", rule=Action.EDIT_ROSTER)
async def delete_shift(call: Call, shift: str) -> None:
    """Take planned hours back, with every change to them."""
    await roster.remove(call.services, call.actor, tables.Shift, shift)


@route("POST", "/api/roster/overrides", rule=Action.EDIT_ROSTER, status=201)
async def post_override(call: Call, *, body: NewOverride) -> Made:
    """Change the plan for some hours."""
    made = await roster.add_override(
        call.services, call.actor, kind=body.kind, organisation=body.organisation, specialty=body.specialty,
        practitioner=body.practitioner, span=Span(body.starts_at, body.ends_at), shift=body.shift,
        note=body.note or "",
    )  # fmt: skip
    return Made(id=made)


@route("DELETE", "/api/roster/overrides/{override}", rule=Action.EDIT_ROSTER)
async def delete_override(call: Call, override: str) -> None:
    """Take a change back."""
    await roster.remove(call.services, call.actor, tables.RosterOverride, override)
