"""Recordings in a real browser: hls.js plays what the replay routes serve, in time, through gaps and after seeking."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from playwright.async_api import Browser, Page

from recorder.library import Library
from recorder.recorder import Recorder
from recorder.vault import PlainVault
from recorder.views import routes
from tele.domain.media import Codec
from tests.unit.recorder.synthetic import Clock, Network, Publisher, World

ALICE, BOB = "alice-000001", "bob-00000002"
BORN = 1_700_000_000.0
HLS_JS = Path(__file__).resolve().parents[2] / "web_client/node_modules/hls.js/dist/hls.min.js"
DELAY = 0.03
"""Seconds from capture to server in the synthetic network: session time is the server's."""

PAGE = """<!doctype html><video id=v muted></video><script src=/hls.js></script><script>
const video = document.getElementById('v'), seen = [], errors = [];
let hls;
function look(canvas) {
  const c = canvas.getContext('2d', {willReadFrequently: true});
  video.requestVideoFrameCallback(function frame(_, data) {
    c.drawImage(video, 0, 0, 16, 16);
    const p = c.getImageData(8, 13, 1, 1).data;
    seen.push({time: data.mediaTime, luma: (p[0] + p[1] + p[2]) / 3, clock: video.currentTime});
    video.requestVideoFrameCallback(frame);
  });
}
function load(url) {
  const canvas = document.createElement('canvas'); canvas.width = canvas.height = 16; look(canvas);
  hls = new Hls({startLevel: 0});
  hls.on(Hls.Events.ERROR, (_, e) => errors.push(e.type + ' ' + e.details + (e.fatal ? ' FATAL' : '')));
  hls.loadSource(url); hls.attachMedia(video);
  return new Promise(done => hls.once(Hls.Events.MANIFEST_PARSED, done));
}
async function seek(to) {
  seen.length = 0; video.currentTime = to;
  await new Promise(done => video.addEventListener('seeked', done, {once: true}));
}
// Plays until `end`, reports the longest time the clock stood still and how often it jumped.
async function play(end, rate) {
  video.playbackRate = rate; await video.play();
  let last = video.currentTime, moved = performance.now(), stood = 0, jumps = [];
  const begun = performance.now();
  while (last < end && !video.ended && performance.now() - begun < 60000) {
    await new Promise(done => setTimeout(done, 20));
    const now = performance.now(), at = video.currentTime;
    if (at > last) {
      if (at - last > (now - moved) / 1000 * rate + 0.3) jumps.push([last, at]);
      moved = now;
    }
    stood = Math.max(stood, now - moved); last = at;
  }
  video.pause();
  return {at: last, stood, jumps, errors};
}
</script>"""

Serve = Callable[[Path], Any]


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[Path], Any]]:
    runners: list[web.AppRunner] = []

    async def start(root: Path) -> str:
        async def allow(request: web.Request, recording: str) -> None:
            assert recording == request.match_info["recording"]

        async def page(_: web.Request) -> web.Response:
            return web.Response(text=PAGE, content_type="text/html")

        async def library(_: web.Request) -> web.FileResponse:
            return web.FileResponse(HLS_JS)

        app = web.Application()
        app.add_routes([web.get("/", page), web.get("/hls.js", library)])
        app.add_routes(routes(Library(root, PlainVault()), allow))
        runner = web.AppRunner(app)
        await runner.setup()
        runners.append(runner)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    yield start
    for runner in runners:
        await runner.cleanup()


def consultation(world: World, codec: Codec, codec_after: Codec) -> float:
    """48 s: Alice stays, with a picture size that changes; Bob comes late, is away for 8 s, shows his screen.

    He comes back with `codec_after`, as when a third person's browser made the room change its codec.
    """
    start = world.now
    alice, bob = Clock(7200, 100), Clock(-3600, -150)
    net = Network(DELAY, 0.0)
    world.microphone(
        Publisher(ALICE, "microphone", "opus", clock=alice, network=net, first_report=2.3), start, start + 48
    )
    world.camera(
        Publisher(ALICE, "camera", codec, clock=alice, network=net),
        start + 0.1,
        start + 48,
        size=lambda t: (320, 180) if not 20 < t - start < 33 else (640, 360),
    )
    world.microphone(Publisher(BOB, "microphone", "opus", clock=bob, network=net), start + 4, start + 24)
    world.camera(Publisher(BOB, "camera", codec, clock=bob, network=net), start + 4.1, start + 24)
    world.camera(Publisher(BOB, "screen", codec, clock=bob, network=net), start + 14, start + 19, fps=5)
    world.microphone(
        Publisher(BOB, "microphone", "opus", publication="again-a", clock=bob, network=net), start + 32, start + 48
    )
    world.camera(
        Publisher(BOB, "camera", codec_after, publication="again-v", clock=bob, network=net), start + 32.1, start + 48
    )
    return start


