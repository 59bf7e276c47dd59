"""Leave to fetch media: what the rows say for each person, audited once, and gone within a second while it is live."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from tele.domain.refusals import Unknown
from tele.services import viewing
from tele.services.leave import Granted, Key
from tele.services.recordings import find_recording
from tele.services.sign_in import hash_token, resume
from tele.web.sessions import EDGE
from tests.flow.house import PASSWORD, House
from tests.people import Caller, caller
from tests.server import Server, running_server

EVERYBODY = ("gp", "gp2", "spec", "spec2", "derm", "learner", "coord", "admin", "auditor")
PROMISE = 1.0


async def test_many_looked_at_together_get_what_each_would_alone(house: House) -> None:
    case = (await house.ask())["id"]
    await house.accept(case, "spec")
    recordings = [(await house.see("gp", case))["recording"]["id"], "none"]
    gp, spec = await house.client("gp"), await house.client("spec")
    await gp.post(f"/api/consultations/{case}/viewers", json={"practitioner": await house.person("learner")})
    for plan in ({"title": "For GPs", "roles": ["gp"]}, {"title": "For all"}):
        lecture = (await (await spec.post("/api/lectures", json=plan)).json())["id"]
        assert (await spec.post(f"/api/lectures/{lecture}/go-live", json={"consent": "2026-1"})).status == 200
        recordings.append((await (await spec.get("/api/recordings")).json())["items"][0]["id"])
        house.clock.forward(seconds=1)
    tokens = {}
    for name in EVERYBODY:
        reply = await (await house.client()).post("/api/session", json={"username": name, "password": PASSWORD})
        tokens[name] = reply.cookies[house.app[EDGE].cookie].value
    keys: dict[tuple[str, str], Key] = {
        (name, recording): (hash_token(token), recording) for name, token in tokens.items() for recording in recordings
    }
    answers = await viewing.look(house.services, keys.values(), keys.values())
    may = 0
    for (name, recording), key in keys.items():
        actor = await resume(house.services, tokens[name])
        assert actor is not None
        async with house.services.database.reading() as tx:
            try:
                await find_recording(tx, actor, recording)
                alone = True
            except Unknown:
                alone = False
        answer = answers[key]
        assert isinstance(answer, Granted) == alone, (name, recording)
        if isinstance(answer, Granted):  # what is of a patient is in nobody's cache
            assert answer.shared == (recording != recordings[0])
        read = ("replay", actor.id) in await house.audited(recording)
        assert read == alone
        may += alone
    assert may > len(EVERYBODY)  # all of them the last, some the others
    await viewing.look(house.services, keys.values(), keys.values())
    trail = await house.audited(recordings[-1])
    assert len([entry for entry in trail if entry[0] == "replay"]) == len(EVERYBODY)
    stranger = (hash_token("no such token"), recordings[-1])
    assert (await viewing.look(house.services, [stranger], [stranger]))[stranger] is None


async def test_who_watches_is_there_and_who_expired_is_not(house: House) -> None:
    spec = await house.client("spec")
    lecture = (await (await spec.post("/api/lectures", json={"title": "Long"})).json())["id"]
    await spec.post(f"/api/lectures/{lecture}/go-live", json={"consent": "2026-1"})
    recording = (await (await spec.get("/api/recordings")).json())["items"][0]["id"]
    reply = await (await house.client()).post("/api/session", json={"username": "gp", "password": PASSWORD})
    key = (hash_token(reply.cookies[house.app[EDGE].cookie].value), recording)
    for _ in range(8):  # longer than the longest idle session
        house.clock.forward(seconds=house.services.limits.session_idle.total_seconds() / 4)
        found = (await viewing.look(house.services, [key], []))[key]
        assert isinstance(found, Granted) and found.lasts > 0
    house.clock.forward(seconds=house.services.limits.session_idle.total_seconds() + 1)
    assert (await viewing.look(house.services, [key], []))[key] is None


async def on_air(server: Server, spec: Caller) -> tuple[str, str]:
    """A lecture and its recording, whose playlist is there."""
    lecture = (await spec.ok("POST", "/api/lectures", {"title": "Live"}))["id"]
    await spec.ok("POST", f"/api/lectures/{lecture}/go-live", {"consent": "2026-1"})
    await spec.send("room.join", {"room": lecture, "codecs": ["H264", "VP9"]})
    recording = (await spec.ok("GET", "/api/recordings"))["items"][0]["id"]
    async with asyncio.timeout(15):
        while (await spec.call("GET", f"/media/{recording}/index.m3u8"))[0] != 200:
            await asyncio.sleep(0.1)
    return lecture, recording


async def shut_out(who: Caller, recording: str, revoke: Callable[[], Awaitable[object]]) -> tuple[float, int]:
    """Keep asking for the playlist, take leave away, and tell how long it still came and what came instead."""
    address = f"/media/{recording}/index.m3u8"
    until = time.monotonic() + 1.5
    while time.monotonic() < until:  # well into a viewing that is renewed again and again
        assert (await who.call("GET", address))[0] == 200
        await asyncio.sleep(0.05)
    await revoke()
    revoked = last = time.monotonic()
    while time.monotonic() < revoked + 3:
        asked = time.monotonic()
        status, _ = await who.call("GET", address)
        if status != 200:
            return last - revoked, status
        last = asked
        await asyncio.sleep(0.01)
    raise AssertionError("still let in after 3 s")


async def test_leave_ends_within_a_second_while_it_is_live(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        database = tmp_path / "tele.sqlite3"
        assert database.exists(), sorted(each.name for each in tmp_path.iterdir())

        async def behind_its_back(statement: str, *values: object) -> None:
            """As another node, or the console, would: nobody tells this one."""
            with closing(sqlite3.connect(database, timeout=10)) as connection, connection:
                assert connection.execute(statement, values).rowcount == 1

        async with caller(server.url, "spec") as spec:
            lecture, recording = await on_air(server, spec)
            async with caller(server.url, "gp", page=False) as gp:

                async def others_only() -> None:
                    await spec.ok("PATCH", f"/api/lectures/{lecture}", {"roles": ["specialist"]})

                async def others_only_unheard() -> None:
                    await behind_its_back("UPDATE lecture SET roles = '[\"learner\"]' WHERE id = ?", lecture)

                async def signed_out_unheard() -> None:
                    now = datetime.now(UTC).replace(tzinfo=None).isoformat(sep=" ")
                    await behind_its_back("UPDATE session SET revoked_at = ? WHERE practitioner = ?", now, gp.me["id"])

                assert (await shut_out(gp, recording, others_only))[1] == 404
                await spec.ok("PATCH", f"/api/lectures/{lecture}", {"roles": []})
                took, status = await shut_out(gp, recording, others_only_unheard)
                assert (status, took <= PROMISE) == (404, True), took
                await spec.ok("PATCH", f"/api/lectures/{lecture}", {"roles": []})
                took, status = await shut_out(gp, recording, signed_out_unheard)
                assert (status, took <= PROMISE) == (401, True), took
            async with caller(server.url, "gp2", page=False) as gp2, caller(server.url, "gp2", page=False) as same:
                took, status = await shut_out(gp2, recording, lambda: same.ok("DELETE", "/api/session?everywhere=1"))
                assert (status, took <= PROMISE) == (401, True), took
            assert (await spec.call("GET", f"/media/{recording}/index.m3u8"))[0] == 200
