"""AAC over HTTP while a lecture is live: followed as Opus is, made once for all who ask, and there after the end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from aiohttp import ClientSession, web

from recorder import aac_live, transcoder
from recorder.aac import make as make_rest
from recorder.aac_format import FRAME, aac_name
from recorder.aac_live import Order
from recorder.boxes import walk
from recorder.fmp4 import scan
from recorder.library import Library
from recorder.recorder import Recorder
from recorder.settings import RecorderSettings
from recorder.vault import PlainVault
from recorder.views import Views
from tests.unit.recorder.hls_rules import Playlist, attributes, check, check_change, check_renditions
from tests.unit.recorder.synthetic import Publisher, World
from tests.unit.recorder.test_broadcast import OnAir

HOST = "host-0000001"
OPUS = f"audio-{HOST}"
AAC = aac_name(OPUS)
CAMERA = f"cam-{HOST}"
PLAYLIST = f"{AAC}/index.m3u8"


async def serve(root: Path, *, aac: bool) -> AsyncIterator[OnAir]:
    world = World()
    settings = RecorderSettings(min_free=0, resume_free=0)
    recorder = Recorder(
        root, world.feed, lambda _: None, vault=PlainVault(), clock=lambda: world.now, settings=settings
    )
    world.microphone(Publisher(HOST, "microphone", "opus"), world.now, world.now + 60)
    world.camera(Publisher(HOST, "camera", "H264"), world.now, world.now + 60)
    await recorder.start("lecture", "room", {"low_latency": True, "host": HOST})

    async def authorise(request: web.Request, recording: str) -> None:
        if request.headers.get("X-Who") == "stranger":
            raise web.HTTPNotFound

    served = Views(Library(root, PlainVault(), aac=aac), authorise)
    app = web.Application()
    app.add_routes(served.routes())
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with ClientSession(auto_decompress=False, headers={"Accept-Encoding": "identity"}) as client:
        made = OnAir(world, recorder, f"http://127.0.0.1:{runner.addresses[0][1]}", client, served)
        await made.run(5.0)
        yield made
    await served.close()
    await runner.cleanup()
    await recorder.stop()


@pytest.fixture
async def on_air(tmp_path: Path) -> AsyncIterator[OnAir]:
    async for made in serve(tmp_path, aac=True):
        yield made


async def playlist(on_air: OnAir, name: str = AAC, query: str = "") -> Playlist:
    return check(await on_air.text(f"{name}/index.m3u8{query}"), video=False, counted=name != AAC)


async def test_a_player_follows_by_blocking_reloads_and_finds_every_part(on_air: OnAir) -> None:
    found = await playlist(on_air)
    parts: dict[str, bytes] = {}
    at = 0
    for _ in range(15):
        msn, part = found.end
        reload = asyncio.create_task(playlist(on_air, query=f"?_HLS_msn={msn}&_HLS_part={part + 1}"))
        await asyncio.sleep(0)
        await on_air.run(0.4)
        before, found = found, await asyncio.wait_for(reload, 5)
        assert found.end > (msn, part)
        check_change(before, found)
        shown = on_air.broadcast._channels["lecture"].shown
        assert {AAC, OPUS, CAMERA} == shown.keys()
        check_renditions(
            {name: check(each.page.full(), video=name == CAMERA, counted=name != AAC) for name, each in shown.items()}
        )
        for each in found.parts:
            if each.uri in parts:
                continue
            status, data = await on_air.get(f"{AAC}/{each.uri}")
            told = scan(data)
            assert status == 200 and told is not None and told.start == at
            assert told.end - told.start == round(each.duration * 48_000) == told.samples * FRAME
            parts[each.uri], at = data, told.end
    assert on_air.served.transcoder.made == len(parts)
    for segment in found.segments:
        status, body = await on_air.get(f"{AAC}/{segment.uri}")
        assert status == 200 and body == b"".join(parts[part.uri] for part in segment.parts)
    status, init = await on_air.get(f"{AAC}/init-0.mp4")
    assert status == 200 and [kind for kind, _, _ in walk(init)] == [b"ftyp", b"moov"] and b"mp4a" in init


async def test_the_part_that_is_hinted_at_is_made_once_for_all_who_wait(
    on_air: OnAir, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []

    def make(wanted: Order, *given: object) -> bytes:
        threads.append(threading.current_thread().name)
        return aac_live.make(wanted, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(transcoder, "make", make)
    found = await playlist(on_air)
    path = f"{AAC}/{found.hint}"
    tasks = [asyncio.create_task(on_air.get(path)) for _ in range(40)]
    await on_air.waiting(1)
    await on_air.run(0.4)
    answers = await asyncio.wait_for(asyncio.gather(*tasks), 10)
    assert {status for status, _ in answers} == {200} and len({body for _, body in answers}) == 1
    assert len(threads) == 1 and "asyncio" in threads[0], "neither on the loop nor where journals are followed"
    whole = answers[0][1]
    async with on_air.client.head(on_air.url(path)) as head:
        assert int(head.headers["Content-Length"]) == len(whole) and head.content_type == "audio/mp4"
        again = {"If-None-Match": head.headers["ETag"]}
    async with on_air.client.get(on_air.url(path), headers=again) as unchanged:
        assert unchanged.status == 304
    async with on_air.client.get(on_air.url(path), headers={"Range": "bytes=8-31"}) as some:
        assert some.status == 206 and await some.read() == whole[8:32]
    other = Views(Library(on_air.served._library._root, PlainVault(), aac=True), lambda *_: asyncio.sleep(0))
    item = await other.transcoder.find("lecture", path)
    assert item is not None and f'"{item[0].etag}"' == again["If-None-Match"], "every process makes the same"


async def test_the_end_is_the_replay_and_what_is_kept_takes_over_unnoticed(on_air: OnAir, tmp_path: Path) -> None:
    live = await playlist(on_air)
    last = live.parts[-1].uri
    reload = asyncio.create_task(playlist(on_air, query=f"?_HLS_msn={live.end[0] + 1}"))
    await on_air.waiting(1)
    await on_air.recorder.seal("lecture")
    ended = await asyncio.wait_for(reload, 5)
    if not ended.ended:
        ended = await playlist(on_air, query=f"?_HLS_msn={ended.end[0] + 2}")
    check_change(live, ended)
    assert ended.ended and len(ended.segments) == len((await playlist(on_air, OPUS)).segments)
    first, before = await on_air.text("index.m3u8"), await on_air.text(PLAYLIST)
    for segment in ended.segments:
        assert (await on_air.get(f"{AAC}/{segment.uri}"))[0] == 200
    assert not (tmp_path / "lecture" / AAC).exists(), "nothing more is on disk"
    init = (await on_air.get(f"{AAC}/init-0.mp4"))[1]
    assert await asyncio.to_thread(make_rest, tmp_path, "lecture") == 0
    fresh = Library(tmp_path, PlainVault(), aac=True)
    assert fresh.media_playlist("lecture", AAC) == before == await on_air.text(PLAYLIST)
    assert [line for line in first.splitlines() if line[0] != "#"] == [
        line for line in fresh.playlist("lecture").splitlines() if line[0] != "#"
    ]
    stored = fresh.find("lecture", f"{AAC}/init-0.mp4")
    assert stored is not None and fresh.read_item(stored, 0, stored.size) == init
    on_air.served.memory._items.clear()
    assert (await on_air.get(f"{AAC}/{last}"))[0] == 200, "who is behind still gets parts"


async def test_variants_are_listed_live_with_a_group_of_their_own(on_air: OnAir) -> None:
    for path, base in (("index.m3u8", ""), (f"p/{HOST}.m3u8", "../")):
        text = await on_air.text(path)
        streams = [
            attributes(line.split(":", 1)[1]) for line in text.splitlines() if line.startswith("#EXT-X-STREAM-INF")
        ]
        assert [("opus" in each["CODECS"], "mp4a.40.2" in each["CODECS"]) for each in streams] == [
            (True, False),
            (True, False),
            (False, True),
            (False, True),
        ]
        assert streams[2]["AUDIO"] == AAC and f'URI="{base}{PLAYLIST}"' in text


async def test_a_stranger_is_refused_as_everywhere(on_air: OnAir) -> None:
    found = await playlist(on_air)
    for name in ("index.m3u8", "init-0.mp4", found.hint, found.parts[-1].uri, found.segments[0].uri):
        answers = []
        for folder in (AAC, OPUS):
            async with on_air.client.get(on_air.url(f"{folder}/{name}"), headers={"X-Who": "stranger"}) as answer:
                answers.append((answer.status, await answer.text()))
        assert answers[0] == answers[1] and answers[0][0] == 404
    assert on_air.served.transcoder.made == 0
    for name in ("part-999999.m4s", "seg-000999.m4s", "gap-000000.m4s", "init-1.mp4", "other.m4s"):
        assert (await on_air.get(f"{AAC}/{name}"))[0] == 404


async def test_who_asks_while_all_turns_are_taken_is_told_to_come_again(
    on_air: OnAir, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = threading.Event()

    def make(wanted: Order, read: object, held: Mapping[int, bytes]) -> bytes:
        assert free.wait(10)
        return b"made"

    monkeypatch.setattr(transcoder, "make", make)
    on_air.served.transcoder._patience = 0.2
    found = await playlist(on_air)
    taken = [asyncio.create_task(on_air.get(f"{AAC}/{part.uri}")) for part in found.parts[: transcoder.SINGLE]]
    async with asyncio.timeout(10):
        while not on_air.served.transcoder._single.locked():
            await asyncio.sleep(0.005)
    async with on_air.client.get(on_air.url(f"{AAC}/{found.parts[-1].uri}")) as answer:
        assert answer.status == 503 and "Retry-After" in answer.headers
    free.set()
    assert await asyncio.gather(*taken) == [(200, b"made")] * transcoder.SINGLE
    assert on_air.served.transcoder.refused == 1
    assert (await on_air.get(f"{AAC}/{found.parts[-1].uri}"))[0] == 200


async def test_what_is_gone_of_its_opus_cannot_be_made(on_air: OnAir, tmp_path: Path) -> None:
    found = await playlist(on_air)
    for segment in (tmp_path / "lecture" / OPUS).glob("seg-*"):
        segment.unlink()
    assert (await on_air.get(f"{AAC}/{found.parts[-1].uri}"))[0] == 404
    assert on_air.served.transcoder.failed == 1


async def test_turned_off_there_is_none_of_it(tmp_path: Path) -> None:
    async for on_air in serve(tmp_path, aac=False):
        assert "mp4a" not in await on_air.text("index.m3u8") and AAC not in await on_air.text(f"{OPUS}/index.m3u8")
        for path in (PLAYLIST, f"{AAC}/init-0.mp4", f"{AAC}/seg-000000.m4s", f"{AAC}/part-000000.m4s"):
            assert (await on_air.get(path))[0] == 404
