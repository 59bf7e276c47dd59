"""A lecture watched live in a real browser: near the edge, through an absence of the speaker, into the replay."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from playwright.async_api import Browser

from recorder.library import Library
from recorder.recorder import Recorder
from recorder.settings import RecorderSettings
from recorder.vault import PlainVault
from recorder.views import Views
from tests.unit.recorder.synthetic import Encoder, Feed, Publisher, Voice, h264_payloads

WHO = "host-0000001"
FPS = 20
HLS_JS = Path(__file__).resolve().parents[2] / "web_client/node_modules/hls.js/dist/hls.min.js"

PAGE = """<!doctype html><video id=v muted></video><script src=/hls.js></script><script>
const video = document.getElementById('v'), errors = [];
const hls = new Hls({lowLatencyMode: true, maxLiveSyncPlaybackRate: 1.5});
hls.on(Hls.Events.ERROR, (_, e) => errors.push(e.details + (e.fatal ? ' FATAL' : '')));
hls.loadSource('/media/lecture/index.m3u8'); hls.attachMedia(video); video.play();
function state() {
  const canvas = document.createElement('canvas'); canvas.width = canvas.height = 16;
  const c = canvas.getContext('2d'); c.drawImage(video, 0, 0, 16, 16);
  const date = hls.playingDate;
  return {at: video.currentTime, late: date ? (Date.now() - date.getTime()) / 1000 : 1e9, errors,
          luma: c.getImageData(8, 13, 1, 1).data[0], ended: video.ended, duration: video.duration};
}
</script>"""


@dataclass
class Stage:
    """A speaker on paper in real time, recorded and served."""

    root: Path
    feed: Feed = field(default_factory=Feed)
    away: bool = False

    async def run(self) -> None:
        voice, encoder = Voice(), Encoder("H264", fps=FPS)
        sound = [voice.encode(loud=False) for _ in range(50)]
        # Two seconds of pictures that begin with a keyframe, over and over: the test does not spend its time encoding.
        pictures = [h264_payloads(encoder.encode(key=number == 0, bright=True)) for number in range(FPS * 2)]
        microphone, camera = Publisher(WHO, "microphone", "opus"), Publisher(WHO, "camera", "H264")
        start = time.monotonic()
        for publisher in (microphone, camera):
            publisher.open(start)[1](self.feed)
        rows = [(microphone, 0.02, [[packet] for packet in sound]), (camera, 1 / FPS, pictures)]
        sent = [0, 0]
        while True:
            now = time.monotonic()
            for row, (publisher, interval, frames) in enumerate(rows):
                while (at := start + sent[row] * interval) <= now:
                    for _, deliver in [] if self.away else publisher.send(at, frames[sent[row] % len(frames)]):
                        deliver(self.feed)
                    sent[row] += 1
            await asyncio.sleep(0.005)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[tuple[Stage, Recorder, str]]:
    made = Stage(tmp_path)
    settings = RecorderSettings(min_free=0, resume_free=0)
    recorder = Recorder(tmp_path, made.feed, lambda _: None, vault=PlainVault(), settings=settings)
    await recorder.start("lecture", "room", {"low_latency": True})

    async def allow(request: web.Request, recording: str) -> None:
        return

    async def page(_: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html")

    async def player(_: web.Request) -> web.FileResponse:
        return web.FileResponse(HLS_JS)

    served = Views(Library(tmp_path, PlainVault()), allow)
    app = web.Application()
    app.add_routes([web.get("/", page), web.get("/hls.js", player), *served.routes()])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with asyncio.TaskGroup() as group:
        speaking = group.create_task(made.run())
        await asyncio.sleep(3)
        yield made, recorder, f"http://127.0.0.1:{runner.addresses[0][1]}"
        speaking.cancel()
    await served.close()
    await runner.cleanup()
    await recorder.stop()


async def until(page: Any, wanted: str, seconds: float) -> dict[str, Any]:
    """The page's state as soon as `wanted` holds of it."""
    handle = await page.wait_for_function(
        f"() => {{ const s = state(); return ({wanted}) && s; }}", timeout=seconds * 1000, polling=100
    )
    found: dict[str, Any] = await handle.json_value()
    return found


async def test_live_at_the_edge_through_an_absence_into_the_replay(
    browser: Browser, stage: tuple[Stage, Recorder, str]
) -> None:
    speaker, recorder, address = stage
    page = await browser.new_page()
    await page.goto(address)
    await until(page, "s.late < 2.5 && s.luma > 120", 20)
    speaker.away = True
    await until(page, "s.luma < 20 && s.late < 6", 15)
    speaker.away = False
    back = await until(page, "s.luma > 120 && s.late < 2.5", 20)
    assert not [error for error in back["errors"] if "FATAL" in error]
    await recorder.seal("lecture")
    ended = await until(page, "s.ended", 20)
    assert ended["at"] == pytest.approx(ended["duration"], abs=0.3)
    await page.evaluate("() => { video.currentTime = 1; return video.play(); }")
    replayed = await until(page, "!s.ended && s.at > 1.5 && s.luma > 120", 10)
    assert not [error for error in replayed["errors"] if "FATAL" in error]
    await page.close()
