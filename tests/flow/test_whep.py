"""WHEP out of a room: aiortc as the player, FFmpeg as what there is to see, and what changes while it plays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.device_call import device_call, devices, orange, playing, pushing
from tests.server import Server, running_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("whep")
    with running_server(folder / "data", TELE_RECORDING__SEGMENT_SECONDS="2") as server:
        yield server


async def test_a_player_sees_and_hears_what_a_device_sends_and_the_next_one_in_its_place(server: Server) -> None:
    async with device_call(server.url) as call:
        first, second = await call.token(label="Ultrasound"), await call.token(label="Camera arm")
        made = await call.token("play", "Screen on the wall")
        async with pushing(first["url"], first["token"]):
            async with playing(made) as (seen, _):
                await seen.until(lambda seen: len(seen.pictures) > 25 and len(seen.sounds) > 50, "picture or sound")
                assert orange(seen.pictures[-1])
                people = await call.people(lambda people: len(devices(people)) == 2)
                (wall,) = (each for each in people if each["name"] == "Screen on the wall")
                assert not wall["camera"] and not wall["mic"]
                async with pushing(second["url"], second["token"]):
                    gone = f"/api/consultations/{call.case}/ingest-tokens/{first['id']}"
                    await call.gp.ok("DELETE", gone)
                    await call.people(
                        lambda people: (
                            {each["name"] for each in devices(people)} == {"Screen on the wall", "Camera arm"}
                        )
                    )
                    pictures, sounds = len(seen.pictures), len(seen.sounds)
                    await seen.until(lambda seen: len(seen.pictures) > pictures + 50, "picture of the next one")
                    await seen.until(lambda seen: len(seen.sounds) > sounds + 50, "sound of the next one")
                    assert orange(seen.pictures[-1])
            await call.people(lambda people: {each["name"] for each in devices(people)} <= {"Camera arm"})
