"""WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep-03): devices send into a call or lecture, players receive a call.

Both are one exchange over HTTP, admitted by a bearer token: an offer is posted, the answer comes back with the address
of the session, which takes ICE changes by PATCH and ends by DELETE. No cookie counts here and no other site's page can
come in: there is no CORS.
"""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

from aiohttp import web
from limits import RateLimitItem, parse
from limits.aio.strategies import MovingWindowRateLimiter
from limits.storage import storage_from_string

from tele.domain.ids import is_id
from tele.domain.refusals import Invalid, Refusal, SignedOut, TooLarge, TooMany, Unavailable, Unknown, WrongType
from tele.services import ingest
from tele.services.ingest import Direction, Grant
from tele.services.ingest_subjects import Kind
from tele.web import api, problems
from tele.web.api import SERVICES, pieces
from tele.web.ingest import DEVICES
from tele.web.preconditions import PreconditionFailed, PreconditionRequired
from tele.web.sessions import EDGE

SDP: Final = "application/sdp"
FRAGMENT: Final = "application/trickle-ice-sdpfrag"
BODY_LIMIT: Final = 64 * 1024
"""Bytes of a description: as many as the media plane reads."""
RATE: Final = "60 per 1 minute"
"""Offers and ICE changes of one token (RFC 9725 §5: floods)."""
RETRY_AFTER: Final = "2"
"""Seconds after which a server that is full or starting may be asked again."""
ICE_SERVERS: web.AppKey[Callable[[], list[dict[str, Any]]]] = web.AppKey("ice-servers", Callable)  # type: ignore[arg-type]

_BEARER: Final = re.compile(r"[Bb]earer +([A-Za-z0-9._~+/-]{1,256}=*)")
_ENDPOINT_ALLOWS: Final = "GET, HEAD, OPTIONS, POST"
_SESSION_ALLOWS: Final = "DELETE, GET, HEAD, OPTIONS, PATCH"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Door:
    """One way in: what is spoken there, who sends, and into what."""

    protocol: Literal["whip", "whep"]
    direction: Direction
    kind: Kind
    path: str
    """Of the endpoint, with the one gap `{room}` or `{lecture}`; a session's is one step longer."""
    gap: str


DOORS: Final = (
    Door("whip", "publish", "consultation", "/whip/room/{room}", "room"),
    Door("whep", "play", "consultation", "/whep/room/{room}", "room"),
    Door("whip", "publish", "lecture", "/whip/{lecture}", "lecture"),  # a lecture's viewers have HLS
)


def attach(app: web.Application) -> None:
    """Open every door; each request is admitted there by its token, so that no session is asked for."""
    pace = _Pace()
    for door in DOORS:
        endpoint = _Endpoint(door, pace)
        for address, handler in ((door.path, endpoint.endpoint), (door.path + "/{session}", endpoint.session)):
            app.router.add_route("*", address, _answering(handler))
            api.declare_open(app, "*", address)


def _answering(handler: Handler) -> Handler:
    """Refusals as problem documents, with the headers that HTTP asks for beside some of them."""

    @functools.wraps(handler)
    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except Refusal as refusal:
            response = problems.problem(request.app[SERVICES].reference, request, refusal)
            if isinstance(refusal, SignedOut):
                response.headers["WWW-Authenticate"] = 'Bearer realm="tele"'  # RFC 6750 §3
            elif isinstance(refusal, Unavailable):
                response.headers["Retry-After"] = RETRY_AFTER
            elif isinstance(refusal, WrongType):
                header = "Accept-Patch" if request.method == "PATCH" else "Accept-Post"
                response.headers[header] = str(refusal.extra["takes"])
            return response

    return answer


