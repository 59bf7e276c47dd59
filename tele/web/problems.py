"""Errors as RFC 9457 problem documents, in the caller's language, telling nothing of the inside."""

from __future__ import annotations

import json
from typing import Any

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from tele.domain.people import choose_language
from tele.domain.refusals import (
    Conflict,
    Forbidden,
    Invalid,
    Refusal,
    SignedOut,
    TooLarge,
    TooMany,
    Unavailable,
    Unknown,
    WrongType,
)
from tele.services.reference import Reference
from tele.web.api import ACTOR
from tele.web.preconditions import PreconditionFailed, PreconditionRequired
from tele.web.ranges import Unsatisfiable

log = structlog.get_logger(__name__)

STATUS: dict[type[Refusal], int] = {
    Unsatisfiable: 416,
    PreconditionFailed: 412,
    PreconditionRequired: 428,
    SignedOut: 401,
    Forbidden: 403,
    Unknown: 404,
    Conflict: 409,
    TooLarge: 413,
    WrongType: 415,
    Invalid: 422,
    TooMany: 429,
    Unavailable: 503,
}


def status_of(refusal: Refusal) -> int:
    """The HTTP status that says this (RFC 9110 §15)."""
    return next((status for kind, status in STATUS.items() if isinstance(refusal, kind)), 400)


def language_of(request: web.Request) -> str:
    """The account's language, else the browser's."""
    actor = request.get(ACTOR)
    return actor.language if actor else choose_language(request.headers.get("Accept-Language", ""))


def problem(reference: Reference, request: web.Request, refusal: Refusal) -> web.Response:
    """The document for a refusal."""
    language = language_of(request)
    title, detail = reference.say(refusal, language)
    status = status_of(refusal)
    document: dict[str, Any] = {
        "type": f"/problems/{refusal.code}",
        "title": title,
        "status": status,
        "detail": detail,
        "code": refusal.code,
        **refusal.extra,
    }
    if isinstance(refusal, Invalid):
        texts = reference.wording[language].get("fields", {})
        document["errors"] = [
            {"field": each.field, "code": each.code, "message": texts.get(each.code, each.code)}
            for each in refusal.errors
        ]
    headers = {"Cache-Control": "no-store", "Content-Language": language}
    if isinstance(refusal, TooMany):
        headers["Retry-After"] = str(refusal.retry_after)
    return web.Response(
        text=json.dumps(document, ensure_ascii=False),
        status=status,
        headers=headers,
        content_type="application/problem+json",
    )


def _is_gone(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()


def middleware(reference: Reference) -> Middleware:
    """The outermost middleware: turns every exception into a problem document."""

    @web.middleware
    async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except Refusal as refusal:
            return problem(reference, request, refusal)
        except web.HTTPException as error:
            if error.status < 400:
                raise
            return _plain(reference, request, error)
        except Exception as error:
            if isinstance(error, ConnectionError | TimeoutError) and _is_gone(request):
                return web.Response(status=CLIENT_GONE)  # nobody is left to tell, and nothing of ours broke
            log.exception("request.failed", method=request.method, path=request.path, error=type(error).__name__)
            return _refused(reference, request, 500, "error")

    return problems


CLIENT_GONE = 499
"""What proxies note for a caller who went away before the answer."""

_CODES = {
    404: "not-found",
    405: "method-not-allowed",
    408: "too-slow",
    413: "body-too-large",
    503: "not-yet",
    507: "no-room",
}


def _plain(reference: Reference, request: web.Request, error: web.HTTPException) -> web.Response:
    response = _refused(reference, request, error.status, _CODES.get(error.status, "error"))
    for name in ("Allow", "Retry-After"):
        if name in error.headers:
            response.headers[name] = error.headers[name]
    return response


def _refused(reference: Reference, request: web.Request, status: int, code: str) -> web.Response:
    title, detail = reference.say(Refusal(code), language_of(request))
    document = {"type": f"/problems/{code}", "title": title, "status": status, "detail": detail, "code": code}
    return web.Response(
        text=json.dumps(document, ensure_ascii=False), status=status, content_type="application/problem+json"
    )
