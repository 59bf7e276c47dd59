"""Colleagues of the consortium, to be named or assigned."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tele.domain.access import Action
from tele.domain.people import Role
from tele.services.people import People, Places, find_people, list_organisations
from tele.web.api import Call, Model, route


class PeopleFilter(Model):
    """Words of a name, and a role."""

    q: Annotated[str, Field(max_length=100)] = ""
    role: Role | None = None


@route("GET", "/api/people", rule=Action.SEE_PEOPLE)
async def get_people(call: Call, *, query: PeopleFilter) -> People:
    """Colleagues whose name holds these words; no contact data."""
    return await find_people(call.services, call.actor, query.q, query.role)


@route("GET", "/api/organisations", rule=Action.SEE_PEOPLE)
async def get_organisations(call: Call) -> Places:
    """The organisations of the consortium."""
    return await list_organisations(call.services, call.actor)
