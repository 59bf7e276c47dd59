"""What a site needs to try whether its network lets pictures and sound through (`tele check https://…`)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from pydantic import BaseModel

from tele.domain.access import Action
from tele.web.api import Call, route


@dataclass(frozen=True, slots=True)
class Line:
    """Asks the media workers where they are, and the TURN server's secret for a password."""

    workers: Callable[[], Awaitable[list[dict[str, Any]]]]
    ice_servers: Callable[[], list[dict[str, Any]]]


LINE: web.AppKey[Line] = web.AppKey("line", Line)


class Worker(BaseModel):
    """One media worker: binding requests (RFC 8489) with this user fragment and password are answered on its port."""

    addresses: list[str]
    port: int
    tcp: bool
    ufrag: str
    password: str
    expires_in: int
    """Seconds."""


class IceServer(BaseModel):
    """As RTCPeerConnection takes it."""

    urls: list[str]
    username: str
    credential: str


class LineCheckView(BaseModel):
    """Everything that media may go through."""

    workers: list[Worker]
    ice_servers: list[IceServer]


@route("GET", "/api/line-check", rule=Action.OWN_SESSION)
async def get_line_check(call: Call) -> LineCheckView:
    """Where media goes to and short-lived credentials to try the way."""
    line = call.request.app[LINE]
    return LineCheckView.model_validate({"workers": await line.workers(), "ice_servers": line.ice_servers()})
