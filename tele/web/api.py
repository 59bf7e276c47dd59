"""Routes as typed functions: a rule, a body, a query and a reply each; nothing is served that has no rule."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from types import ModuleType
from typing import Any, Literal, get_type_hints

from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

from tele.domain.access import HIDDEN, Action, Actor, conceivable
from tele.domain.ids import is_id
from tele.domain.refusals import FieldError, Forbidden, Invalid, SignedOut, TooLarge, Unknown, WrongType
from tele.services.context import Services

BODY_LIMIT = 256 * 1024
"""Largest JSON body, in bytes."""
SILENCE = 60.0
"""Seconds for which a body may stop coming before the request is given up; a slow line goes on, a dead one does not."""
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


class Open(Enum):
    """The rule of what anyone may ask for, without a session."""

    TO_ALL = "open"


TO_ALL = Open.TO_ALL
Rule = Action | Literal[Open.TO_ALL]


class Model(BaseModel):
    """A JSON body or query: unknown fields are refused, texts lose the blanks around them."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, hide_input_in_errors=True)


class NoReply(BaseModel):
    """204: done, and nothing to say."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request as a handler sees it."""

    request: web.Request
    services: Services
    signed_in: Actor | None

    @property
    def actor(self) -> Actor:
        """Who calls; on every route but the open ones there is someone."""
        if self.signed_in is None:
            raise SignedOut
        return self.signed_in

    @property
    def idempotency_key(self) -> str:
        """The caller's key for this act, or a fresh one when there is none and a retry would be a new act."""
        key = self.request.headers.get("Idempotency-Key", "").strip('"')  # a structured string or a bare one
        if not key:
            return self.services.new_id()
        if len(key) > 64 or not key.isascii() or not key.isprintable():
            raise Invalid(errors=[FieldError("Idempotency-Key", "format")])
        return key


@dataclass(frozen=True, slots=True)
class Route:
    """A registered function with everything that can be said of it."""

    method: Method
    path: str
    rule: Rule
    handler: Callable[..., Awaitable[Any]]
    body: type[BaseModel] | None
    query: type[BaseModel] | None
    reply: type[BaseModel] | None
    """None: the handler makes its own response (a file, a stream)."""
    path_names: tuple[str, ...]
    status: int
    summary: str
    raw_body: str | None
    idempotent: bool


ACTOR: web.RequestKey[Actor] = web.RequestKey("actor", Actor)
SERVICES: web.AppKey[Services] = web.AppKey("services", Services)
ROUTES: web.AppKey[tuple[Route, ...]] = web.AppKey("routes", tuple)
OPEN: web.AppKey[set[tuple[str, str]]] = web.AppKey("open", set)
RESOLVE: web.AppKey[Callable[[web.Request], Awaitable[Actor | None]]] = web.AppKey("resolve", Callable)  # type: ignore[arg-type]


def route(
    method: Method,
    path: str,
    *,
    rule: Rule,
    status: int = 200,
    reply: type[BaseModel] | None = None,
    raw_body: str | None = None,
    idempotent: bool = False,
) -> Callable[[Callable[..., Awaitable[Any]]], Route]:
    """Make a route of `async def handler(call, *, body: Model, query: Model, <path names>: str) -> Reply`.

    The annotations are the contract: `body` and `query` are validated against their models, the other parameters are
    the path's ids, and the reply's model (None: 204) ends in the OpenAPI document. A handler that returns a
    StreamResponse makes its own answer; `reply` then tells the document what is in it.
    """

    def decorate(handler: Callable[..., Awaitable[Any]]) -> Route:
        hints = get_type_hints(handler)
        names = tuple(name for name in inspect.signature(handler).parameters if name not in ("call", "body", "query"))
        returned = hints.get("return")
        own_response = isinstance(returned, type) and issubclass(returned, web.StreamResponse)
        nothing = returned is type(None)
        return Route(
            method=method, path=path, rule=rule, handler=handler, body=hints.get("body"), query=hints.get("query"),
            reply=reply if own_response else NoReply if nothing else returned, path_names=names,
            status=204 if nothing else status, summary=(inspect.getdoc(handler) or "").split("\n")[0],
            raw_body=raw_body, idempotent=idempotent,
        )  # fmt: skip

    return decorate


def collect(modules: Iterable[ModuleType]) -> tuple[Route, ...]:
    """Every route that these modules define, in their order."""
    routes: dict[tuple[str, str], Route] = {}
    for module in modules:
        for value in vars(module).values():
            if isinstance(value, Route) and routes.setdefault((value.method, value.path), value) is not value:
                raise ValueError(f"{value.method} {value.path} is defined twice")
    return tuple(routes.values())


