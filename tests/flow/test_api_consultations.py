"""A case through the REST interface: asked, shown to who may see it, written in, answered, signed."""

from __future__ import annotations

import asyncio

from tests.flow.house import House, stamp


async def test_a_request_is_stored_before_anyone_is_rung(house: House) -> None:
    case = await house.ask()
    assert house.live.woken == [case["id"]]
    assert case["stage"] == "queued" and case["status"] == "active"
    assert case["title"].startswith("Cardiology · Palpitations")
    assert case["requester"] == {
        "id": await house.person("gp"), "name": "Dr Li Na", "organisation": "Fangcao Health Centre"
    }  # fmt: skip
    assert case["patient"]["record_number"] == "A-17" and case["patient"]["findings"] is None
    assert [consent["kind"] for consent in case["consents"]] == ["teleconsultation", "recording"]
    assert {consent["witness"] for consent in case["consents"]} == {"Dr Li Na"}
    assert case["created_at"] == stamp(house.clock.now)
    assert {"cancel", "ring-again", "name-viewer", "add-file"} <= set(case["may"])
    assert not {"accept", "join", "sign", "reply"} & set(case["may"])
    assert ("consultation.ask", await house.person("gp")) in await house.audited(case["id"])


async def test_the_same_key_gives_the_same_case_and_rings_once(house: House) -> None:
    gp = await house.client("gp")
    send = [
        gp.post("/api/consultations", json=house.question(), headers={"Idempotency-Key": "k1"}) for _ in range(5)
    ]  # fmt: skip
    replies = await asyncio.gather(*send)
    assert {reply.status for reply in replies} == {201}
    assert len({(await reply.json())["id"] for reply in replies}) == 1
    assert len(house.live.woken) == 1
    other = await gp.post(
        "/api/consultations", json=house.question(question="Another"), headers={"Idempotency-Key": "k1"}
    )
    assert other.status == 409 and (await other.json())["code"] == "idempotency-key-reused"
    # Somebody else's key of the same name is another key.
    gp2 = await house.client("gp2")
    reply = await gp2.post("/api/consultations", json=house.question(), headers={"Idempotency-Key": "k1"})
    assert reply.status == 201


async def test_nobody_is_asked_without_consent(house: House) -> None:
    gp = await house.client("gp")
    reply = await gp.post("/api/consultations", json=house.question(consents=[]))
    problem = await reply.json()
    assert (reply.status, problem["code"]) == (422, "consent-required")
    assert reply.content_type == "application/problem+json"
    only_recording = [each for each in house.question()["consents"] if each["kind"] == "recording"]
    reply = await gp.post("/api/consultations", json=house.question(consents=only_recording))
    assert (await reply.json())["code"] == "consent-required"
    unknown = [{**each, "form_version": "1999"} for each in house.question()["consents"]]
    reply = await gp.post("/api/consultations", json=house.question(consents=unknown))
    assert [each["field"] for each in (await reply.json())["errors"]] == [
        "consents.0.form_version", "consents.1.form_version"
    ]  # fmt: skip
    assert house.live.woken == []


async def test_every_field_is_checked_and_named(house: House) -> None:
    gp = await house.client("gp")
    body = house.question(urgency="soon", question="", patient={"age": 200, "wrong": 1})
    reply = await gp.post("/api/consultations", json=body)
    problem = await reply.json()
    assert (reply.status, problem["code"]) == (422, "invalid")
    found = {each["field"]: each["code"] for each in problem["errors"]}
    assert found == {
        "urgency": "choice", "question": "too-short", "patient.age": "range", "patient.wrong": "unknown-field"
    }  # fmt: skip
    reply = await gp.post("/api/consultations", json=house.question(specialty="astrology"))
    assert [each["field"] for each in (await reply.json())["errors"]] == ["specialty"]


async def test_texts_lose_what_could_deceive(house: House) -> None:
    case = await house.ask(question="  a\u0000b\u202egnp\r\nsecond\ud800  ")
    assert case["question"] == "abgnp\nsecond"


