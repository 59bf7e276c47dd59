"""Tokens of encoders of a lecture: who makes them, when they count, and that they open this one lecture alone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tele.domain.refusals import Refusal
from tele.services import ingest
from tele.services.accounts import NewAccount, NewRole, create_account, create_organisation
from tele.services.ingest_subjects import Kind
from tests.flow.house import PASSWORD, House, stamp

CONSENT = {"consent": "2026-1"}


async def plan(house: House, **changes: Any) -> str:
    spec = await house.client("spec")
    reply = await spec.post("/api/lectures", json={"title": "Atrial fibrillation", **changes})
    assert reply.status == 201, await reply.text()
    made: str = (await reply.json())["id"]
    return made


def hour_in(house: House, hours: float) -> dict[str, str]:
    begin = house.clock.now + timedelta(hours=hours)
    return {"starts_at": stamp(begin), "ends_at": stamp(begin + timedelta(hours=1))}


async def do(house: House, who: str, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    reply = await (await house.client(who)).request(method, f"/api/lectures/{path}", json=body)
    return reply.status, (await reply.json() if reply.status != 204 else None)


async def token(house: House, lecture: str, who: str = "spec", **body: Any) -> dict[str, Any]:
    status, made = await do(house, who, "POST", f"{lecture}/ingest-tokens", body)
    assert status == 201, made
    shown: dict[str, Any] = made
    return shown


async def refusal(house: House, secret: str, kind: Kind, room: str) -> str:
    """How an endpoint refuses this token; an empty string when it lets its bearer in."""
    try:
        grant = await ingest.admit(house.services, secret, kind, room, "publish")
    except Refusal as refused:
        return refused.code
    assert (grant.kind, grant.room) == (kind, room)
    return ""


async def test_a_token_is_shown_once_listed_without_itself_and_taken_back(house: House) -> None:
    lecture = await plan(house)
    made = await token(house, lecture)
    assert made["label"] == "OBS" and made["direction"] == "publish"
    assert made["url"].endswith(f"/whip/{lecture}") and len(made["token"]) >= 43
    status, listed = await do(house, "spec", "GET", f"{lecture}/ingest-tokens")
    assert status == 200 and made["token"] not in str(listed)
    assert [(each["id"], each["connected"]) for each in listed["items"]] == [(made["id"], False)]
    assert await refusal(house, made["token"], "lecture", lecture) == ""
    assert (await do(house, "spec", "DELETE", f"{lecture}/ingest-tokens/{made['id']}"))[0] == 204
    assert (await do(house, "spec", "DELETE", f"{lecture}/ingest-tokens/{made['id']}"))[0] == 404
    assert (await do(house, "spec", "GET", f"{lecture}/ingest-tokens"))[1]["items"] == []
    assert await refusal(house, made["token"], "lecture", lecture) == "wrong-token"
    assert {"ingest-token.create", "ingest-token.revoke"} <= {action for action, _ in await house.audited(lecture)}


async def test_presenters_alone_make_see_and_take_back_tokens(house: House) -> None:
    west = await plan(house, presenters=[await house.person("spec2")])
    made = await token(house, west, "spec2", label="Hall camera")
    east = await create_organisation(house.services, None, "East Hospital", "hospital")
    account = NewAccount("spec-east", "E", PASSWORD, [NewRole("specialist", east, ["cardiology"])], is_demo=True)
    await create_account(house.services, None, account)
    for who in ("spec-east", "gp", "derm", "learner", "coord"):  # the coordinator moderates, but presents nothing
        assert (await do(house, who, "POST", f"{west}/ingest-tokens", {}))[0] in (403, 404), who
        assert (await do(house, who, "GET", f"{west}/ingest-tokens"))[0] in (403, 404), who
        assert (await do(house, who, "DELETE", f"{west}/ingest-tokens/{made['id']}"))[0] in (403, 404), who
    other = await plan(house)
    assert (await do(house, "spec", "DELETE", f"{other}/ingest-tokens/{made['id']}"))[0] == 404
    assert await refusal(house, made["token"], "lecture", west) == ""
    assert (await do(house, "spec", "PATCH", west, {"presenters": []}))[0] == 200
    assert await refusal(house, made["token"], "lecture", west) == "wrong-token"  # who made it presents no longer


@pytest.mark.parametrize(
    "body", [{"direction": "play"}, {"label": " "}, {"label": "x" * 65}, {"lifetime": 5}, {"a": 1}]
)
async def test_what_cannot_be_is_refused(house: House, body: dict[str, Any]) -> None:
    assert (await do(house, "spec", "POST", f"{await plan(house)}/ingest-tokens", body))[0] == 422


async def test_a_token_opens_its_own_lecture_and_nothing_else(house: House) -> None:
    lecture, other = await plan(house), await plan(house)
    made = await token(house, lecture)
    assert await refusal(house, made["token"], "lecture", other) == "not-found"
    assert await refusal(house, made["token"], "consultation", lecture) == "not-found"
    case = await house.ask()
    await house.ring(case["id"], "spec")
    spec = await house.client("spec")
    assert (await spec.post(f"/api/consultations/{case['id']}/accept")).status == 200
    room = (await house.see("gp", case["id"]))["encounter"]["room"]
    wanted = {"direction": "publish", "label": "Ultrasound"}
    gp = await house.client("gp")
    of_case = await (await gp.post(f"/api/consultations/{case['id']}/ingest-tokens", json=wanted)).json()
    assert await refusal(house, of_case["token"], "consultation", room) == ""
    assert await refusal(house, of_case["token"], "lecture", lecture) == "not-found"
    assert await refusal(house, of_case["token"], "lecture", room) == "not-found"
    assert await refusal(house, made["token"], "consultation", room) == "not-found"


async def test_encoders_are_awaited_from_the_day_before_until_the_end(house: House) -> None:
    lecture = await plan(house, **hour_in(house, 26))
    assert (await do(house, "spec", "POST", f"{lecture}/ingest-tokens", {}))[1]["code"] == "lecture-not-now"
    house.clock.forward(hours=3)
    assert await ingest.awaited(house.services) == []
    made = await token(house, lecture, lifetime=7 * 24 * 3600)
    assert await ingest.awaited(house.services) == [lecture]
    assert (await do(house, "spec", "PATCH", lecture, hour_in(house, 26)))[0] == 200
    assert await ingest.awaited(house.services) == []
    assert await refusal(house, made["token"], "lecture", lecture) == "lecture-not-now"  # put off: not yet again
    assert await ingest.alive(house.services, [made["id"]]) == set()
    house.clock.forward(hours=3)
    assert (await do(house, "spec", "POST", f"{lecture}/go-live", CONSENT))[0] == 200
    assert await ingest.awaited(house.services) == []  # it is on the air itself
    assert await refusal(house, made["token"], "lecture", lecture) == ""
    assert await ingest.alive(house.services, [made["id"]]) == {made["id"]}
    assert (await do(house, "spec", "POST", f"{lecture}/end"))[0] == 200
    assert await refusal(house, made["token"], "lecture", lecture) == "lecture-over"
    assert await ingest.alive(house.services, [made["id"]]) == set()
    assert (await do(house, "spec", "POST", f"{lecture}/ingest-tokens", {}))[1]["code"] == "lecture-not-now"


async def test_a_lecture_that_is_called_off_and_a_time_that_is_up_end_a_token(house: House) -> None:
    lecture, other = await plan(house), await plan(house)
    made, brief = await token(house, lecture), await token(house, other, lifetime=60)
    assert await ingest.alive(house.services, [made["id"], brief["id"]]) == {made["id"], brief["id"]}
    house.clock.forward(seconds=61)
    assert await refusal(house, brief["token"], "lecture", other) == "wrong-token"
    assert await ingest.awaited(house.services) == [lecture]
    assert (await do(house, "spec", "POST", f"{lecture}/cancel"))[0] == 200
    assert await refusal(house, made["token"], "lecture", lecture) == "lecture-over"
    assert await ingest.alive(house.services, [made["id"], brief["id"]]) == set()


async def test_a_lecture_has_as_many_tokens_as_it_can_have(house: House) -> None:
    lecture = await plan(house)
    for _ in range(ingest.MOST):
        await token(house, lecture)
    assert (await do(house, "spec", "POST", f"{lecture}/ingest-tokens", {}))[1]["code"] == "too-many-tokens"
