"""Lectures from the plan to the end, through the API: who may, what is kept, and what everybody sees."""

from __future__ import annotations

from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from icalendar import Calendar
from PIL import Image

from tele.services.lectures import floor
from tele.services.lectures.reminders import Reminders
from tests.flow.house import House, stamp

CONSENT = {"consent": "2026-1"}


async def plan(house: House, who: str = "spec", **changes: Any) -> dict[str, Any]:
    client = await house.client(who)
    reply = await client.post("/api/lectures", json={"title": "Atrial fibrillation", **changes})
    assert reply.status == 201, await reply.text()
    made: dict[str, Any] = await reply.json()
    return made


async def live(house: House, **changes: Any) -> str:
    lecture: str = (await plan(house, **changes))["id"]
    client = await house.client("spec")
    reply = await client.post(f"/api/lectures/{lecture}/go-live", json=CONSENT)
    assert reply.status == 200, await reply.text()
    return lecture


async def do(house: House, who: str, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    client = await house.client(who)
    reply = await client.request(method, "/api/lectures" + (path if path.startswith("?") else f"/{path}"), json=body)
    return reply.status, (await reply.json() if reply.content_length != 0 and reply.status != 204 else None)


async def test_a_title_is_enough_to_go_live_and_the_end_makes_the_replay(house: House) -> None:
    made = await plan(house)
    path = made["id"]
    assert (made["status"], made["relation"]) == ("planned", ["audience", "presenter"]) and "go-live" in made["may"]
    status, refused = await do(house, "spec", "POST", f"{path}/go-live", {})
    assert (status, refused["errors"]) == (422, refused["errors"]) and refused["errors"][0]["field"] == "consent"
    status, on_air = await do(house, "spec", "POST", f"{path}/go-live", CONSENT)
    assert (status, on_air["status"], on_air["consented"]) == (200, "in-progress", True)
    assert (await do(house, "spec", "POST", f"{path}/go-live", {}))[0] == 200  # back after a reload, agreed already
    house.clock.forward(minutes=40)
    status, over = await do(house, "spec", "POST", f"{path}/end")
    assert (status, over["status"]) == (200, "completed")
    assert (await do(house, "spec", "POST", f"{path}/end"))[0] == 200
    gp = await house.client("gp")
    (recording,) = (await (await gp.get("/api/recordings")).json())["items"]
    assert (recording["lecture"], recording["consultation"], recording["title"]) == (path, None, "Atrial fibrillation")
    assert recording["id"] == over["recording"]
    assert {"lecture.schedule", "lecture.consent", "lecture.go-live", "lecture.end"} <= {
        action for action, _ in await house.audited(path)
    }


async def test_the_same_key_plans_one_lecture(house: House) -> None:
    spec = await house.client("spec")
    ids = set()
    for _ in range(2):
        reply = await spec.post("/api/lectures", json={"title": "Once"}, headers={"Idempotency-Key": "k-1"})
        ids.add((await reply.json())["id"])
    assert len(ids) == 1


async def test_only_who_is_invited_knows_of_a_lecture(house: House) -> None:
    made = await plan(house, scope="consortium", roles=["specialist"])
    assert (await do(house, "gp", "GET", made["id"]))[0] == 404
    assert (await do(house, "gp", "GET", "?when=upcoming"))[1]["items"] == []
    status, seen = await do(house, "spec2", "GET", made["id"])
    assert (status, seen["may"]) == (200, [])
    assert (await do(house, "spec2", "PATCH", made["id"], {"title": "Mine"}))[0] == 403
    status, changed = await do(house, "spec", "PATCH", made["id"], {"roles": ["gp", "specialist"], "place": "Hall 2"})
    assert (status, changed["place"]) == (200, "Hall 2")
    assert (await do(house, "gp", "GET", made["id"]))[0] == 200


async def test_a_gp_cannot_schedule_and_a_coordinator_can_for_a_speaker(house: House) -> None:
    gp = await house.client("gp")
    assert (await gp.post("/api/lectures", json={"title": "No"})).status == 403
    made = await plan(house, "coord", speaker=await house.person("spec2"), presenters=[await house.person("spec")])
    assert [each["name"] for each in made["presenters"]][1] == "Dr Zhang Wei" and "go-live" not in made["may"]
    assert (await do(house, "spec", "POST", f"{made['id']}/go-live", CONSENT))[0] == 200


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"ends_at": "2026-03-02T08:00:00Z"}, "ends_at"),
        ({"specialty": "alchemy"}, "specialty"),
        ({"speaker": "nobody-nobody-nobody00"}, "speaker"),
        ({"series": "nobody-nobody-nobody00"}, "series"),
        ({"scope": "organisations"}, "organisations"),
        ({"cover": "nobody-nobody-nobody00"}, "cover"),
        ({"title": "  "}, "title"),
    ],
)
async def test_a_plan_that_cannot_be_names_the_field(house: House, change: dict[str, Any], field: str) -> None:
    spec = await house.client("spec")
    reply = await spec.post("/api/lectures", json={"title": "T", **change})
    assert reply.status == 422 and [each["field"] for each in (await reply.json())["errors"]] == [field]


