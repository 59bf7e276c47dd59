"""Everything that the web port answers, in one list, and the refusal to serve anything that has no rule."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from aiohttp import web

from tele.domain.access import Action, Actor
from tele.services.context import Services
from tele.services.recordings import find_recording
from tele.store import audit
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

Authorise = Callable[[web.Request, str], Awaitable[None]]


def middlewares(services: Services, edge: Edge) -> list[Any]:
    """Outermost first: every exception becomes a problem document; other sites' requests go no further."""
    return [problems.middleware(services.reference), sessions.middleware(edge)]


def replay_authoriser(services: Services, edge: Edge) -> Authorise:
    """Who may fetch files of a recording: asked for each file, so that a revoked session ends a replay too."""
    resolve = sessions.resolver(services, edge)

    async def authorise(request: web.Request, recording_id: str) -> None:
        actor = await resolve(request)
        if actor is None:
            raise web.HTTPUnauthorized
        api.admit(actor, Action.SEE_RECORDING)
        async with services.database.reading() as tx:
            await find_recording(tx, actor, recording_id)
        await audit.record_read(
            services.database, actor=actor, subject_type="recording", subject_id=recording_id, action="replay",
            at=services.clock(), new_id=services.new_id,
        )  # fmt: skip

    return authorise


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
            # It asks `replay_authoriser` itself, for every file.
            api.declare_open(app, "GET", served.resource.canonical if served.resource else "")
    whip.attach(app)
    app.router.add_get("/{path:.*}", client.serve)
    api.declare_open(app, "GET", "/{path}")


def finish(app: web.Application) -> None:
    """Raises RuntimeError when something is served that has no rule: the server does not start."""
    for method in ("GET", "POST", "OPTIONS"):  # it authenticates each connection, and each message has its rule
        api.declare_open(app, method, "/socket.io/")
    api.verify(app)
