"""Tokens of devices and players: made for a call or a lecture, shown once, listed without themselves, taken back."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from aiohttp import web
from pydantic import Field

from tele.domain.access import Action
from tele.services import ingest
from tele.services.ingest import Direction, LiveDevices, TokenList, TokenView
from tele.services.ingest_subjects import OfConsultation, OfLecture, Subject
from tele.web.api import Call, Model, route
from tele.web.fields import Line
from tele.web.sessions import EDGE

DEVICES: web.AppKey[LiveDevices] = web.AppKey("devices", LiveDevices)
LONGEST = 7 * 24 * 3600
USUAL = 12 * 3600
Lifetime = Annotated[int, Field(ge=60, le=LONGEST, description="Seconds until it ends by itself.")]
Label = Annotated[Line, Field(max_length=64, description="The name that people see.")]


class NewToken(Model):
    """What is to be connected: a device that sends (WHIP), or a player that receives (WHEP)."""

    direction: Direction
    label: Label
    lifetime: Lifetime = USUAL


class NewLectureToken(Model):
    """The encoder that is to send into a lecture. Players need none: they watch by HLS."""

    direction: Literal["publish"] = "publish"
    label: Label = "OBS"
    lifetime: Lifetime = USUAL


class NewTokenView(TokenView):
    """The new token: the only time that it is shown."""

    token: str = Field(description="To be sent as `Authorization: Bearer`; it is shown this once.")
    url: str = Field(description="The WHIP or WHEP endpoint to enter into the device or player.")


@route("POST", "/api/consultations/{consultation}/ingest-tokens", rule=Action.CONNECT_DEVICE, status=201)
async def post_ingest_token(call: Call, consultation: str, *, body: NewToken) -> NewTokenView:
    """Make a token with which a device or a player enters the running call."""
    protocol = "whip" if body.direction == "publish" else "whep"
    return await _make(call, OfConsultation(consultation), body, f"{protocol}/room")


@route("GET", "/api/consultations/{consultation}/ingest-tokens", rule=Action.CONNECT_DEVICE)
async def get_ingest_tokens(call: Call, consultation: str) -> TokenList:
    """The tokens of a case that still count."""
    return await _list(call, OfConsultation(consultation))


@route("DELETE", "/api/consultations/{consultation}/ingest-tokens/{ingest_token}", rule=Action.CONNECT_DEVICE)
async def delete_ingest_token(call: Call, consultation: str, ingest_token: str) -> None:
    """Take a token back: what entered with it leaves at once."""
    await _revoke(call, OfConsultation(consultation), ingest_token)


@route("POST", "/api/lectures/{lecture}/ingest-tokens", rule=Action.GO_LIVE, status=201)
async def post_lecture_token(call: Call, lecture: str, *, body: NewLectureToken) -> NewTokenView:
    """Make a token with which an encoder sends into the lecture, before and while it is live."""
    return await _make(call, OfLecture(lecture), body, "whip")


@route("GET", "/api/lectures/{lecture}/ingest-tokens", rule=Action.GO_LIVE)
async def get_lecture_tokens(call: Call, lecture: str) -> TokenList:
    """The tokens of a lecture that still count."""
    return await _list(call, OfLecture(lecture))


@route("DELETE", "/api/lectures/{lecture}/ingest-tokens/{ingest_token}", rule=Action.GO_LIVE)
async def delete_lecture_token(call: Call, lecture: str, ingest_token: str) -> None:
    """Take a token back: the encoder that entered with it is out at once."""
    await _revoke(call, OfLecture(lecture), ingest_token)


async def _make(call: Call, subject: Subject, body: NewToken | NewLectureToken, path: str) -> NewTokenView:
    token, room, made = await ingest.create_token(
        call.services, call.actor, subject, body.direction, body.label, timedelta(seconds=body.lifetime)
    )
    url = f"{call.request.app[EDGE].origin(call.request)}/{path}/{room}"
    return NewTokenView(**dict(made), token=token, url=url)


async def _list(call: Call, subject: Subject) -> TokenList:
    return await ingest.list_tokens(call.services, call.actor, subject, call.request.app.get(DEVICES))


async def _revoke(call: Call, subject: Subject, token: str) -> None:
    await ingest.revoke_token(call.services, call.actor, subject, token, call.request.app.get(DEVICES))