async def test_who_is_rung_sees_the_case_without_the_record_number(house: House) -> None:
    case = await house.ask()
    spec = await house.client("spec")
    assert (await spec.get(f"/api/consultations/{case['id']}")).status == 404
    await house.ring(case["id"], "spec")
    seen = await house.see("spec", case["id"])
    assert seen["patient"]["age"] == 61 and seen["patient"]["record_number"] is None
    assert {"accept", "decline", "snooze", "ask-more", "answer-in-writing"} <= set(seen["may"])
    listed = await (await spec.get("/api/consultations?scope=open")).json()
    assert [each["id"] for each in listed["items"]] == [case["id"]]
    await house.accept(case["id"], "spec")
    seen = await house.see("spec", case["id"])
    assert seen["patient"]["record_number"] == "A-17"
    assert seen["encounter"]["room"] == seen["encounter"]["id"]
    assert seen["recording"]["state"] == "recording" and seen["recording"]["consented"]
    assert {"join", "hang-up", "write-opinion"} <= set(seen["may"]) and "sign" not in seen["may"]
    assert {"stop-recording", "withdraw-recording"} <= set((await house.see("gp", case["id"]))["may"])


async def test_a_draft_goes_with_the_case_that_is_handed_over(house: House) -> None:
    case = (await house.ask())["id"]
    await house.accept(case, "spec")
    path = f"/api/consultations/{case}"
    spec, spec2 = await house.client("spec"), await house.client("spec2")
    draft = {"assessment": "Probably benign.", "advice": "", "next_step": None}
    assert (await spec.put(f"{path}/opinion", json=draft)).status == 200
    await spec.post(f"{path}/hang-up")
    assert (await spec.post(f"{path}/hand-over", json={})).status == 204
    await house.accept(case, "spec2")
    assert (await house.see("spec2", case))["opinion"]["assessment"] == "Probably benign."
    assert (await house.see("gp", case))["opinion"] is None
    await spec2.post(f"{path}/hang-up")
    whole = {"assessment": "Benign.", "advice": "Rest.", "next_step": "advice-only"}
    assert (await spec2.post(f"{path}/opinion/sign", json=whole)).status == 200
    assert (await house.see("gp", case))["opinion"]["author"]["id"] == await house.person("spec2")


async def test_the_whole_way_to_a_signed_opinion(house: House) -> None:
    case = (await house.ask())["id"]
    await house.accept(case, "spec")
    gp, spec = await house.client("gp"), await house.client("spec")
    path = f"/api/consultations/{case}"

    house.clock.forward(seconds=12.5)
    said = await spec.post(f"{path}/messages", json={"text": "Good morning", "client_id": "c-1"})
    again = await spec.post(f"{path}/messages", json={"text": "Good morning", "client_id": "c-1"})
    message = await said.json()
    assert said.status == 201 and message == await again.json()
    assert message["kind"] == "chat" and message["offset"] == 12.5

    draft = {"assessment": "Benign ectopy", "advice": "", "next_step": None}
    assert (await spec.put(f"{path}/opinion", json=draft)).status == 200
    assert (await house.see("gp", case))["opinion"] is None
    early = await spec.post(f"{path}/opinion/sign", json={**draft, "advice": "x", "next_step": "come-back"})
    assert (early.status, (await early.json())["code"]) == (409, "not-now")

    ended = await gp.post(f"{path}/hang-up")
    assert ended.status == 200 and (await ended.json())["stage"] == "awaiting-opinion"
    listed = await (await spec.get("/api/consultations?scope=to-sign")).json()
    assert [each["id"] for each in listed["items"]] == [case]

    half = await spec.post(f"{path}/opinion/sign", json=draft)
    assert (half.status, (await half.json())["code"]) == (422, "opinion-incomplete")
    whole = {"assessment": "Benign ectopy", "advice": "No caffeine", "next_step": "advice-only"}
    signed = await spec.post(f"{path}/opinion/sign", json=whole)
    assert signed.status == 200
    seen = await house.see("gp", case)
    assert (seen["stage"], seen["status"], seen["encounter"]["status"]) == ("answered", "completed", "completed")
    assert seen["opinion"]["state"] == "signed" and seen["opinion"]["author"]["name"] == "Dr Zhang Wei"
    assert house.live.told[-1][3]["what"] == "answered"

    changed = await spec.put(f"{path}/opinion", json=draft)
    assert (changed.status, (await changed.json())["code"]) == (409, "opinion-signed")
    more = await spec.post(f"{path}/opinion/addenda", json={"text": "Holter seen: confirms."})
    assert [each["text"] for each in (await more.json())["opinion"]["addenda"]] == ["Holter seen: confirms."]
    asked = await gp.post(f"{path}/messages", json={"text": "And the beta blocker?"})
    assert (await asked.json())["kind"] == "follow-up"
    actions = [action for action, _ in await house.audited(case)]
    assert {"opinion.sign", "opinion.addendum", "message.add", "read"} <= set(actions)


