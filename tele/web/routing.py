"""Everything that the web port answers, in one list, and the refusal to serve anything that has no rule."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from aiohttp import web

from tele.domain.access import Actor
from tele.services.context import Services
from tele.web import (
    api,
    consultations,
    encounters,
    files,
    ingest,
    lecture_floor,
    lectures,
    line_check,
    on_call,
    openapi,
    opinions,
    paging,
    people,
    problems,
    queue,
    recordings,
    roster,
    security,
    session,
    sessions,
    specialties,
    whip,
)
from tele.web.client import WebClient
from tele.web.edge import Edge
from tele.web.health import Health
from tele.web.sessions import EDGE

AREAS = (
    *(session, people, specialties, consultations, encounters, ingest, files, opinions, recordings),
    *(lectures, lecture_floor, paging, on_call, queue, roster, line_check, openapi),
)


def middlewares(services: Services, edge: Edge) -> list[Any]:
    """Outermost first: every exception becomes a problem document; other sites' requests go no further."""
    return [problems.middleware(services.reference), sessions.middleware(edge)]


def attach(
    app: web.Application,
    services: Services,
    edge: Edge,
    resolve: Callable[[web.Request], Awaitable[Actor | None]],
    *,
    health: Health,
    replay: Iterable[web.RouteDef],
    client: WebClient,
) -> None:
    """Put all of it into the application. Call `finish` when the sockets are attached as well."""
    app[EDGE] = edge
    security.protect(app, edge)
    api.attach(app, api.collect(AREAS), services, resolve)
    for path, handler in (("/healthz", health.live), ("/readyz", health.ready), ("/metrics", health.metrics)):
        app.router.add_get(path, handler)
        api.declare_open(app, "GET", path)  # what they tell strangers is yes or no; the rest asks for the operator
    for each in replay:
        for served in each.register(app.router):
            # It asks `MediaLeave` itself, for every file.
            api.declare_open(app, "GET", served.resource.canonical if served.resource else "")
    whip.attach(app)
    app.router.add_get("/{path:.*}", client.serve)
    api.declare_open(app, "GET", "/{path}")


def finish(app: web.Application) -> None:
    """Raises RuntimeError when something is served that has no rule: the server does not start."""
    for method in ("GET", "POST", "OPTIONS"):  # it authenticates each connection, and each message has its rule
        api.declare_open(app, method, "/socket.io/")
    api.verify(app)