async def test_questions_are_voted_answered_and_hidden(house: House) -> None:
    lecture = await live(house)
    house.clock.forward(seconds=30)
    asked = {"text": "Which dose?", "client_id": "q1"}
    first = (await do(house, "gp", "POST", f"{lecture}/questions", asked))[1]["id"]
    assert (await do(house, "gp", "POST", f"{lecture}/questions", asked))[1]["id"] == first
    second = (await do(house, "gp2", "POST", f"{lecture}/questions", {"text": "And in pregnancy?", "client_id": "q"}))[
        1
    ]["id"]
    for _ in range(2):
        assert (await do(house, "gp", "PUT", f"{lecture}/questions/{second}/vote"))[0] == 204
    seen = (await do(house, "gp", "GET", f"{lecture}/floor"))[1]
    assert [(each["id"], each["votes"]) for each in seen["questions"]] == [(second, 1), (first, 0)]
    assert (seen["votes"], seen["questions"][1]["offset"]) == ([second], 30.0)
    assert (await do(house, "gp", "PATCH", f"{lecture}/questions/{first}", {"state": "hidden"}))[0] == 403
    house.clock.forward(seconds=60)
    answered = {"state": "answered", "reply": "See the guideline."}
    assert (await do(house, "spec", "PATCH", f"{lecture}/questions/{second}", answered))[0] == 204
    assert (await do(house, "spec", "PATCH", f"{lecture}/questions/{first}", {"state": "hidden"}))[0] == 204
    (left,) = (await do(house, "gp2", "GET", f"{lecture}/floor"))[1]["questions"]
    assert (left["state"], left["answered"], left["reply"]) == ("answered", 90.0, "See the guideline.")


async def test_a_quiz_shows_bars_and_the_right_answer_only_when_closed(house: House) -> None:
    lecture = await live(house)
    poll = {"text": "First line?", "options": ["A drug", "B drug", "Watch"], "correct": 2}
    quiz = (await do(house, "spec", "POST", f"{lecture}/polls", poll))[1]["id"]
    assert (await do(house, "gp", "GET", f"{lecture}/floor"))[1]["polls"] == []
    assert (await do(house, "gp", "PUT", f"{lecture}/polls/{quiz}/answer", {"option": 1}))[0] == 404
    assert (await do(house, "spec", "GET", f"{lecture}/floor"))[1]["drafts"][0]["correct"] == 2
    assert (await do(house, "spec", "PATCH", f"{lecture}/polls/{quiz}", {"state": "open"}))[0] == 204
    for who, option in (("gp", 1), ("gp", 2), ("gp2", 0)):
        assert (await do(house, who, "PUT", f"{lecture}/polls/{quiz}/answer", {"option": option}))[0] == 204
    assert (await do(house, "gp", "PUT", f"{lecture}/polls/{quiz}/answer", {"option": 3}))[0] == 422
    seen = (await do(house, "gp", "GET", f"{lecture}/floor"))[1]
    assert (seen["polls"][0]["counts"], seen["polls"][0]["correct"], seen["answers"]) == ([1, 0, 1], None, {quiz: 2})
    assert (await do(house, "spec", "PATCH", f"{lecture}/polls/{quiz}", {"state": "closed"}))[0] == 204
    assert (await do(house, "gp", "PUT", f"{lecture}/polls/{quiz}/answer", {"option": 0}))[0] == 409
    assert (await do(house, "gp", "GET", f"{lecture}/floor"))[1]["polls"][0]["correct"] == 2