async def record(root: Path, codec: Codec, codec_after: Codec) -> dict[str, Any]:
    world = World()
    recorder = Recorder(
        root, world.feed, lambda _: None, vault=PlainVault(), clock=lambda: world.now, wall=lambda: BORN + world.now
    )
    start = consultation(world, codec, codec_after)
    await recorder.start("consultation", "room", {})
    world.run(start + 48, recorder.tick)
    summary = await recorder.seal("consultation")
    await recorder.stop()
    return summary


async def opened(browser: Browser, address: str, path: str) -> Page:
    page = await browser.new_page()
    await page.goto(address)
    await page.evaluate("url => load(url)", f"{address}/media/consultation/{path}")
    return page


def out_of_time(seen: list[dict[str, float]], present: Callable[[float], bool]) -> list[dict[str, float]]:
    """Pictures whose flash is not where session time says, leaving out 60 ms on either side of each change."""
    wrong = []
    for frame in seen:
        phase = (frame["time"] - DELAY) % 1
        if not present(frame["time"]) or phase < 0.06 or 0.14 < phase < 0.27 or phase > 0.94:
            continue
        if (frame["luma"] > 120) != (phase < 0.2):
            wrong.append(frame)
    return wrong


@pytest.mark.parametrize(("codec", "codec_after"), [("H264", "H264"), ("VP9", "VP9"), ("H264", "VP9")])
async def test_replay_keeps_session_time_through_gaps_and_changes(
    browser: Browser, serve: Serve, tmp_path: Path, codec: Codec, codec_after: Codec
) -> None:
    summary = await record(tmp_path, codec, codec_after)
    address = await serve(tmp_path)
    absent = [(0, 4.6), (23.9, 33)]
    for participant, present in (
        (ALICE, lambda t: t > 0.6 and t < 47.8),
        (BOB, lambda t: t < 47.8 and not any(a <= t <= b for a, b in absent)),
    ):
        page = await opened(browser, address, f"p/{participant}.m3u8")
        result = await page.evaluate("play(47.5, 4)")
        seen = await page.evaluate("seen")
        assert result["at"] >= 47.5, result
        assert not [error for error in result["errors"] if "FATAL" in error]
        assert result["jumps"] == []
        assert result["stood"] < 2500, result
        assert len(seen) > 100
        assert {frame["luma"] > 120 for frame in seen if present(frame["time"])} == {True, False}
        if participant == BOB:
            assert all(frame["luma"] < 10 for frame in seen if 24.5 < frame["time"] < 31.5)
        # At this speed a busy machine now and then draws the picture before; an offset would be wrong everywhere.
        assert len(wrong := out_of_time(seen, present)) <= len(seen) // 50, wrong
        assert await page.evaluate("video.duration") == pytest.approx(summary["duration"], abs=0.3)
        await page.close()


async def test_seeking_lands_on_the_picture_of_that_time(browser: Browser, serve: Serve, tmp_path: Path) -> None:
    await record(tmp_path, "H264", "H264")
    address = await serve(tmp_path)
    page = await opened(browser, address, f"p/{BOB}.m3u8")
    for target in (36.0, 10.0, 28.0, 5.0, 23.0, 44.0):
        await page.evaluate("to => seek(to)", target)
        result = await page.evaluate("to => play(to + 1.5, 1)", target)
        assert result["at"] >= target + 1.5, (target, result)
        assert out_of_time(await page.evaluate("seen"), lambda t: not 23.9 <= t <= 33) == []
    assert not [error for error in result["errors"] if "FATAL" in error]
