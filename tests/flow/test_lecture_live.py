"""A lecture in a whole server, by REST and sockets: it goes live, the hall takes part, somebody is brought on stage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.people import Caller, caller
from tests.server import running_server

CONSENT = {"consent": "2026-1"}


async def join(who: Caller, lecture: str) -> dict[str, Any]:
    return await who.send("room.join", {"room": lecture, "codecs": ["H264", "VP9"]})


async def test_a_lecture_from_going_live_to_its_end(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        async with caller(server.url, "spec") as spec, caller(server.url, "gp") as gp, caller(server.url, "gp2") as gp2:
            made = await spec.ok("POST", "/api/lectures", {"title": "Atrial fibrillation"})
            lecture = made["id"]
            assert (await join(spec, lecture))["error"]["code"] == "room-ended"
            assert (await gp.send("lecture.watch", {"lecture": lecture}))["watching"] == 1
            await spec.ok("POST", f"/api/lectures/{lecture}/go-live", CONSENT)
            await gp.hears("lecture", id=lecture, what="live")
            seated = await join(spec, lecture)
            assert (seated["lecture"], seated["consultation"], seated["people"][0]["role"]) == (
                lecture,
                None,
                "presenter",
            )
            assert (await join(gp, lecture))["error"]["code"] == "not-found"
            assert (await gp2.send("lecture.watch", {"lecture": lecture}))["watching"] == 2

            await gp.ok("POST", f"/api/lectures/{lecture}/questions", {"text": "Which dose?", "client_id": "q1"})
            floor = await gp2.hears("lecture.floor", lecture=lecture)
            assert [each["text"] for each in floor["questions"]] == ["Which dose?"]

            await spec.send("lecture.watch", {"lecture": lecture})
            await gp.ok("POST", f"/api/lectures/{lecture}/hand", {"do": "raise"})
            await spec.hears("lecture.hands", lecture=lecture)
            invite = {"person": gp.me["id"], "do": "invite"}
            await spec.ok("POST", f"/api/lectures/{lecture}/hands", invite)
            await gp.hears("lecture.hand", lecture=lecture, state="invited")
            await gp.ok("POST", f"/api/lectures/{lecture}/hand", {"do": "accept", **CONSENT})
            assert (await join(gp, lecture))["people"][1]["role"] == "guest"
            await spec.ok("POST", f"/api/lectures/{lecture}/hands", {**invite, "do": "dismiss"})
            await gp.hears("lecture.hand", state="declined")
            assert (await join(gp, lecture))["error"]["code"] == "not-found"

            over = await spec.ok("POST", f"/api/lectures/{lecture}/end")
            await gp2.hears("lecture", id=lecture, what="ended")
            await spec.hears("room.ended", room=lecture, lecture=lecture, reason="ended")
            sealed = await gp2.hears("lecture", id=lecture, what="recording")
            assert sealed["version"] > over["version"]
            (recording,) = (await gp2.ok("GET", "/api/recordings"))["items"]
            assert (recording["lecture"], recording["state"]) == (lecture, "sealed")