async def test_named_viewers_see_the_case_but_not_the_patient(house: House) -> None:
    case = (await house.ask())["id"]
    gp, learner = await house.client("gp"), await house.client("learner")
    path = f"/api/consultations/{case}"
    assert (await learner.get(path)).status == 404
    named = await gp.post(f"{path}/viewers", json={"practitioner": await house.person("learner")})
    assert [each["name"] for each in (await named.json())["viewers"]] == ["Zhao Min"]
    seen = await house.see("learner", case)
    assert seen["patient"] is None and seen["may"] == []
    # Those without a clinical role cannot be shown a case by anyone.
    for username in ("admin", "coord", "auditor"):
        refused = await gp.post(f"{path}/viewers", json={"practitioner": await house.person(username)})
        assert refused.status == 422
    assert (await gp.delete(f"{path}/viewers/{await house.person('learner')}")).status == 200
    assert (await learner.get(path)).status == 404


async def test_lists_are_in_pages_that_neither_repeat_nor_skip(house: House) -> None:
    asked = []
    for number in range(35):
        asked.append((await house.ask(question=f"Question {number}"))["id"])
        house.clock.forward(seconds=number % 2)
    gp = await house.client("gp")
    first = await (await gp.get("/api/consultations?scope=open")).json()
    rest = await (await gp.get("/api/consultations", params={"scope": "open", "cursor": first["next"]})).json()
    listed = [each["id"] for each in first["items"] + rest["items"]]
    assert sorted(listed) == sorted(asked) and rest["next"] is None
    assert "patient" not in first["items"][0] and "messages" not in first["items"][0]
    assert (await gp.get("/api/consultations?cursor=zzz")).status == 422


async def test_reads_are_audited_once_in_five_minutes(house: House) -> None:
    case = (await house.ask())["id"]
    gp = await house.person("gp")
    for _ in range(3):
        await house.see("gp", case)
    assert (await house.audited(case)).count(("read", gp)) == 1
    house.clock.forward(minutes=6)
    await house.see("gp", case)
    assert (await house.audited(case)).count(("read", gp)) == 2


async def test_the_consent_to_record_may_come_later_and_go_again_before_the_call(house: House) -> None:
    only_talk = [each for each in house.question()["consents"] if each["kind"] == "teleconsultation"]
    record = next(each for each in house.question()["consents"] if each["kind"] == "recording")
    case = await house.ask(consents=only_talk)
    gp, path = await house.client("gp"), f"/api/consultations/{case['id']}/consents"
    assert "give-consent" in case["may"]
    given = await (await gp.post(path, json={**record, "given_by": "guardian", "guardian_name": "Li Min"})).json()
    assert [each["kind"] for each in given["consents"]] == ["teleconsultation", "recording"]
    assert "withdraw-consent" in given["may"] and given["version"] == case["version"] + 1
    twice = await gp.post(path, json=record)
    assert (twice.status, (await twice.json())["code"]) == (409, "consent-stands")
    talk, recording = (each["id"] for each in given["consents"])
    needed = await gp.delete(f"{path}/{talk}")
    assert (needed.status, (await needed.json())["code"]) == (409, "consent-needed")
    assert (await gp.delete(f"{path}/{recording}")).status == 200
    await house.accept(case["id"], "spec")
    assert (await house.see("gp", case["id"]))["recording"] is None
    late = await gp.post(path, json=record)
    assert (late.status, (await late.json())["code"]) == (409, "not-now")
    actions = [action for action, _ in await house.audited(case["id"])]
    assert "consent.give" in actions and "consent.withdraw" in actions
