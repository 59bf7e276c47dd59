"""WHIP into a room (RFC 9725): FFmpeg as the device, a real server, people who see it, a recording that has it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.device_call import device_call, devices, orange, pushing, watching
from tests.server import Server, running_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("whip")
    with running_server(folder / "data", TELE_RECORDING__SEGMENT_SECONDS="2") as server:
        yield server


async def test_a_device_is_seen_heard_recorded_and_replayed(server: Server) -> None:
    async with device_call(server.url) as call:
        made = await call.token(label="Ultrasound 2")
        assert made["url"] == f"{server.url}/whip/room/{call.room}"
        async with watching(call.gp, call.room) as seen:
            async with pushing(made["url"], made["token"], 8.0) as process:
                people = await call.people(lambda people: devices(people) and devices(people)[0]["connected"])
                (device,) = devices(people)
                assert (device["name"], device["id"]) == ("Ultrasound 2", made["id"])
                assert device["mic"] and device["camera"] and not device["screen"]
                await seen.until(lambda seen: len(seen.pictures) > 30 and len(seen.sounds) > 50, "picture or sound")
                assert orange(seen.pictures[-1])
                assert await asyncio.wait_for(process.wait(), 15) == 0  # it deleted its session and got 200
            await call.people(lambda people: not devices(people))
        await call.gp.ok("POST", f"/api/consultations/{call.case}/hang-up")
        await call.gp.hears("consultation", id=call.case, what="recording")
        (listed,) = (await call.gp.ok("GET", "/api/recordings?state=sealed"))["items"]
        tracks = {track["source"]: track for track in listed["tracks"]}
        assert tracks.keys() == {"microphone", "camera"}
        for track in tracks.values():
            assert track["participant"] == {"id": made["id"], "name": "Ultrasound 2", "role": "device"}
            assert track["duration"] > 5.0
        playlist = await call.gp.ok("GET", tracks["camera"]["playlist"])
        assert tracks["camera"]["name"] in playlist
        media = await call.gp.ok("GET", f"/media/{listed['id']}/{tracks['camera']['name']}/index.m3u8")
        assert re.search(r"seg-\d+\.m4s", media) and "#EXT-X-ENDLIST" in media
