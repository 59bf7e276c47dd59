"""The OpenAPI 3.1 document of every JSON route, made from the routes themselves, and of WHIP and WHEP."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from pydantic import BaseModel, Field
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from tele import __version__
from tele.web import openapi_media
from tele.web.api import ROUTES, TO_ALL, Call, NoReply, Route, route

_REFERENCE = "#/components/schemas/{model}"


class ProblemField(BaseModel):
    """What is wrong with one field."""

    field: str = Field(description="Dotted path of the field.")
    code: str
    message: str


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[ProblemField] | None = None


@route("GET", "/api/openapi.json", rule=TO_ALL)
async def get_openapi(call: Call) -> web.Response:
    """This document."""
    return web.json_response(document(call.request.app[ROUTES]))


def document(routes: tuple[Route, ...]) -> dict[str, Any]:
    """The whole document as JSON values."""
    bodies = {each.body for each in routes if each.body}
    replies = {each.reply for each in routes if each.reply and each.reply is not NoReply} | {Problem}
    inputs: list[tuple[type[BaseModel], Any]] = [(model, "validation") for model in _sorted(bodies)]
    outputs: list[tuple[type[BaseModel], Any]] = [(model, "serialization") for model in _sorted(replies)]
    names, definitions = models_json_schema(
        [*inputs, *outputs], ref_template=_REFERENCE, schema_generator=GenerateJsonSchema
    )
    paths: dict[str, dict[str, Any]] = {}
    for each in routes:
        if each.path.startswith("/api/"):
            paths.setdefault(each.path, {})[each.method.lower()] = _operation(each, names)
    paths |= openapi_media.paths(_problem(names))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tele",
            "version": __version__,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": definitions.get("$defs", {}),
            "securitySchemes": {
                "session": {"type": "apiKey", "in": "cookie", "name": "tele_session"},
                "ingest": openapi_media.BEARER,
            },
        },
        "security": [{"session": []}],
    }


def _sorted(models: set[type[BaseModel]]) -> list[type[BaseModel]]:
    return sorted(models, key=lambda model: model.__name__)


def _operation(each: Route, names: dict[Any, dict[str, Any]]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": each.handler.__name__,
        "summary": each.summary,
        "parameters": _parameters(each),
        "responses": {str(each.status): _reply(each, names), "default": _problem(names)},
    }
    if each.rule is TO_ALL:
        operation["security"] = []
    else:
        operation["x-rule"] = str(each.rule)
    if each.body:
        schema = names[each.body, "validation"]
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    elif each.raw_body:
        operation["requestBody"] = {"required": True, "content": {each.raw_body: {}}}
    return operation


def _parameters(each: Route) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "maxLength": 32}}
        for name in each.path_names
    ]
    if each.query:
        schema = each.query.model_json_schema(ref_template=_REFERENCE)
        required = schema.get("required", [])
        for name, field in schema.get("properties", {}).items():
            found.append({"name": name, "in": "query", "required": name in required, "schema": field})
    if each.idempotent:
        about = "The same key again gives the case of the first attempt."
        key = {"type": "string", "maxLength": 64}
        found.append({"name": "Idempotency-Key", "in": "header", "description": about, "schema": key})
    return found


def _reply(each: Route, names: dict[Any, dict[str, Any]]) -> dict[str, Any]:
    if each.reply is NoReply:
        return {"description": "Done."}
    if each.reply is None:
        return {"description": each.summary, "content": {"*/*": {}}}
    return {
        "description": each.summary,
        "content": {"application/json": {"schema": names[each.reply, "serialization"]}},
    }


def _problem(names: dict[Any, dict[str, Any]]) -> dict[str, Any]:
    schema = names[Problem, "serialization"]
    return {"description": "What went wrong.", "content": {"application/problem+json": {"schema": schema}}}
