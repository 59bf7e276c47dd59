"""A specialist's own duty."""

from __future__ import annotations

from tele.domain.access import Action
from tele.services import on_call
from tele.services.on_call import OnCallView
from tele.web.api import Call, Model, route


class Switch(Model):
    """On call or not."""

    on: bool


@route("GET", "/api/on-call", rule=Action.SWITCH_ON_CALL)
async def get_on_call(call: Call) -> OnCallView:
    """One's own duty: the switch, the hours, today's roster, and what rings now."""
    return await on_call.duty(call.services, call.actor)


@route("PUT", "/api/on-call", rule=Action.SWITCH_ON_CALL)
async def put_on_call(call: Call, *, body: Switch) -> OnCallView:
    """Go on call or off."""
    return await on_call.switch(call.services, call.actor, body.on)