class _Pace:
    """How often one token may ask for something."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(storage_from_string("async+memory://"))
        self._rate: RateLimitItem = parse(RATE)

    async def count(self, token: str) -> None:
        """Raises TooMany when it was too often."""
        if not await self._limiter.hit(self._rate, "device", token):
            window = await self._limiter.get_window_stats(self._rate, "device", token)
            raise TooMany("too-many-offers", max(1, int(window.reset_time - time.time())))


class _Endpoint:
    """What stands behind a door. RFC 9725 §4 and the WHEP draft §4 are the same here but for who sends."""

    def __init__(self, door: Door, pace: _Pace) -> None:
        self._door = door
        self._pace = pace

    async def endpoint(self, request: web.Request) -> web.Response:
        """The address that is entered into a device or player."""
        match request.method:
            case "POST":
                return await self._begin(request)
            case "OPTIONS":
                return web.Response(headers={"Accept-Post": SDP, "Allow": _ENDPOINT_ALLOWS})
            case "GET" | "HEAD":
                return await self._nothing(request, SDP)
        raise web.HTTPMethodNotAllowed(request.method, _ENDPOINT_ALLOWS.split(", "))

    async def session(self, request: web.Request) -> web.Response:
        """One session: whoever has its address needs the token as well."""
        match request.method:
            case "PATCH":
                return await self._patch(request)
            case "DELETE":
                return await self._end(request)
            case "OPTIONS":
                return web.Response(headers={"Accept-Patch": FRAGMENT, "Allow": _SESSION_ALLOWS})
            case "GET" | "HEAD":
                return await self._nothing(request, None)
        raise web.HTTPMethodNotAllowed(request.method, _SESSION_ALLOWS.split(", "))

    async def _begin(self, request: web.Request) -> web.Response:
        grant = await self._admit(request)
        sdp = await _body(request, SDP)
        await self._pace.count(grant.token)
        answer = await self._call(
            request, grant, "begin", label=grant.label, direction=self._door.direction, sdp=sdp
        )  # fmt: skip
        await ingest.note_session(request.app[SERVICES], grant, "begin")
        endpoint = self._door.path.format(**{self._door.gap: grant.room})
        response = web.Response(status=201, body=answer["sdp"].encode(), headers={"Content-Type": SDP})
        response.headers["Location"] = f"{request.app[EDGE].origin(request)}{endpoint}/{answer['session']}"
        response.headers["ETag"] = f'"{answer["etag"]}"'
        response.headers["Accept-Patch"] = FRAGMENT
        response.headers["Cache-Control"] = "no-store"
        for link in links(request.app[ICE_SERVERS]()):
            response.headers.add("Link", link)
        return response

    async def _patch(self, request: web.Request) -> web.Response:
        grant = await self._admit(request)
        fragment = await _body(request, FRAGMENT)
        if request.if_match is None:
            raise PreconditionRequired
        await self._pace.count(grant.token)
        match = [tag.value for tag in request.if_match if not tag.is_weak]
        answer = await self._call(
            request, grant, "patch", session=_session(request), match=match, fragment=fragment
        )  # fmt: skip
        if answer["fragment"] is None:
            return web.Response(status=204)
        response = web.Response(body=answer["fragment"].encode(), headers={"Content-Type": FRAGMENT})
        response.headers["ETag"] = f'"{answer["etag"]}"'
        response.headers["Cache-Control"] = "no-store"
        return response

    async def _end(self, request: web.Request) -> web.Response:
        grant = await self._admit(request)
        await self._call(request, grant, "end", session=_session(request))
        await ingest.note_session(request.app[SERVICES], grant, "end")
        return web.Response(status=200)

    async def _nothing(self, request: web.Request, kind: str | None) -> web.Response:
        """RFC 9725 §4.1: neither has a representation. HEAD tells a player what this is (WHEP draft §4.2)."""
        await self._admit(request)
        if request.method == "HEAD":
            return web.Response(headers={"Content-Type": kind} if kind else None)
        return web.Response(status=204)

    async def _admit(self, request: web.Request) -> Grant:
        bearer = _BEARER.fullmatch(request.headers.get("Authorization", "").strip())
        if bearer is None:
            raise SignedOut("token-expected")
        room = request.match_info[self._door.gap]
        return await ingest.admit(
            request.app[SERVICES], bearer[1], self._door.kind, room if is_id(room) else "", self._door.direction
        )  # fmt: skip

    async def _call(self, request: web.Request, grant: Grant, act: str, **arguments: Any) -> dict[str, Any]:
        try:
            return await request.app[DEVICES].device(grant.room, act, token=grant.token, **arguments)
        except Exception as error:
            code = str(getattr(error, "code", ""))
            if code == "room-ended":
                raise Unknown("call-over" if grant.kind == "consultation" else "lecture-over") from error
            refusal = _REFUSALS.get(code)
            if refusal is None:
                raise
            raise refusal() from error


_REFUSALS: Final[dict[str, Callable[[], Refusal]]] = {
    "bad-sdp": lambda: Refusal("malformed-sdp"),
    "unacceptable-sdp": lambda: Invalid("unacceptable-sdp"),
    "stale-ice": PreconditionFailed,
    "not-found": Unknown,
    "no-such-room": Unknown,
    "no-such-participant": Unknown,
    "no-such-session": Unknown,
    "too-many": lambda: Unavailable("server-full"),
    "media-down": lambda: Unavailable("media-down"),
}
"""What the rooms and the media plane say, as HTTP says it."""


def links(servers: list[dict[str, Any]]) -> list[str]:
    """ICE servers as Link headers (RFC 9725 §4.6, RFC 8288 §3)."""
    found: list[str] = []
    for server in servers:
        words = "".join(
            f'; {name}="{server[name]}"' for name in ("username", "credential") if server.get(name) is not None
        )
        kind = '; credential-type="password"' if words else ""
        urls = server["urls"]
        found += [f'<{url}>; rel="ice-server"{words}{kind}' for url in ([urls] if isinstance(urls, str) else urls)]
    return found


def _session(request: web.Request) -> str:
    session = request.match_info["session"]
    if not is_id(session):
        raise Unknown
    return session


async def _body(request: web.Request, kind: str) -> str:
    if request.content_type != kind:
        raise WrongType("sdp-expected", extra={"takes": kind})
    content = bytearray()
    async for piece in pieces(request):
        content += piece
        if len(content) > BODY_LIMIT:
            raise TooLarge("body-too-large")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise Refusal("malformed-sdp") from None
