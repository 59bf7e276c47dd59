"""Who may call what: every route of the registry, by every role, in every relation; nothing is left out.

The table below is written by hand from the rules of the house. It is compared with what the server does, and the test
fails when a route is served that the table does not name.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from tele.services.accounts import NewAccount, NewRole, create_account, create_organisation
from tele.web import api
from tests.flow.house import PASSWORD, Client, House, stamp
from tests.flow.test_api_files import picture


def people(names: str) -> frozenset[str]:
    return frozenset(names.split())


EVERYONE = people("gp gp2 spec spec2 derm learner coord admin auditor gp-east spec-east coord-east")
"""All accounts. In case `call` gp asked, spec accepted, and learner was named viewer; in case `rung` gp asked and spec2
is being rung. Those of the east work in another hospital."""
GPS, SPECIALISTS = people("gp gp2 gp-east"), people("spec spec2 derm spec-east")
CLINICAL = GPS | SPECIALISTS | {"learner"}
SEES = {"call": people("gp spec learner"), "rung": people("gp spec2")}


@dataclass(frozen=True)
class Allowed:
    """Who gets past the rule: for routes about a case, by case; for others under ""."""

    by: dict[str, frozenset[str]]
    body: Any = None
    query: str = ""


def everywhere(who: frozenset[str], body: Any = None, query: str = "") -> Allowed:
    return Allowed({"": who}, body, query)


def of_case(call: str, rung: str, body: Any = None) -> Allowed:
    return Allowed({"call": people(call), "rung": people(rung)}, body)


OPINION = {"assessment": "a", "advice": "b", "next_step": "refer"}
CONSENT = {
    "kind": "recording", "form_version": "2026-1", "given_by": "patient", "given_at": "2026-03-02T08:59:00Z"
}  # fmt: skip
CASE = "/api/consultations/{consultation}"
SHIFT = {"organisation": "<hospital>", "specialty": "cardiology", "practitioner": "<spec>"}
HOURS = {"starts_at": "2026-03-05T08:00:00Z", "ends_at": "2026-03-05T16:00:00Z"}

TABLE: dict[tuple[str, str], Allowed] = {
    ("GET", "/api/session"): everywhere(EVERYONE),
    ("PUT", "/api/session/language"): everywhere(EVERYONE, {"language": "en"}),
    ("GET", "/api/people"): everywhere(GPS | SPECIALISTS | people("coord coord-east")),
    ("GET", "/api/organisations"): everywhere(GPS | SPECIALISTS | people("coord coord-east")),
    ("GET", "/api/specialties"): everywhere(EVERYONE),
    ("GET", "/api/consent-forms"): everywhere(EVERYONE),
    ("POST", "/api/consultations"): everywhere(GPS, "<question>"),
    ("GET", "/api/consultations"): everywhere(CLINICAL),
    ("GET", CASE): Allowed(SEES),
    ("POST", f"{CASE}/messages"): of_case("gp spec", "gp", {"text": "hello"}),
    ("POST", f"{CASE}/files"): of_case("gp spec", "gp", {"file": "none-such"}),
    ("POST", f"{CASE}/consents"): of_case("gp", "gp", CONSENT),
    ("DELETE", f"{CASE}/consents/{{consent}}"): of_case("gp", "gp"),
    ("POST", f"{CASE}/viewers"): of_case("gp spec", "gp", {"practitioner": "none-such"}),
    ("DELETE", f"{CASE}/viewers/{{practitioner}}"): of_case("gp spec", "gp"),
    ("PUT", f"{CASE}/opinion"): of_case("spec", "", OPINION),
    ("POST", f"{CASE}/opinion/sign"): of_case("spec", "", OPINION),
    ("POST", f"{CASE}/opinion/addenda"): of_case("spec", "", {"text": "more"}),
    ("GET", f"{CASE}/opinion.pdf"): of_case("gp spec learner", "gp"),
    ("POST", "/api/consultations/{consultation}/hang-up"): of_case("gp spec", "gp"),
    ("POST", "/api/consultations/{consultation}/recording"): of_case("gp", "gp", {"action": "stop"}),
    ("POST", f"{CASE}/ingest-tokens"): of_case("gp spec", "gp", {"direction": "publish", "label": "Ultrasound"}),
    ("GET", f"{CASE}/ingest-tokens"): of_case("gp spec", "gp"),
    ("DELETE", f"{CASE}/ingest-tokens/{{ingest_token}}"): of_case("gp spec", "gp"),
    ("POST", f"{CASE}/accept"): of_case("spec", "spec2"),  # again, by who has it: no mistake
    ("POST", f"{CASE}/answer-in-writing"): of_case("spec", "spec2"),
    ("POST", f"{CASE}/decline"): of_case("", "spec2", {}),
    ("POST", f"{CASE}/snooze"): of_case("", "spec2"),
    ("POST", f"{CASE}/ask-more"): of_case("", "spec2", {"text": "An ECG, please"}),
    ("POST", f"{CASE}/reply"): of_case("gp", "gp", {"text": "Here"}),
    ("POST", f"{CASE}/ring-again"): of_case("gp", "gp"),
    ("POST", f"{CASE}/cancel"): of_case("gp", "gp", {}),
    ("POST", f"{CASE}/hand-over"): of_case("spec", "spec2", {}),
    ("POST", "/api/files"): everywhere(GPS | SPECIALISTS | people("coord coord-east"), "<picture>", "?name=a.png"),
    ("GET", "/api/files/{file}"): Allowed({**SEES, "unsent": people("gp")}),
    ("GET", "/api/files/{file}/preview"): Allowed({**SEES, "unsent": people("gp")}),
    ("DELETE", "/api/files/{file}"): Allowed({"call": people("gp"), "rung": people("gp"), "unsent": people("gp")}),
    ("GET", "/api/recordings"): everywhere(EVERYONE),
    ("GET", "/api/recordings/{recording}"): Allowed({"call": SEES["call"]}),
    ("GET", "/api/on-call"): everywhere(SPECIALISTS),
    ("PUT", "/api/on-call"): everywhere(SPECIALISTS, {"on": True}),
    ("GET", "/api/line-check"): everywhere(EVERYONE),
    ("GET", "/api/queue"): everywhere(people("coord coord-east")),
    ("POST", "/api/queue/{consultation}/assign"): Allowed({"rung": people("coord")}, {"practitioner": "<spec2>"}),
    ("POST", "/api/queue/{consultation}/cancel"): Allowed({"rung": people("coord")}, {"reason": "asked twice"}),
    ("GET", "/api/queue/{consultation}/contacts"): Allowed({"rung": people("coord")}),
    ("GET", "/api/roster"): everywhere(
        SPECIALISTS | people("coord coord-east"), query="?from=2026-03-02T00:00:00Z&to=2026-03-09T00:00:00Z"
    ),
    ("POST", "/api/roster/shifts"): everywhere(people("coord"), {**SHIFT, **HOURS}),
    ("DELETE", "/api/roster/shifts/{shift}"): everywhere(people("coord")),
    ("POST", "/api/roster/overrides"): everywhere(people("coord"), {**SHIFT, **HOURS, "kind": "add"}),
    ("DELETE", "/api/roster/overrides/{override}"): everywhere(people("coord")),
    ("DELETE", "/api/session"): everywhere(EVERYONE),
}
LECTURES = ("/api/lecture", "/api/calendar-feed", "/calendar/")
"""Routes that have a table of their own, beside this one."""
OPEN_TO_ALL = {("POST", "/api/session"), ("GET", "/api/openapi.json")}


async def test_every_route_by_every_role_in_every_relation(house: House) -> None:
    site = await Site.furnish(house)
    tried = 0
    for (method, path), allowed in TABLE.items():
        for thing, who in allowed.by.items():
            # Those who may not come first: they change nothing, so the others find the case as it was.
            for name in sorted(EVERYONE - who):
                reply = await site.call(name, method, path, thing, allowed)
                hidden = {404} if name not in SEES.get(thing, EVERYONE) else {403, 404, 409}
                expected = hidden if path.startswith(("/api/consultations/{", "/api/files/{")) else {403, 404}
                assert reply.status in expected, f"{name} {method} {path} of {thing}: {reply.status}"
                tried += 1
            nobody = await site.call(None, method, path, thing, allowed)
            assert nobody.status == 401, f"nobody {method} {path}"
    for (method, path), allowed in sorted(TABLE.items(), key=_takes_away):
        for thing, who in allowed.by.items():
            for name in sorted(who):
                if thing == "rung" and "{consultation}" in path:
                    await site.ring_anew()
                reply = await site.call(name, method, path, thing, allowed)
                assert reply.status not in (400, 401, 403, 405, 500), (
                    f"{name} {method} {path} of {thing}: {reply.status} {await reply.text()}"
                )
                assert reply.status != 404 or _was_taken_away(method, path), f"{name} {method} {path} of {thing}"
                tried += 1
    assert tried > 700


def test_the_table_names_every_route(house: House) -> None:
    routes = [each for each in house.app[api.ROUTES] if not each.path.startswith(LECTURES)]
    served = {(each.method, each.path) for each in routes}
    assert served == set(TABLE) | OPEN_TO_ALL
    ruled_open = {(each.method, each.path) for each in routes if each.rule is api.TO_ALL}
    assert ruled_open == OPEN_TO_ALL


async def test_a_route_without_a_rule_is_not_served(house: House) -> None:
    from aiohttp import web

    app = web.Application()
    app[api.ROUTES] = ()

    async def handler(request: web.Request) -> web.Response:
        return web.Response()

    app.router.add_get("/api/secret", handler)
    with pytest.raises(RuntimeError, match="/api/secret has no rule"):
        api.verify(app)
    api.declare_open(app, "GET", "/api/secret")
    api.verify(app)


async def test_knowing_an_id_grants_nothing(house: House) -> None:
    """Ids of one case in the paths and bodies of another."""
    site = await Site.furnish(house)
    gp2 = await house.client("gp2")
    for path in (f"/api/consultations/{site.things['call']}", f"/api/files/{site.files['call']}"):
        assert (await gp2.get(path)).status == 404
    mine = await house.ask("gp2")
    added = await gp2.post(f"/api/consultations/{mine['id']}/files", json={"file": site.files["call"]})
    assert (added.status, (await added.json())["code"]) == (422, "unknown-file")
    photo = [{**each, "photo": site.files["unsent"]} for each in house.question()["consents"]]
    reply = await gp2.post("/api/consultations", json=house.question(consents=photo))
    assert (await reply.json())["code"] == "unknown-file"
    for wrong in ("..%2f..%2fetc", "x" * 200, "a b", "%00", "é"):
        assert (await gp2.get(f"/api/consultations/{wrong}")).status == 404


def _takes_away(entry: tuple[tuple[str, str], Allowed]) -> bool:
    """What ends somebody's relation to a thing comes last."""
    (method, path), _ = entry
    return method == "DELETE" or path.endswith("/hand-over")


