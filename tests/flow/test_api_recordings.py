"""Recordings: listed for who may replay them, shown with tracks and chat, gone when withdrawn."""

from __future__ import annotations

from typing import Any

from tele.domain.seat import participant_id
from tele.services.encounters import Encounters
from tele.web.encounters import ENCOUNTERS
from tests.flow.house import House


async def recorded(house: House) -> tuple[str, str, str]:
    """A case with a call in progress: its id, room and recording."""
    case = (await house.ask())["id"]
    await house.accept(case, "spec")
    seen = await house.see("gp", case)
    return case, seen["encounter"]["room"], seen["recording"]["id"]


async def seal(house: House, room: str, recording: str) -> None:
    seats = {name: participant_id(room, await house.person(name)) for name in ("gp", "spec")}
    track = {"source": "camera", "kind": "video", "start": 0.5, "duration": 59.0}
    tracks: list[dict[str, Any]] = [
        {**track, "name": f"camera-{name}", "participant": seat, "practitioner": None, "gaps": []}
        for name, seat in seats.items()
    ]
    tracks[1]["gaps"] = [{"start": 20.0, "duration": 4.5}]
    await Encounters(house.services).sealed(recording, {"duration": 60.0, "tracks": tracks})


async def listed(house: House, who: str, query: str = "") -> list[dict[str, Any]]:
    reply = await (await house.client(who)).get(f"/api/recordings{query}")
    assert reply.status == 200
    items: list[dict[str, Any]] = (await reply.json())["items"]
    return items


async def test_live_then_sealed_with_its_tracks_and_chat(house: House) -> None:
    case, room, recording = await recorded(house)
    (live,) = await listed(house, "gp", "?state=live")
    assert (live["id"], live["state"], live["consultation"]) == (recording, "live", case)
    assert await listed(house, "gp", "?state=sealed") == []
    house.clock.forward(seconds=30)
    spec = await house.client("spec")
    await spec.post(f"/api/consultations/{case}/messages", json={"text": "Breathe in"})
    house.clock.forward(seconds=30)
    await spec.post(f"/api/consultations/{case}/hang-up")
    await seal(house, room, recording)
    (sealed,) = await listed(house, "spec", "?state=sealed")
    assert (sealed["state"], sealed["duration"]) == ("sealed", 60.0)
    shown = await (await house.client("gp")).get(f"/api/recordings/{recording}")
    replay = await shown.json()
    assert [(line["text"], line["offset"]) for line in replay["messages"]] == [("Breathe in", 30.0)]
    assert {(each["participant"]["name"], each["participant"]["role"]) for each in replay["tracks"]} == {
        ("Dr Li Na", "gp"), ("Dr Zhang Wei", "specialist")
    }  # fmt: skip
    gp_seat = participant_id(room, await house.person("gp"))
    assert f"/media/{recording}/p/{gp_seat}.m3u8" in {each["playlist"] for each in replay["tracks"]}
    assert [(gap["start"], gap["duration"]) for gap in replay["gaps"]] == [(20.0, 4.5)]
    assert ("read", await house.person("gp")) in await house.audited(recording)


async def test_only_participants_and_whom_they_name_replay(house: House) -> None:
    case, _, recording = await recorded(house)
    for outsider in ("gp2", "spec2", "learner"):
        assert await listed(house, outsider) == []
        assert (await (await house.client(outsider)).get(f"/api/recordings/{recording}")).status == 404
    for outsider in ("admin", "coord", "auditor"):
        assert (await (await house.client(outsider)).get(f"/api/recordings/{recording}")).status == 404
    gp = await house.client("gp")
    await gp.post(f"/api/consultations/{case}/viewers", json={"practitioner": await house.person("learner")})
    assert [each["id"] for each in await listed(house, "learner")] == [recording]


async def test_a_withdrawn_recording_is_gone_for_everybody(house: House) -> None:
    case, _, recording = await recorded(house)
    gp, spec = await house.client("gp"), await house.client("spec")
    refused = await spec.post(f"/api/consultations/{case}/recording", json={"action": "withdraw"})
    assert refused.status in (403, 404)
    stopped = await (await gp.post(f"/api/consultations/{case}/recording", json={"action": "stop"})).json()
    assert stopped["recording"]["state"] == "paused" and "resume-recording" in stopped["may"]
    withdrawn = await (await gp.post(f"/api/consultations/{case}/recording", json={"action": "withdraw"})).json()
    assert withdrawn["recording"]["state"] == "withdrawn" and not withdrawn["recording"]["consented"]
    assert [each["withdrawn_at"] is not None for each in withdrawn["consents"]] == [False, True]
    for who in ("gp", "spec"):
        assert await listed(house, who) == []
        assert (await (await house.client(who)).get(f"/api/recordings/{recording}")).status == 404
    again = await gp.post(f"/api/consultations/{case}/recording", json={"action": "resume"})
    assert again.status == 409


async def test_a_withdrawal_is_audited_and_covers_the_call_before_a_hand_over(house: House) -> None:
    case, room, first = await recorded(house)
    spec = await house.client("spec")
    await spec.post(f"/api/consultations/{case}/hang-up")
    assert (await spec.post(f"/api/consultations/{case}/hand-over", json={})).status == 204
    await seal(house, room, first)
    (kept,) = await listed(house, "gp")
    assert {track["participant"]["name"] for track in kept["tracks"]} == {"Dr Li Na", "Dr Zhang Wei"}
    await house.accept(case, "spec2")
    second = (await house.see("gp", case))["recording"]["id"]
    assert {each["id"] for each in await listed(house, "gp")} == {first, second}
    gp = await house.client("gp")
    assert (await gp.post(f"/api/consultations/{case}/recording", json={"action": "withdraw"})).status == 200
    assert await listed(house, "gp") == []
    for recording in (first, second):
        assert (await gp.get(f"/api/recordings/{recording}")).status == 404
        assert ("recording.withdraw", await house.person("gp")) in await house.audited(recording)
    audited = [entry for entry in await house.audited(case) if entry[0] == "consent.withdraw"]
    assert audited == [("consent.withdraw", await house.person("gp"))]


async def test_what_is_committed_stands_though_the_room_cannot_be_told(house: House) -> None:
    class Deaf:
        async def close(self, *_: object) -> None:
            raise ConnectionError

        async def record(self, *_: object) -> None:
            raise ConnectionError

    case, _, _ = await recorded(house)
    free: list[str] = []

    class Free:
        async def encounter_ended(self, practitioner_id: str) -> None:
            free.append(practitioner_id)

    house.app[ENCOUNTERS].connect(Deaf(), Free())
    gp = await house.client("gp")
    assert (await gp.post(f"/api/consultations/{case}/recording", json={"action": "stop"})).status == 200
    assert (await gp.post(f"/api/consultations/{case}/hang-up")).status == 200
    assert free == [await house.person("spec")]
    told = [payload["what"] for _, _, event, payload in house.live.told if event == "consultation"]
    assert told[-2:] == ["recording", "ended"]


async def test_without_consent_nothing_is_recorded(house: House) -> None:
    consents = [each for each in house.question()["consents"] if each["kind"] == "teleconsultation"]
    case = (await house.ask(consents=consents))["id"]
    await house.accept(case, "spec")
    assert (await house.see("gp", case))["recording"] is None and await listed(house, "gp") == []
