"""Live over HTTP: many viewers wait for one part, and what they get is what is on disk."""

from __future__ import annotations

import asyncio
import gc
import gzip
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web

from recorder import views
from recorder.broadcast import Broadcast
from recorder.directives import Directives
from recorder.library import Library
from recorder.recorder import Recorder
from recorder.settings import RecorderSettings
from recorder.vault import PlainVault
from tests.unit.recorder.hls_rules import check, check_renditions, parse
from tests.unit.recorder.synthetic import Publisher, World

HOST = "host-0000001"
CAMERA = f"cam-{HOST}"


@dataclass
class OnAir:
    """A lecture in virtual time, served over HTTP."""

    world: World
    recorder: Recorder
    address: str
    client: ClientSession
    served: views.Views

    @property
    def broadcast(self) -> Broadcast:
        return self.served.broadcast

    async def run(self, seconds: float) -> None:
        self.world.run(self.world.now + seconds, self.recorder.tick)
        await self.recorder._start_writer().drained("lecture")

    def url(self, path: str) -> str:
        return f"{self.address}/media/lecture/{path}"

    async def get(self, path: str) -> tuple[int, bytes]:
        async with self.client.get(self.url(path)) as answer:
            return answer.status, await answer.read()

    async def text(self, path: str) -> str:
        status, body = await self.get(path)
        assert status == 200, (path, status)
        return body.decode()

    async def waiting(self, count: int) -> None:
        """Until so many different parts are waited for."""
        async with asyncio.timeout(10):
            while sum(len(channel.waiting) for channel in self.broadcast._channels.values()) != count:
                await asyncio.sleep(0.005)


@pytest.fixture
async def on_air(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[OnAir]:
    """It has run for five seconds, or as many as a test asks for."""
    world = World()
    settings = RecorderSettings(min_free=0, resume_free=0)
    recorder = Recorder(
        tmp_path, world.feed, lambda _: None, vault=PlainVault(), clock=lambda: world.now, settings=settings
    )
    world.microphone(Publisher(HOST, "microphone", "opus"), world.now, world.now + 60)
    world.camera(Publisher(HOST, "camera", "H264"), world.now, world.now + 60)
    await recorder.start("lecture", "room", {"low_latency": True})

    async def allow(request: web.Request, recording: str) -> None:
        return

    served = views.Views(Library(tmp_path, PlainVault()), allow, shares=lambda *_: True)
    app = web.Application()
    app.add_routes(served.routes())
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with ClientSession(auto_decompress=False, headers={"Accept-Encoding": "identity"}) as client:
        made = OnAir(world, recorder, f"http://127.0.0.1:{runner.addresses[0][1]}", client, served)
        await made.run(getattr(request, "param", 5.0))
        yield made
    await served.close()
    await runner.cleanup()
    await recorder.stop()


async def test_a_player_follows_by_blocking_reloads_and_finds_every_part(on_air: OnAir) -> None:
    index = await on_air.text("index.m3u8")
    assert f"{CAMERA}/index.m3u8" in index
    found = check(await on_air.text(f"{CAMERA}/index.m3u8"), video=True)
    parts: dict[str, bytes] = {}
    for _ in range(20):
        msn, part = found.end
        reload = asyncio.create_task(
            on_air.text(f"{CAMERA}/index.m3u8?_HLS_msn={msn}&_HLS_part={part + 1}&_HLS_skip=YES")
        )
        await asyncio.sleep(0)
        await on_air.run(0.4)
        found = check(await asyncio.wait_for(reload, 5), video=True)
        assert found.end > (msn, part)
        for each in found.parts:
            if each.uri not in parts:
                status, parts[each.uri] = await on_air.get(f"{CAMERA}/{each.uri}")
                assert status == 200 and parts[each.uri][4:8] == b"moof"
    for number, segment in enumerate(found.segments):
        status, body = await on_air.get(f"{CAMERA}/{segment.uri}")
        assert status == 200
        if segment.parts:
            assert body == b"".join(parts[part.uri] for part in segment.parts if not part.gap), number


at_the_beginning = pytest.mark.parametrize("on_air", [0.7], indirect=True)


@at_the_beginning
async def test_who_comes_at_the_beginning_is_answered_with_the_first_whole_segment(on_air: OnAir) -> None:
    assert CAMERA in await on_air.text("index.m3u8")
    early = [asyncio.create_task(on_air.text(f"{name}/index.m3u8")) for name in (CAMERA, f"audio-{HOST}")]
    await on_air.waiting(2)
    await on_air.run(1.0)
    for text in await asyncio.wait_for(asyncio.gather(*early), 5):
        (first,) = parse(text).segments
        assert 0.5 < first.duration < 1.5


@at_the_beginning
async def test_who_comes_at_the_beginning_is_not_held_for_ever(on_air: OnAir, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recorder.broadcast.BEGINNING", 0.05)
    found = parse(await asyncio.wait_for(on_air.text(f"{CAMERA}/index.m3u8"), 5))
    assert found.parts and not found.segments


async def test_all_who_wait_for_a_part_get_the_same_bytes_once_made(on_air: OnAir) -> None:
    found = check(await on_air.text(f"{CAMERA}/index.m3u8"), video=True)
    msn, part = found.end
    path = f"{CAMERA}/index.m3u8?_HLS_msn={msn}&_HLS_part={part + 1}"
    tasks = [asyncio.create_task(on_air.get(path)) for _ in range(40)]
    hinted = asyncio.create_task(on_air.get(f"{CAMERA}/{found.hint}"))
    await on_air.waiting(1)
    tasks[0].cancel()
    await on_air.run(0.4)
    answers = await asyncio.wait_for(asyncio.gather(*tasks[1:]), 10)
    assert {status for status, _ in answers} == {200}
    assert len({body for _, body in answers}) == 1
    status, body = await asyncio.wait_for(hinted, 5)
    assert status == 200 and body[4:8] == b"moof"
    assert found.hint in answers[0][1].decode()


async def test_the_end_is_the_replay_at_the_same_address(on_air: OnAir) -> None:
    tracks = (CAMERA, f"audio-{HOST}")
    live = {name: check(await on_air.text(f"{name}/index.m3u8"), video=name == CAMERA) for name in tracks}
    check_renditions(live)
    msn, _ = live[CAMERA].end
    reload = asyncio.create_task(on_air.text(f"{CAMERA}/index.m3u8?_HLS_msn={msn + 1}"))
    await on_air.waiting(1)
    await on_air.recorder.seal("lecture")
    ended = check(await asyncio.wait_for(reload, 5), video=True)
    assert ended.ended and ended.segments[: len(live[CAMERA].segments)] != []
    again = await on_air.text(f"{CAMERA}/index.m3u8?_HLS_msn=900&_HLS_part=3&_HLS_skip=YES")
    assert parse(again) == ended
    for segment in ended.segments:
        assert (await on_air.get(f"{CAMERA}/{segment.uri}"))[0] == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{CAMERA}/index.m3u8?_HLS_part=1", 400),
        (f"{CAMERA}/index.m3u8?_HLS_msn=nine", 400),
        (f"{CAMERA}/index.m3u8?_HLS_msn=400", 400),
        (f"{CAMERA}/index.m3u8?_HLS_msn=3&_HLS_part=99", 400),
        (f"{CAMERA}/part-000900.m4s", 404),
        (f"{CAMERA}/gap-000000.m4s", 404),
        ("cam-nobody-0000/index.m3u8?_HLS_msn=1", 404),
        (f"{CAMERA}/init-0.mp4", 200),
        (f"{CAMERA}/seg-000000.m4s", 200),
    ],
)
async def test_what_is_not_there_is_refused_at_once(on_air: OnAir, path: str, status: int) -> None:
    async with asyncio.timeout(5):
        assert (await on_air.get(path))[0] == status