def _was_taken_away(method: str, path: str) -> bool:
    """What an earlier call already took away."""
    return method == "DELETE"


@dataclass
class Site:
    """A house with things in it, and one browser a person."""

    house: House
    things: dict[str, str]
    files: dict[str, str]
    words: dict[str, str]
    recording: str
    shift: str
    override: str

    @classmethod
    async def furnish(cls, house: House) -> Site:
        east = await create_organisation(house.services, None, "East Hospital", "hospital")
        for name, role in (("gp-east", "gp"), ("spec-east", "specialist"), ("coord-east", "coordinator")):
            codes = ["oncology"] if role == "specialist" else []
            account = NewAccount(name, name, PASSWORD, [NewRole(role, east, codes)], is_demo=True)  # type: ignore[arg-type]
            await create_account(house.services, None, account)
        files = {thing: await cls._upload(await house.client("gp")) for thing in ("call", "rung", "unsent")}
        call = (await house.ask(files=[files["call"]]))["id"]
        rung = (await house.ask(files=[files["rung"]]))["id"]
        await house.accept(call, "spec")
        await house.ring(rung, "spec2")
        gp, coordinator = await house.client("gp"), await house.client("coord")
        learner = {"practitioner": await house.person("learner")}
        assert (await gp.post(f"/api/consultations/{call}/viewers", json=learner)).status == 200
        me = await (await (await house.client("spec")).get("/api/session")).json()
        words = {
            "<hospital>": me["organisations"][0]["id"],
            "<spec>": await house.person("spec"),
            "<spec2>": await house.person("spec2"),
        }
        site = cls(
            house, {"call": call, "rung": rung}, files, words, (await house.see("gp", call))["recording"]["id"], "", ""
        )
        start = house.clock.now + timedelta(days=1)
        hours = {"starts_at": stamp(start), "ends_at": stamp(start + timedelta(hours=8))}
        body = site._filled({**SHIFT, **hours})
        site.shift = (await (await coordinator.post("/api/roster/shifts", json=body)).json())["id"]
        made = await coordinator.post("/api/roster/overrides", json={**body, "kind": "add"})
        site.override = (await made.json())["id"]
        return site

    async def ring_anew(self) -> None:
        """Another case in the place of the rung one: who accepts, declines or asks is no longer being rung."""
        self.things["rung"] = (await self.house.ask())["id"]
        await self.house.ring(self.things["rung"], "spec2")

    async def call(self, name: str | None, method: str, path: str, thing: str, allowed: Allowed) -> Any:
        client = await self.house.client(name)
        if (method, path) == ("DELETE", "/api/session") and name:  # signing out ends only a session of its own
            client = await self.house.client()
            await client.post("/api/session", json={"username": name, "password": PASSWORD})
        place = (
            path.replace("{consultation}", self.things.get(thing, "none"))
            .replace("{practitioner}", await self.house.person("learner"))
            .replace("{file}", self.files.get(thing, "none"))
            .replace("{consent}", "none")
            .replace("{ingest_token}", "none")
            .replace("{recording}", self.recording)
            .replace("{shift}", self.shift)
            .replace("{override}", self.override)
        )
        body = allowed.body
        if body == "<picture>":
            return await client.request(method, place + allowed.query, data=picture())
        if body == "<question>":
            body = self.house.question()
        return await client.request(
            method, place + allowed.query, json=self._filled(body) if body is not None else None
        )

    def _filled(self, body: dict[str, Any]) -> dict[str, Any]:
        return {key: self.words.get(value, value) if isinstance(value, str) else value for key, value in body.items()}

    @staticmethod
    async def _upload(client: Client) -> str:
        file: dict[str, str] = await (await client.post("/api/files?name=a.png", data=picture())).json()
        return file["id"]
