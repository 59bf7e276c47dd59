"""What a call leaves behind when something ends it: a killed server, a closed account, a sign-out on another node."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests import peers
from tests.flow.test_console import tele
from tests.media_client import MediaClient
from tests.people import Caller, caller
from tests.server import Server, running_server
from tests.unit.recorder.synthetic import Voice, rtp

MICROPHONE = 0x0A000000


async def accepted(gp: Caller, specialist: Caller) -> tuple[str, str]:
    """A call that has just begun: its case and room."""
    await specialist.ok("PUT", "/api/on-call", {"on": True})
    made = await gp.ask()
    await specialist.hears("ring", consultation=made["id"])
    await specialist.ok("POST", f"/api/consultations/{made['id']}/accept")
    room = (await gp.ok("GET", f"/api/consultations/{made['id']}"))["encounter"]["room"]
    return made["id"], room


@asynccontextmanager
async def speaking(person: Caller, room: str) -> AsyncIterator[MediaClient]:
    """Somebody in the room whose microphone is connected."""
    joined = await person.send("room.join", {"room": room, "codecs": ["H264"]})
    assert joined["ok"], joined
    client = MediaClient()
    offer = client.offer(("audio", "opus", MICROPHONE))
    publish = {"room": room, "session": "p_12345678", "sdp": offer, "sources": {"0": "microphone"}}
    answer = await person.send("media.publish", publish)
    assert answer["ok"], answer
    await client.connect(answer["sdp"])
    try:
        yield client
    finally:
        await client.close()


async def is_alone(person: Caller) -> None:
    """Wait until somebody is told that nobody else has a seat."""
    async with asyncio.timeout(5):
        while True:
            told = [payload["people"] for event, payload in person.events if event == "room.people"]
            if told and [each["id"] for each in told[-1]] == [person.me["id"]]:
                return
            await asyncio.sleep(0.02)


async def talk(client: MediaClient, seconds: float) -> None:
    """A tone, as fast as a microphone has it."""
    voice, loop = Voice(), asyncio.get_running_loop()
    begun = loop.time()
    for number in range(round(seconds * 50)):
        client.send_secured(rtp(number, number * 960, MICROPHONE, voice.encode(loud=True), kind=111))
        await asyncio.sleep(max(0.0, begun + (number + 1) * 0.02 - loop.time()))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with running_server(tmp_path / "data", TELE_RECORDING__SEGMENT_SECONDS="2") as server:
        yield server


async def test_what_was_recorded_before_a_kill_of_everything_is_listed_and_plays_before_it_is_sealed(
    server: Server,
) -> None:
    async with caller(server.url, "gp") as gp, caller(server.url, "spec") as specialist:
        begun = time.monotonic()
        case, room = await accepted(gp, specialist)
        async with speaking(gp, room) as client:
            await talk(client, 3.0)
            (live,) = (await gp.ok("GET", "/api/recordings?state=live"))["items"]
            server.kill_all()
            lasted = time.monotonic() - begun
        assert [track["source"] for track in live["tracks"]] == ["microphone"]  # while it runs as well
        server.start()
        (listed,) = (await gp.ok("GET", "/api/recordings"))["items"]
        assert (listed["state"], listed["consultation"], listed["id"]) == ("live", case, live["id"])
        (track,) = listed["tracks"]
        assert (track["participant"]["id"], track["participant"]["role"]) == (gp.me["id"], "gp")
        assert (track["source"], track["kind"]) == ("microphone", "audio")
        assert 2.0 <= track["duration"] <= listed["duration"] <= lasted  # not the time that passed since
        shown = await specialist.ok("GET", f"/api/recordings/{listed['id']}")
        assert shown["tracks"] == listed["tracks"] and isinstance(shown["gaps"], list)
        media = f"/media/{listed['id']}"
        assert track["name"] in await gp.ok("GET", f"{media}/index.m3u8")
        playlist = await gp.ok("GET", f"{media}/{track['name']}/index.m3u8")
        segment = re.search(r"^(?:.*/)?(seg-\d+\.m4s)$", playlist, re.MULTILINE)
        assert segment is not None, playlist
        async with gp.http.get(f"{server.url}{media}/{track['name']}/{segment[1]}") as answer:
            assert answer.status == 200 and len(await answer.read()) > 1000


async def test_a_closed_account_loses_its_media_though_its_socket_is_gone_already(server: Server) -> None:
    async with caller(server.url, "gp") as gp, caller(server.url, "spec") as specialist:
        _, room = await accepted(gp, specialist)
        await specialist.send("room.join", {"room": room, "codecs": ["H264"]})
        async with speaking(gp, room) as client:
            await gp.sio.disconnect()  # the seat would be kept for two minutes, and media with it
            closed = await asyncio.to_thread(tele, server.data_dir, "admin", "disable", "gp")
            assert closed.returncode == 0, closed.stderr
            async with asyncio.timeout(5):
                await client.said_goodbye.wait()
        await is_alone(specialist)


async def test_signing_out_on_one_node_ends_media_on_the_other(tmp_path: Path) -> None:
    with peers.redis_server(tmp_path) as redis:
        shared = {
            "TELE_REDIS__URL": redis,
            "TELE_DATABASE__URL": f"sqlite+aiosqlite:///{tmp_path / 'shared.sqlite3'}",
            "TELE_MEDIA__WORKERS": "0",
        }
        with (
            running_server(tmp_path / "data", TELE_NODE="a", **shared) as first,
            running_server(tmp_path / "data", TELE_NODE="b", **shared) as second,
        ):
            async with caller(first.url, "gp") as gp, caller(second.url, "spec") as specialist:
                _, room = await accepted(gp, specialist)
                await gp.send("room.join", {"room": room, "codecs": ["H264"]})  # the call lives on the first
                async with speaking(specialist, room) as client, caller(second.url, "spec") as elsewhere:
                    await elsewhere.call("DELETE", "/api/session?everywhere=1")
                    async with asyncio.timeout(5):
                        await client.said_goodbye.wait()
                await is_alone(gp)