async def test_playlists_are_compressed_and_say_who_may_keep_them(on_air: OnAir) -> None:
    path = on_air.url(f"{CAMERA}/index.m3u8")
    async with on_air.client.get(path, headers={"Accept-Encoding": "gzip"}) as answer:
        packed = await answer.read()
        assert (answer.headers["Content-Encoding"], answer.headers["Vary"]) == ("gzip", "Accept-Encoding")
        assert answer.headers["Cache-Control"] == "private, no-cache"
        assert answer.headers["X-Accel-Expires"] == "1"
    async with on_air.client.get(path) as answer:
        assert gzip.decompress(packed) == await answer.read()
    async with on_air.client.get(path + "?_HLS_msn=0") as answer:
        assert answer.headers["X-Accel-Expires"] == "36"


async def test_who_waits_too_long_is_told_to_come_again(on_air: OnAir) -> None:
    await on_air.get(f"{CAMERA}/index.m3u8")
    (channel,) = on_air.broadcast._channels.values()
    channel.hold = 0.05
    status, _ = await on_air.get(f"{CAMERA}/index.m3u8?_HLS_msn=4")
    assert status == 503 and on_air.broadcast.overdue == 1
    await on_air.waiting(0)


async def test_a_server_that_ends_lets_go_of_whoever_waits(on_air: OnAir) -> None:
    found = check(await on_air.text(f"{CAMERA}/index.m3u8"), video=True)
    reload = asyncio.create_task(on_air.get(f"{CAMERA}/index.m3u8?_HLS_msn={found.end[0] + 1}"))
    await on_air.waiting(1)
    await on_air.served.close()
    assert (await asyncio.wait_for(reload, 5))[0] == 503


async def test_that_nobody_is_left_who_waits_is_no_error(on_air: OnAir) -> None:
    told: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: told.append(context))
    found = check(await on_air.text(f"{CAMERA}/index.m3u8"), video=True)
    asked = Directives(found.end[0] + 1)
    waiting = asyncio.create_task(on_air.broadcast.playlist("lecture", CAMERA, asked))
    await on_air.waiting(1)
    waiting.cancel()
    await asyncio.wait([waiting])
    following = on_air.broadcast._thread
    assert following is not None
    await on_air.served.close()
    await asyncio.to_thread(following.join)
    del waiting, following
    gc.collect()
    assert told == []
