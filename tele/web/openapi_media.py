"""What the OpenAPI document says of WHIP and WHEP: four methods at two addresses for every door."""

from __future__ import annotations

from typing import Any, Final

from tele.web.whip import DOORS, FRAGMENT, SDP, Door

BEARER: Final = {"type": "http", "scheme": "bearer", "description": "A token made by POST …/ingest-tokens."}
"""The security scheme `ingest`."""

_DESCRIPTION: Final = {"content": {SDP: {"schema": {"type": "string"}}}}
_CHANGE: Final = {"content": {FRAGMENT: {"schema": {"type": "string"}}}}
_ID: Final = {"type": "string", "maxLength": 32}
_TEXT: Final = {"type": "string"}


def paths(problem: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The path items by path; `problem` is the response that every operation has for what goes wrong."""
    found: dict[str, dict[str, Any]] = {}
    for door in DOORS:
        found[door.path] = {name: _common(each, door, problem) for name, each in _endpoint(door).items()}
        address = door.path + "/{session}"
        found[address] = {name: _common(each, door, problem, "session") for name, each in _session(door).items()}
    return found


def _endpoint(door: Door) -> dict[str, dict[str, Any]]:
    what = {
        ("whip", "consultation"): "Send into the running call",
        ("whip", "lecture"): "Send into the lecture, before and while it is live",
        ("whep", "consultation"): "Receive the running call",
    }[door.protocol, door.kind]
    standard = "RFC 9725 §4.2" if door.protocol == "whip" else "draft-ietf-wish-whep-03 §4.2"
    headers = {
        "Location": {"description": "The address of the session.", "schema": {"type": "string", "format": "uri"}},
        "ETag": {"description": "Names the ICE session.", "schema": _TEXT},
        "Accept-Patch": {"schema": {"const": FRAGMENT}},
        "Link": {"description": "TURN servers, where the site has some.", "schema": _TEXT},
    }
    return {
        "post": {
            "operationId": f"post_{door.protocol}_{door.gap}",
            "summary": f"{what}: an SDP offer, answered ({standard}).",
            "requestBody": {"required": True, **_DESCRIPTION},
            "responses": {"201": {"description": "The SDP answer.", "headers": headers, **_DESCRIPTION}},
        },
        "options": _options(f"options_{door.protocol}_{door.gap}", "Accept-Post", SDP),
    }


def _session(door: Door) -> dict[str, dict[str, Any]]:
    name = f"{door.protocol}_{door.gap}_session"
    match = {"name": "If-Match", "in": "header", "required": True, "schema": _TEXT}
    etag = {"ETag": {"description": "Names the new ICE session.", "schema": _TEXT}}
    return {
        "patch": {
            "operationId": f"patch_{name}",
            "summary": "Change ICE: with If-Match the ETag, or * for a restart (RFC 9725 §4.3).",
            "parameters": [match],
            "requestBody": {"required": True, **_CHANGE},
            "responses": {
                "200": {"description": "An ICE restart: what is new on this side.", "headers": etag, **_CHANGE},
                "204": {"description": "Taken; nothing to say."},
            },
        },
        "delete": {
            "operationId": f"delete_{name}",
            "summary": "End the session.",
            "responses": {"200": {"description": "It has ended."}},
        },
        "options": _options(f"options_{name}", "Accept-Patch", FRAGMENT),
    }


def _options(operation: str, header: str, kind: str) -> dict[str, Any]:
    said = {header: {"schema": {"const": kind}}, "Allow": {"schema": _TEXT}}
    return {
        "operationId": operation,
        "summary": "What can be done here.",
        "responses": {"200": {"description": "In the headers.", "headers": said}},
        "security": [],
    }


def _common(operation: dict[str, Any], door: Door, problem: dict[str, Any], *more: str) -> dict[str, Any]:
    """The operation with what all of them have."""
    places = [{"name": name, "in": "path", "required": True, "schema": _ID} for name in (door.gap, *more)]
    return {
        "security": [{"ingest": []}],
        **operation,
        "parameters": [*places, *operation.get("parameters", [])],
        "responses": {**operation["responses"], "default": problem},
    }
