"""What holds for every route: the OpenAPI document, security headers, bounds, and errors that tell nothing."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from tele.web import api
from tests.flow.house import House

SOURCE = Path(__file__).resolve().parents[2] / "tele"


async def test_the_document_describes_every_json_route(house: House) -> None:
    reply = await (await house.client()).get("/api/openapi.json")
    document = await reply.json()
    assert document["openapi"] == "3.1.0"
    OpenAPIV31SpecValidator(document).validate()
    paths = document["paths"]
    described = {(method.upper(), path) for path in paths if path.startswith("/api/") for method in paths[path]}
    media = {path: set(methods) for path, methods in paths.items() if not path.startswith("/api/")}
    endpoint, session = {"post", "options"}, {"patch", "delete", "options"}
    for door in ("/whip/{lecture}", "/whip/room/{room}", "/whep/room/{room}"):
        assert media.pop(door) == endpoint and media.pop(door + "/{session}") == session
        assert paths[door]["post"]["security"] == [{"ingest": []}]
    assert not media
    assert described == {(each.method, each.path) for each in house.app[api.ROUTES] if each.path.startswith("/api/")}
    names = [each["operationId"] for path in document["paths"].values() for each in path.values()]
    assert len(names) == len(set(names))
    for path, methods in document["paths"].items():
        for operation in methods.values():
            told = {each["name"] for each in operation["parameters"] if each["in"] == "path"}
            assert told == set(re.findall(r"{(\w+)}", path)), path
            assert operation["summary"] and "default" in operation["responses"]
    references = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)))
    assert references <= set(document["components"]["schemas"])


async def test_replies_are_what_the_document_says(house: House) -> None:
    document = await (await (await house.client()).get("/api/openapi.json")).json()
    case = await house.ask()
    gp = await house.client("gp")
    for path, template in (
        ("/api/session", "/api/session"),
        ("/api/specialties", "/api/specialties"),
        ("/api/consent-forms", "/api/consent-forms"),
        ("/api/people", "/api/people"),
        ("/api/organisations", "/api/organisations"),
        ("/api/consultations", "/api/consultations"),
        (f"/api/consultations/{case['id']}", "/api/consultations/{consultation}"),
        ("/api/recordings", "/api/recordings"),
    ):
        content = document["paths"][template]["get"]["responses"]["200"]["content"]
        schema = {**content["application/json"]["schema"], "components": document["components"]}
        jsonschema.validate(await (await gp.get(path)).json(), schema)


async def test_headers_on_everything(house: House) -> None:
    client = await house.client()
    for path in ("/api/openapi.json", "/api/session", "/nothing/here"):
        headers = (await client.get(path)).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "camera=(self)" in headers["Permissions-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["Server"] == "tele"
        assert "Strict-Transport-Security" not in headers  # plain HTTP on loopback
    assert (await client.get("/api/session")).headers["Cache-Control"] == "no-store"


async def test_a_page_may_show_media_and_workers_but_no_foreign_script(house: House) -> None:
    policy = (await (await house.client()).get("/nothing")).headers["Content-Security-Policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["media-src"] == "'self' blob:" and rules["worker-src"] == "'self' blob:"
    assert rules["default-src"] == "'self'" and rules["connect-src"] == "'self'" and "script-src" not in rules


@pytest.mark.parametrize(
    ("content", "kind", "status", "code"),
    [
        (b"{", "application/json", 422, "malformed-json"),
        (b"[1]", "application/json", 422, "invalid"),
        (b"null", "application/json", 422, "invalid"),
        (b"\xff\xfe", "application/json", 422, "malformed-json"),
        (b"[" * 100_000, "application/json", 422, "malformed-json"),
        (b'{"a":"' + b"x" * 300_000 + b'"}', "application/json", 413, "body-too-large"),
        (b"username=gp", "application/x-www-form-urlencoded", 415, "json-expected"),
        (b'{"username":"gp"}', "text/plain", 415, "json-expected"),
        (b'{"username":1,"password":["x"]}', "application/json", 422, "invalid"),
        (b'{"username":"gp","password":"x","admin":true}', "application/json", 422, "invalid"),
    ],
)
async def test_bad_bodies_get_clear_errors(house: House, content: bytes, kind: str, status: int, code: str) -> None:
    reply = await (await house.client()).post("/api/session", data=content, headers={"Content-Type": kind})
    problem = await reply.json()
    assert (reply.status, problem["code"], problem["status"]) == (status, code, status)
    assert reply.content_type == "application/problem+json" and problem["type"] == f"/problems/{code}"


async def test_unknown_addresses_and_methods_are_problems_too(house: House) -> None:
    client = await house.client()
    reply = await client.get("/api/nothing")
    assert (reply.status, (await reply.json())["code"]) == (404, "not-found")
    reply = await client.patch("/api/session")
    assert (reply.status, (await reply.json())["code"]) == (405, "method-not-allowed")
    assert "GET" in reply.headers["Allow"]


@pytest.mark.parametrize(
    "kind", [RuntimeError, ConnectionRefusedError, TimeoutError]
)  # a database's, say: not the caller's
async def test_what_breaks_inside_stays_inside(
    house: House, monkeypatch: pytest.MonkeyPatch, kind: type[Exception]
) -> None:
    async def broken(*_: object) -> None:
        raise kind("the secret of L. N.")

    monkeypatch.setattr("tele.web.specialties.list_specialties", broken)
    reply = await (await house.client("gp")).get("/api/specialties")
    assert reply.status == 500 and "secret" not in await reply.text()
    assert (await reply.json())["code"] == "error"


def test_every_refusal_has_words_in_both_languages(house: House) -> None:
    """Codes are looked for in the sources: each must be in the catalogues, with the same gaps to fill."""
    english, chinese = (house.services.reference.wording[language] for language in ("en", "zh-CN"))
    assert english.keys() == chinese.keys() and english["fields"].keys() == chinese["fields"].keys()
    raised = re.compile(
        r"(?:Conflict|Invalid|Forbidden|Unknown|SignedOut|TooLarge|WrongType|TooMany|Unavailable|Unsatisfiable)\(\s*\"([a-z-]+)\""
    )
    codes = {code for file in SOURCE.rglob("*.py") for code in raised.findall(file.read_text("utf-8"))}
    assert len(codes) > 25 and codes <= english.keys(), codes - english.keys()
    for code in english.keys() - {"fields"}:
        gaps = [
            set(re.findall(r"{(\w+)}", texts[code]["title"] + texts[code]["detail"])) for texts in (english, chinese)
        ]
        assert gaps[0] == gaps[1], code
    fields = re.compile(r"FieldError\([^,]+,\s*\"([a-z-]+)\"")
    used = {code for file in SOURCE.rglob("*.py") for code in fields.findall(file.read_text("utf-8"))}
    assert used <= english["fields"].keys()