async def test_what_is_asked_when_a_lecture_ends_is_closed_with_it(house: House) -> None:
    lecture = await live(house)
    quiz = {"text": "First line?", "options": ["A drug", "Watch"], "correct": 1}
    for _ in range(2):
        await do(house, "spec", "POST", f"{lecture}/polls", quiz)
    first, draft = (each["id"] for each in (await do(house, "spec", "GET", f"{lecture}/floor"))[1]["drafts"])
    assert (await do(house, "spec", "PATCH", f"{lecture}/polls/{first}", {"state": "open"}))[0] == 204
    house.clock.forward(seconds=40)
    assert (await do(house, "spec", "POST", f"{lecture}/end"))[0] == 200
    (asked,) = (await do(house, "gp", "GET", f"{lecture}/floor"))[1]["polls"]
    assert (asked["id"], asked["state"], asked["correct"], asked["closed"]) == (first, "closed", 1, 40.0)
    assert [each["id"] for each in (await do(house, "spec", "GET", f"{lecture}/floor"))[1]["drafts"]] == [draft]


async def test_a_hand_comes_onto_the_stage_by_invitation_and_consent(house: House) -> None:
    lecture = await live(house)
    gp = await house.person("gp")
    assert (await do(house, "gp", "POST", f"{lecture}/hand", {"do": "accept", **CONSENT}))[0] == 409
    assert (await do(house, "gp", "POST", f"{lecture}/hand", {"do": "raise"}))[1] == {"state": "raised"}
    assert (await do(house, "spec", "GET", f"{lecture}/floor"))[1]["hands"][0]["person"]["id"] == gp
    assert (await do(house, "gp2", "GET", f"{lecture}/floor"))[1]["hands"] == []
    assert (await do(house, "gp2", "POST", f"{lecture}/hands", {"person": gp, "do": "invite"}))[0] == 403
    assert (await do(house, "spec", "POST", f"{lecture}/hands", {"person": gp, "do": "invite"}))[1] == {
        "state": "invited"
    }
    status, refused = await do(house, "gp", "POST", f"{lecture}/hand", {"do": "accept"})
    assert status == 422 and refused["errors"][0]["field"] == "consent"
    assert (await do(house, "gp", "POST", f"{lecture}/hand", {"do": "accept", **CONSENT}))[1] == {"state": "on-stage"}
    assert (await do(house, "gp2", "GET", f"{lecture}/floor"))[1]["stage"][0]["person"]["id"] == gp
    house.clock.forward(seconds=5)
    assert (await do(house, "spec", "POST", f"{lecture}/hands", {"person": gp, "do": "dismiss"}))[1] == {
        "state": "declined"
    }
    marks = (await do(house, "gp2", "GET", f"{lecture}/floor"))[1]["timeline"]
    assert [(mark["kind"], mark["offset"]) for mark in marks] == [("stage-up", 0.0), ("stage-down", 5.0)]


async def test_chat_is_kept_once_and_taken_down(house: House) -> None:
    lecture = await live(house)
    said = {"text": "Good evening", "client_id": "c1"}
    line = (await do(house, "gp", "POST", f"{lecture}/chat", said))[1]
    assert (await do(house, "gp", "POST", f"{lecture}/chat", said))[1]["id"] == line["id"]
    assert [each["text"] for each in (await do(house, "gp2", "GET", f"{lecture}/floor"))[1]["chat"]] == ["Good evening"]
    assert (await do(house, "gp2", "DELETE", f"{lecture}/chat/{line['id']}"))[0] == 403
    assert (await do(house, "spec", "DELETE", f"{lecture}/chat/{line['id']}"))[0] == 204
    assert (await do(house, "gp2", "GET", f"{lecture}/floor"))[1]["chat"] == []
    await do(house, "spec", "POST", f"{lecture}/end")
    assert (await do(house, "gp", "POST", f"{lecture}/chat", {"text": "Late", "client_id": "c2"}))[0] == 409


