"""The session cookie: read it, set it, clear it, and refuse what another site makes a browser send."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http.cookies import CookieError

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from tele.domain.access import Actor
from tele.services import sign_in
from tele.services.context import Services
from tele.web.edge import Edge

EDGE: web.AppKey[Edge] = web.AppKey("edge", Edge)
_TOKEN_LIMIT = 128


def token_of(edge: Edge, request: web.Request) -> str | None:
    """The session token that came with a request or a socket handshake, if it has a token's shape."""
    try:
        token = request.cookies.get(edge.cookie)
    except CookieError:
        return None
    return token if token and len(token) <= _TOKEN_LIMIT and token.isascii() else None


def resolver(services: Services, edge: Edge) -> Callable[[web.Request], Awaitable[Actor | None]]:
    """The function that finds who calls; None without a valid session."""

    async def resolve(request: web.Request) -> Actor | None:
        token = token_of(edge, request)
        return await sign_in.resume(services, token) if token else None

    return resolve


BEARERS = ("/whip/", "/whep/")
"""Where no cookie counts, but a token that no other site's page has: a device may name any Origin that it likes."""


def middleware(edge: Edge) -> Middleware:
    """Refuses state-changing requests of other sites before anything else looks at them."""

    @web.middleware
    async def own_origin(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not request.path.startswith(BEARERS):
            edge.refuse_foreign(request)
        return await handler(request)

    return own_origin


def set_cookie(edge: Edge, response: web.StreamResponse, token: str, max_age: int) -> None:
    """Hand the token to the browser for `max_age` seconds; no script can read it."""
    response.set_cookie(
        edge.cookie, token, max_age=max_age, path="/", httponly=True, samesite="Lax", secure=edge.secure
    )  # fmt: skip


def clear_cookie(edge: Edge, response: web.StreamResponse) -> None:
    """Take the token back."""
    response.del_cookie(edge.cookie, path="/", httponly=True, samesite="Lax", secure=edge.secure)