def attach(
    app: web.Application,
    routes: tuple[Route, ...],
    services: Services,
    resolve: Callable[[web.Request], Awaitable[Actor | None]],
) -> None:
    """Serve these routes; `resolve` finds who calls from the request's session."""
    app[SERVICES], app[ROUTES], app[RESOLVE] = services, (*app.get(ROUTES, ()), *routes), resolve
    for each in routes:
        app.router.add_route(each.method, each.path, _serve(each))


def declare_open(app: web.Application, method: str, path: str) -> None:
    """Say that a handler which is no Route (the client's files, health pages) is open to all, sessions or not."""
    app.setdefault(OPEN, set()).add((method, path))


def verify(app: web.Application) -> None:
    """Raise RuntimeError when the application serves anything that has no rule. Call it before the first request."""
    opened: set[tuple[str, str]] = app.get(OPEN, set())
    known = opened | {(each.method, each.path) for each in app[ROUTES]}
    for served in app.router.routes():
        path = served.resource.canonical if served.resource else ""
        method = "GET" if served.method == "HEAD" else served.method
        if (method, path) not in known:
            raise RuntimeError(f"{served.method} {path or '(unknown path)'} has no rule: the server does not start")


def _serve(each: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        app = request.app
        actor = await app[RESOLVE](request)
        if actor:
            request[ACTOR] = actor
        if each.rule is not TO_ALL:
            admit(actor, each.rule)
        arguments: dict[str, Any] = {}
        for name in each.path_names:
            value = request.match_info[name]
            if "{" + name + "}" in each.path and not is_id(value):
                raise Unknown
            arguments[name] = value
        if each.query:
            arguments["query"] = _validated(each.query, dict(request.query))
        if each.body:
            arguments["body"] = _validated(each.body, await _json(request))
        result = await each.handler(Call(request, app[SERVICES], actor), **arguments)
        if isinstance(result, web.StreamResponse):
            return result
        if result is None:
            return web.Response(status=204)
        text = result.model_dump_json(by_alias=True)
        return web.Response(
            text=text, status=each.status, content_type="application/json", headers={"Cache-Control": "no-store"}
        )

    return handle


def admit(actor: Actor | None, action: Action) -> None:
    if actor is None:
        raise SignedOut
    if not conceivable(actor, action):
        raise denied(action)


def denied(action: Action) -> Unknown | Forbidden:
    """The refusal of an action to someone without any grant: 404 where existence itself is a secret."""
    return Unknown() if action in HIDDEN else Forbidden()


async def pieces(request: web.Request, size: int = 64 * 1024) -> AsyncIterator[bytes]:
    """The body in pieces of at most `size` bytes. 408 when nothing comes for too long."""
    while True:
        try:
            async with asyncio.timeout(SILENCE):
                piece = await request.content.read(size)
        except TimeoutError:
            raise web.HTTPRequestTimeout from None
        if not piece:
            return
        yield piece


async def _json(request: web.Request) -> Any:
    if not request.can_read_body:
        return {}  # nothing said: the model knows whether that is enough
    if request.content_type != "application/json":
        raise WrongType("json-expected")
    if (request.content_length or 0) > BODY_LIMIT:
        raise TooLarge("body-too-large")
    content = bytearray()
    async for piece in pieces(request):
        content += piece
        if len(content) > BODY_LIMIT:
            raise TooLarge("body-too-large")
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Invalid("malformed-json") from error


_CODES = {
    "missing": "missing",
    "extra_forbidden": "unknown-field",
    "string_too_long": "too-long",
    "string_too_short": "too-short",
    "too_long": "too-long",
    "too_short": "too-short",
    "greater_than_equal": "range",
    "less_than_equal": "range",
    "literal_error": "choice",
    "enum": "choice",
    "string_pattern_mismatch": "format",
}


def _validated(model: type[BaseModel], data: Any) -> BaseModel:
    if not isinstance(data, dict):
        raise Invalid(errors=[FieldError("", "type")])
    try:
        return model.model_validate(data)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        fields = [
            FieldError(".".join(str(part)[:64] for part in each["loc"]), _code(each["type"])) for each in found[:50]
        ]
        raise Invalid(errors=fields) from None


def _code(kind: str) -> str:
    if kind in _CODES:
        return _CODES[kind]
    return "type" if kind.endswith("_type") else "format"