async def test_the_hall_and_a_group_check_in_by_what_the_screen_shows(house: House) -> None:
    lecture = await live(house, place="Hall 1")
    hall = (await do(house, "spec", "GET", f"{lecture}/check-in-code"))[1]["code"]
    assert (await do(house, "gp", "POST", f"{lecture}/check-ins", {"code": hall}))[1] == {"how": "hall"}
    group = (await do(house, "gp", "GET", f"{lecture}/check-in-code"))[1]["code"]
    assert (await do(house, "gp2", "POST", f"{lecture}/check-ins", {"code": group}))[1] == {"how": "group"}
    assert (await do(house, "gp", "POST", f"{lecture}/check-ins", {"code": group}))[0] == 422
    house.clock.forward(minutes=3)
    status, old = await do(house, "learner", "POST", f"{lecture}/check-ins", {"code": hall})
    assert (status, old["code"]) == (422, "code-old")
    assert (await do(house, "gp", "GET", lecture))[1]["attended"] == ["hall"]


async def test_the_calendar_shows_what_its_owner_is_invited_to(house: House) -> None:
    start = house.clock.now + timedelta(days=2)
    times = {"starts_at": stamp(start), "ends_at": stamp(start + timedelta(hours=1))}
    open_to_all = await plan(house, **times)
    await plan(house, title="For specialists", roles=["specialist"], **times)
    gp, nobody = await house.client("gp"), await house.client()
    url = (await (await gp.get("/api/calendar-feed")).json())["url"]
    path = "/calendar/" + url.rpartition("/")[2]
    reply = await nobody.get(path)
    events = Calendar.from_ical(await reply.text()).walk("VEVENT")
    assert reply.content_type == "text/calendar" and [str(each["SUMMARY"]) for each in events] == [
        "Atrial fibrillation"
    ]
    assert events[0]["DTSTART"].dt == start.replace(microsecond=0)
    fresh = (await (await gp.post("/api/calendar-feed")).json())["url"]
    assert fresh != url and (await nobody.get(path)).status == 404
    one = await gp.get(f"/api/lectures/{open_to_all['id']}/calendar.ics")
    assert one.status == 200 and "BEGIN:VALARM" in await one.text()


async def test_a_reminder_comes_once_and_follows_a_change_of_time(house: House) -> None:
    start = house.clock.now + timedelta(hours=2)
    made = await plan(house, starts_at=stamp(start), ends_at=stamp(start + timedelta(hours=1)))
    assert (await do(house, "gp", "PUT", f"{made['id']}/reminder"))[0] == 204
    reminders = Reminders(None)  # type: ignore[arg-type] - it is turned by hand here

    async def told() -> int:
        await reminders.send_due(house.services)
        return sum(event == "lecture.reminder" for _, _, event, _ in house.live.told)

    assert await told() == 0
    house.clock.forward(hours=1, minutes=46)
    assert (await told(), await told()) == (1, 1)
    later = start + timedelta(hours=4)
    times = {"starts_at": stamp(later), "ends_at": stamp(later + timedelta(hours=1))}
    assert (await do(house, "spec", "PATCH", made["id"], times))[0] == 200
    house.clock.forward(hours=4)
    assert await told() == 2
    status, cancelled = await do(house, "spec", "POST", f"{made['id']}/cancel")
    assert (status, cancelled["status"]) == (200, "cancelled"), cancelled
    assert (await do(house, "gp2", "PUT", f"{made['id']}/reminder"))[0] == 409


async def test_a_cover_is_seen_by_the_invited_and_stays_when_drafts_are_swept(house: House) -> None:
    picture = BytesIO()
    Image.new("RGB", (64, 36), "teal").save(picture, "PNG")
    spec = await house.client("spec")
    file = (await (await spec.post("/api/files?name=c.png", data=picture.getvalue())).json())["id"]
    made = await plan(house, cover=file, roles=["specialist"])
    assert made["cover"] == file
    assert (await (await house.client("spec2")).get(f"/api/files/{file}")).status == 200
    assert (await (await house.client("gp")).get(f"/api/files/{file}")).status == 404
    assert (await spec.delete(f"/api/files/{file}")).status == 409


async def test_the_floor_is_told_in_the_readers_language(house: House) -> None:
    lecture = await live(house)
    await do(house, "gp", "POST", f"{lecture}/questions", {"text": "Dose?", "client_id": "q1"})
    english = await floor.public_floor(house.services, lecture, "en")
    chinese = await floor.public_floor(house.services, lecture, "zh-CN")
    assert english["questions"][0]["author"]["name"] != chinese["questions"][0]["author"]["name"]
    assert ("lecture", lecture, "floor", {}) in house.live.told
