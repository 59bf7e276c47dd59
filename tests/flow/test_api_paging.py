"""Answers to a ring over HTTP: what each side is told, and what the slower of two hears."""

from __future__ import annotations

from tests.flow.house import House


async def test_two_accept_and_the_slower_hears_who(house: House) -> None:
    case = (await house.ask())["id"]
    await house.ring(case, "spec")
    await house.ring(case, "spec2")
    quick = await (await house.client("spec")).post(f"/api/consultations/{case}/accept")
    assert quick.status == 200, await quick.text()
    shown = await quick.json()
    assert (shown["stage"], shown["specialist"]["name"]) == ("in-call", "Dr Zhang Wei")
    assert shown["encounter"]["room"]
    slow = await (await house.client("spec2")).post(f"/api/consultations/{case}/accept")
    assert slow.status == 409
    problem = await slow.json()
    assert (problem["code"], problem["by"]) == ("taken", "Dr Zhang Wei")
    assert "Dr Zhang Wei" in problem["detail"]
    assert (await (await house.client("derm")).post(f"/api/consultations/{case}/accept")).status == 404
    ends = [payload for _, _, event, payload in house.live.told if event == "ring.end"]
    assert {end["outcome"] for end in ends} == {"accepted", "taken"}
    told = [payload for what, whom, event, payload in house.live.told if (what, whom) == ("consultation", case)]
    assert (told[-1]["stage"], told[-1]["progress"]) == ("in-call", None)


async def test_asking_for_more_and_the_reply(house: House) -> None:
    case = (await house.ask())["id"]
    await house.ring(case, "spec")
    spec, gp = await house.client("spec"), await house.client("gp")
    assert (await spec.post(f"/api/consultations/{case}/ask-more", json={"text": "  "})).status == 422
    asked = await spec.post(f"/api/consultations/{case}/ask-more", json={"text": "Please send an ECG."})
    assert (await asked.json())["stage"] == "needs-more"
    shown = await house.see("gp", case)
    assert [(one["kind"], one["text"]) for one in shown["messages"]] == [("asked-more", "Please send an ECG.")]
    assert (shown["progress"]["line"], "reply" in shown["may"]) == (
        {"code": "needs-more", "args": {"name": "Dr Zhang Wei"}}, True,
    )  # fmt: skip
    assert (await gp.post(f"/api/consultations/{case}/reply", json={"files": ["not-mine"]})).status == 422
    replied = await gp.post(f"/api/consultations/{case}/reply", json={"text": "Sinus rhythm."})
    assert replied.status == 200
    assert [one["kind"] for one in (await replied.json())["messages"]] == ["asked-more", "more"]
    assert house.live.woken[-1] == case


async def test_declining_shuts_the_case_again(house: House) -> None:
    case = (await house.ask())["id"]
    await house.ring(case, "spec")
    spec = await house.client("spec")
    assert (await house.see("spec", case))["patient"]["record_number"] is None
    assert (await spec.post(f"/api/consultations/{case}/decline")).status == 204
    assert (await spec.get(f"/api/consultations/{case}")).status == 404
    late = await spec.post(f"/api/consultations/{case}/accept")
    assert (late.status, (await late.json())["code"]) == (409, "not-yours")


async def test_cancelling_and_what_the_specialist_then_hears(house: House) -> None:
    case = (await house.ask())["id"]
    await house.ring(case, "spec")
    gp = await house.client("gp")
    cancelled = await gp.post(f"/api/consultations/{case}/cancel", json={"reason": "better now"})
    assert (await cancelled.json())["stage"] == "cancelled"
    late = await (await house.client("spec")).post(f"/api/consultations/{case}/accept")
    assert (late.status, (await late.json())["code"]) == (409, "cancelled")
    assert (await gp.post(f"/api/consultations/{case}/cancel")).status in (200, 409)


async def test_the_coordinators_queue_never_shows_the_case(house: House) -> None:
    case = (await house.ask(urgency="emergency"))["id"]
    coord = await house.client("coord")
    text = await (await coord.get("/api/queue")).text()
    assert case in text
    for secret in ("Palpitations", "A-17", "L. N.", "Asthma"):
        assert secret not in text
    assert (await coord.get(f"/api/consultations/{case}")).status in (403, 404)
    assert (await (await house.client("admin")).get("/api/queue")).status == 403
    derm = await house.person("derm")
    assert (await coord.post(f"/api/queue/{case}/assign", json={"practitioner": derm})).status == 422
    house.clock.forward(seconds=61)
    (item,) = (await (await coord.get("/api/queue")).json())["items"]
    assert (item["light"], item["waiting_s"], item["promise_s"]) == ("red", 61, 60)
    assert (await coord.post(f"/api/queue/{case}/cancel", json={"reason": ""})).status == 422
    assert (await coord.post(f"/api/queue/{case}/cancel", json={"reason": "by telephone"})).status == 200
