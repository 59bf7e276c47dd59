"""Tokens of devices and players: made for a call, shown once, listed without themselves, taken back."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from aiohttp import web
from pydantic import Field

from tele.domain.access import Action
from tele.services import ingest
from tele.services.ingest import Direction, LiveDevices, TokenList, TokenView
from tele.web.api import Call, Model, route
from tele.web.fields import Line
from tele.web.sessions import EDGE

DEVICES: web.AppKey[LiveDevices] = web.AppKey("devices", LiveDevices)
LONGEST = 7 * 24 * 3600
USUAL = 12 * 3600


class NewToken(Model):
    """What is to be connected: a device that sends (WHIP), or a player that receives (WHEP)."""

    direction: Direction
    label: Annotated[Line, Field(max_length=64)]
    lifetime: Annotated[int, Field(ge=60, le=LONGEST, description="Seconds until it ends by itself.")] = USUAL


class NewTokenView(TokenView):
    """The new token: the only time that it is shown."""

    token: str = Field(description="To be sent as `Authorization: Bearer`; it is shown this once.")
    url: str = Field(description="The WHIP or WHEP endpoint to enter into the device or player.")


@route("POST", "/api/consultations/{consultation}/ingest-tokens", rule=Action.CONNECT_DEVICE, status=201)
async def post_ingest_token(call: Call, consultation: str, *, body: NewToken) -> NewTokenView:
    """Make a token with which a device or a player enters the running call."""
    token, room, made = await ingest.create_token(
        call.services, call.actor, consultation, body.direction, body.label, timedelta(seconds=body.lifetime)
    )
    protocol = "whip" if body.direction == "publish" else "whep"
    url = f"{call.request.app[EDGE].origin(call.request)}/{protocol}/room/{room}"
    return NewTokenView(**dict(made), token=token, url=url)


@route("GET", "/api/consultations/{consultation}/ingest-tokens", rule=Action.CONNECT_DEVICE)
async def get_ingest_tokens(call: Call, consultation: str) -> TokenList:
    """The tokens of a case that still count."""
    return await ingest.list_tokens(call.services, call.actor, consultation)


@route("DELETE", "/api/consultations/{consultation}/ingest-tokens/{ingest_token}", rule=Action.CONNECT_DEVICE)
async def delete_ingest_token(call: Call, consultation: str, ingest_token: str) -> None:
    """Take a token back: what entered with it leaves at once."""
    devices = call.request.app.get(DEVICES)
    await ingest.revoke_token(call.services, call.actor, consultation, ingest_token, devices)
