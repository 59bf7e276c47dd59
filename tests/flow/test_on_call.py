"""A specialist's duty, the demo's roster and the coordinators' plan, through services and routes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tele.domain.roster import Span
from tele.services.paging_world import World, read_roster, specialties_of_specialists
from tests.flow.house import House


async def test_in_the_demo_nobody_is_on_call_until_they_say_so(house: House) -> None:
    async with house.services.database.reading() as tx:
        for hours in (0, 6, 12, 23):
            world = await World.read(tx, house.clock.now + timedelta(hours=hours))
            for code in ("cardiology", "dermatology"):
                assert world.roster.on_call(code, world.now) == []
        window = Span(house.clock.now - timedelta(days=20), house.clock.now + timedelta(days=20))
        plan = await read_roster(tx, window, await specialties_of_specialists(tx))
    assert {shift.specialty for shift in plan.shifts} == {"cardiology", "dermatology"}
    assert min(shift.span.start for shift in plan.shifts) < house.clock.now < max(s.span.start for s in plan.shifts)
    derm = await house.person("derm")
    client = await house.client("derm")
    shown = await (await client.put("/api/on-call", json={"on": True})).json()
    assert (shown["on"], shown["specialties"], shown["shift"], shown["ringing"]) == (True, ["dermatology"], None, [])
    assert shown["until"] == "2026-03-02T21:00:00Z"
    assert [event for _, whom, event, _ in house.live.told if whom == derm] == ["on-call"]
    shown = await (await client.put("/api/on-call", json={"on": False})).json()
    assert (shown["on"], shown["since"], shown["until"]) == (False, None, None)


async def test_only_specialists_have_a_switch(house: House) -> None:
    for name in ("gp", "coord", "admin", "learner"):
        reply = await (await house.client(name)).put("/api/on-call", json={"on": True})
        assert reply.status == 403
    assert (await (await house.client()).get("/api/on-call")).status == 401
    assert (await (await house.client("spec")).put("/api/on-call", json={"on": "perhaps"})).status == 422


def week(house: House) -> dict[str, str]:
    start = house.clock.now + timedelta(days=30)
    return {"from": start.isoformat(), "to": (start + timedelta(days=7)).isoformat()}


async def test_the_coordinator_plans_and_holes_are_shown(house: House) -> None:
    coord = await house.client("coord")
    spec, spec2 = await house.person("spec"), await house.person("spec2")
    window = week(house)
    start = datetime.fromisoformat(window["from"])
    me = await (await (await house.client("spec")).get("/api/session")).json()
    place = me["organisations"][0]["id"]
    plan = {
        "organisation": place, "specialty": "cardiology", "practitioner": spec,
        "starts_at": window["from"], "ends_at": (start + timedelta(days=6)).isoformat(),
    }  # fmt: skip
    made = await coord.post("/api/roster/shifts", json=plan)
    assert made.status == 201, await made.text()
    shift = (await made.json())["id"]
    view = await (await coord.get("/api/roster", params={**window, "specialty": "cardiology"})).json()
    assert [(one["id"], one["practitioner"]["name"]) for one in view["shifts"]] == [(shift, "Dr Zhang Wei")]
    assert [hole["starts_at"] for hole in view["holes"]] == [stamp(start + timedelta(days=6))]
    change = {
        **plan, "practitioner": spec2, "kind": "replace", "shift": shift, "note": "holiday",
        "ends_at": (start + timedelta(days=1)).isoformat(),
    }  # fmt: skip
    made = await coord.post("/api/roster/overrides", json=change)
    assert made.status == 201, await made.text()
    view = await (await coord.get("/api/roster", params=window)).json()
    assert [(one["kind"], one["practitioner"]["id"], one["note"]) for one in view["overrides"]] == [
        ("replace", spec2, "holiday")
    ]
    assert (await coord.delete(f"/api/roster/shifts/{shift}")).status == 204
    view = await (await coord.get("/api/roster", params=window)).json()
    assert (view["shifts"], view["overrides"]) == ([], [])
    assert (await coord.delete(f"/api/roster/shifts/{shift}")).status == 404


async def test_a_plan_that_cannot_be_is_refused(house: House) -> None:
    coord, window = await house.client("coord"), week(house)
    start = datetime.fromisoformat(window["from"])
    me = await (await (await house.client("spec")).get("/api/session")).json()
    good = {
        "organisation": me["organisations"][0]["id"], "specialty": "cardiology", "practitioner": me["id"],
        "starts_at": window["from"], "ends_at": (start + timedelta(hours=8)).isoformat(),
    }  # fmt: skip
    wrong: list[dict[str, Any]] = [
        {"practitioner": await house.person("gp")},
        {"specialty": "dermatology"},
        {"ends_at": window["from"]},
        {"ends_at": (start + timedelta(days=8)).isoformat()},
        {"starts_at": "2026-04-01T08:00:00", "ends_at": "2026-04-01T18:00:00"},
    ]
    for change in wrong:
        assert (await coord.post("/api/roster/shifts", json={**good, **change})).status == 422, change
    assert (await coord.post("/api/roster/shifts", json={**good, "organisation": "elsewhere"})).status == 403
    assert (await (await house.client("spec")).post("/api/roster/shifts", json=good)).status == 403
    assert (await coord.get("/api/roster", params={**window, "to": window["from"]})).status == 422


def stamp(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
