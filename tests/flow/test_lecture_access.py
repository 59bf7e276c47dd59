"""Who may call what about lectures: every such route, by every role, invited or not; nothing is left out."""

from __future__ import annotations

from typing import Any

from tele.services.accounts import NewAccount, NewRole, create_account, create_organisation
from tele.web import api
from tests.flow.house import PASSWORD, House
from tests.flow.test_api_access import EVERYONE, LECTURES, SPECIALISTS, people

INVITED = people("gp gp2 gp-east") | SPECIALISTS | people("coord")
"""The lecture is for GPs and specialists; the coordinator of its hospital looks after it."""
HOSTS, PRESENTER = people("spec coord"), people("spec")
SCHEDULERS = SPECIALISTS | people("coord coord-east")
TALK = "/api/lectures/{lecture}"
SAID = {"text": "Which dose?", "client_id": "c-1"}
POLL = {"text": "First line?", "options": ["A", "B"]}

TABLE: dict[tuple[str, str], tuple[frozenset[str], Any]] = {
    ("GET", "/api/lectures"): (EVERYONE, None),
    ("POST", "/api/lectures"): (SCHEDULERS, {"title": "Another"}),
    ("GET", TALK): (INVITED, None),
    ("PATCH", TALK): (HOSTS, {"summary": "More"}),
    ("POST", f"{TALK}/cancel"): (HOSTS, None),
    ("POST", f"{TALK}/go-live"): (PRESENTER, {"consent": "2026-1"}),
    ("POST", f"{TALK}/ingest-tokens"): (PRESENTER, {"label": "OBS"}),
    ("GET", f"{TALK}/ingest-tokens"): (PRESENTER, None),
    ("DELETE", f"{TALK}/ingest-tokens/{{ingest_token}}"): (PRESENTER, None),
    ("PUT", f"{TALK}/deck"): (HOSTS, {"file": None}),
    ("GET", f"{TALK}/cover"): (INVITED, None),
    ("GET", f"{TALK}/slides/{{file}}/{{page}}"): (INVITED, None),
    ("PUT", f"{TALK}/reminder"): (INVITED, None),
    ("DELETE", f"{TALK}/reminder"): (INVITED, None),
    ("GET", f"{TALK}/check-in-code"): (INVITED, None),
    ("POST", f"{TALK}/check-ins"): (INVITED, {"code": "h-x-y"}),
    ("GET", f"{TALK}/calendar.ics"): (INVITED, None),
    ("GET", "/api/lecture-series"): (EVERYONE, None),
    ("POST", "/api/lecture-series"): (SCHEDULERS, {"title": "Evenings"}),
    ("GET", "/api/calendar-feed"): (EVERYONE, None),
    ("POST", "/api/calendar-feed"): (EVERYONE, None),
    ("GET", f"{TALK}/floor"): (INVITED, None),
    ("POST", f"{TALK}/questions"): (INVITED, SAID),
    ("PATCH", f"{TALK}/questions/{{question}}"): (HOSTS, {"state": "answered"}),
    ("PUT", f"{TALK}/questions/{{question}}/vote"): (INVITED, None),
    ("DELETE", f"{TALK}/questions/{{question}}/vote"): (INVITED, None),
    ("POST", f"{TALK}/polls"): (HOSTS, POLL),
    ("PATCH", f"{TALK}/polls/{{poll}}"): (HOSTS, {"state": "open"}),
    ("PUT", f"{TALK}/polls/{{poll}}/answer"): (INVITED, {"option": 0}),
    ("DELETE", f"{TALK}/polls/{{poll}}"): (HOSTS, None),
    ("POST", f"{TALK}/chat"): (INVITED, SAID),
    ("DELETE", f"{TALK}/chat/{{line}}"): (HOSTS, None),
    ("POST", f"{TALK}/hand"): (INVITED, {"do": "raise"}),
    ("POST", f"{TALK}/hands"): (HOSTS, {"person": "none-such", "do": "invite"}),
    ("PUT", f"{TALK}/slide"): (PRESENTER, {"page": 1}),
    ("POST", f"{TALK}/end"): (HOSTS, None),
}
OPEN = {("GET", "/calendar/{feed}.ics")}
"""Its address is the secret: calendar programs cannot sign in."""


async def test_every_route_of_lectures_by_every_role(house: House) -> None:
    served = {(each.method, each.path) for each in house.app[api.ROUTES] if each.path.startswith(LECTURES)}
    assert served == set(TABLE) | OPEN
    east = await create_organisation(house.services, None, "East Hospital", "hospital")
    for name, role in (("gp-east", "gp"), ("spec-east", "specialist"), ("coord-east", "coordinator")):
        codes = ["oncology"] if role == "specialist" else []
        account = NewAccount(name, name, PASSWORD, [NewRole(role, east, codes)], is_demo=True)  # type: ignore[arg-type]
        await create_account(house.services, None, account)
    spec = await house.client("spec")
    plan = {"title": "Atrial fibrillation", "roles": ["gp", "specialist"]}
    lecture = (await (await spec.post("/api/lectures", json=plan)).json())["id"]
    assert (await spec.post(f"/api/lectures/{lecture}/go-live", json={"consent": "2026-1"})).status == 200

    async def call(name: str | None, method: str, path: str, body: Any) -> int:
        place = path.replace("{lecture}", lecture).replace("{page}", "1")
        for thing in ("file", "question", "poll", "line", "ingest_token"):
            place = place.replace("{" + thing + "}", "none")
        reply = await (await house.client(name)).request(method, place, json=body)
        return reply.status

    for (method, path), (who, body) in TABLE.items():
        for name in sorted(EVERYONE - who):
            hidden = {403} if path.count("{") == 0 or name in INVITED else {404}
            assert await call(name, method, path, body) in hidden, f"{name} {method} {path}"
        assert await call(None, method, path, body) == 401, f"nobody {method} {path}"
        for name in sorted(who):
            status = await call(name, method, path, body)
            assert status not in (400, 401, 403, 405, 500), f"{name} {method} {path}: {status}"
            missing = path.endswith(("/cover", "/hands")) or path.count("{") > 1
            assert status != 404 or missing, f"{name} {method} {path}: {status}"
