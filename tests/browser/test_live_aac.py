"""A lecture live in a browser that knows no Opus, as Safari: heard by AAC from the edge into the replay, by hls.js."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from playwright.async_api import Browser, Page, expect

from recorder import aac
from recorder.library import Library
from recorder.recorder import Recorder
from recorder.settings import RecorderSettings
from recorder.vault import PlainVault
from recorder.views import Views
from tests.browser import lecture as doing
from tests.browser.people import person
from tests.browser.test_live_playback import HLS_JS, PAGE, until
from tests.browser.test_recorder_renditions import WITHOUT_OPUS
from tests.server import running_server
from tests.unit.recorder.live_room import WHO, on_air
from tests.unit.recorder.synthetic import Encoder, Feed, Publisher, Voice, h264_payloads

FPS = 20

LISTEN = """() => {
  const context = new AudioContext(), ear = context.createAnalyser();
  ear.fftSize = 2048;
  context.createMediaElementSource(video).connect(ear);
  ear.connect(context.destination);
  video.muted = false;
  // Loudness, and how much of it is the tone of 1 kHz: a seam that can be heard spreads over all frequencies.
  window.hear = () => {
    const wave = new Float32Array(ear.fftSize), bins = new Float32Array(ear.frequencyBinCount);
    ear.getFloatTimeDomainData(wave); ear.getFloatFrequencyData(bins);
    const powers = Array.from(bins, each => 10 ** (each / 10)), width = context.sampleRate / ear.fftSize;
    const sum = (from, to) => powers.slice(Math.round(from / width), Math.round(to / width)).reduce((a, b) => a + b, 0);
    return {level: Math.sqrt(wave.reduce((a, b) => a + b * b, 0) / wave.length), pure: sum(800, 1200) / sum(50, 20000)};
  };
}"""


@asynccontextmanager
async def speaking(root: Path) -> AsyncIterator[tuple[Recorder, str]]:
    """Somebody who sings a tone on the air, and the address of a page that plays it."""
    feed, voice, encoder = Feed(), Voice(), Encoder("H264", fps=FPS)
    tone = [voice.encode(loud=True) for _ in range(50)]
    pictures = [h264_payloads(encoder.encode(key=number == 0, bright=True)) for number in range(FPS * 2)]
    settings = RecorderSettings(min_free=0, resume_free=0)
    recorder = Recorder(root, feed, lambda _: None, vault=PlainVault(), settings=settings)
    await recorder.start("lecture", "room", {"low_latency": True})

    async def allow(request: web.Request, recording: str) -> None:
        return

    async def page(_: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html")

    async def player(_: web.Request) -> web.FileResponse:
        return web.FileResponse(HLS_JS)

    served = Views(Library(root, PlainVault(), aac=True), allow)
    app = web.Application()
    app.add_routes([web.get("/", page), web.get("/hls.js", player), *served.routes()])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with asyncio.TaskGroup() as group:
        microphone, camera = Publisher(WHO, "microphone", "opus"), Publisher(WHO, "camera", "H264")
        singing = group.create_task(on_air(feed, (microphone, tone), (camera, pictures), FPS, "on air"))
        yield recorder, f"http://127.0.0.1:{runner.addresses[0][1]}"
        singing.cancel()
    await served.close()
    await runner.cleanup()
    await recorder.stop()


async def watch(page: Page, address: str, fetched: list[str]) -> None:
    page.on("request", lambda request: fetched.append(request.url))
    async with asyncio.timeout(20):
        while (await page.request.get(f"{address}/media/lecture/cam-{WHO}/seg-000000.m4s")).status != 200:
            await asyncio.sleep(0.1)
    await page.goto(address)
    await until(page, "s.late < 2.5 && s.luma > 120", 30)


def sounds(fetched: list[str]) -> set[str]:
    """Whose sound was fetched, as parts or segments."""
    return {url.split("/")[-2] for url in fetched if url.endswith(".m4s") and f"audio-{WHO}" in url}


async def hear(page: Page, seconds: float) -> list[dict[str, float]]:
    found: list[dict[str, float]] = await page.evaluate(
        """async seconds => { const found = [], end = performance.now() + seconds * 1000;
           while (performance.now() < end) { await new Promise(d => setTimeout(d, 40)); found.push(hear()); }
           return found; }""",
        seconds,
    )
    return found


async def test_without_opus_it_is_heard_live_and_on_into_the_replay(browser: Browser, tmp_path: Path) -> None:
    async with speaking(tmp_path) as (recorder, address):
        page = await browser.new_page()
        await page.add_init_script(WITHOUT_OPUS)
        fetched: list[str] = []
        await watch(page, address, fetched)
        await page.evaluate(LISTEN)
        heard = (await hear(page, 6))[10:]
        # A busy machine makes players wait, which is silence; a seam that can be heard is impure and loud.
        loud = [each for each in heard if each["level"] > 0.1]
        assert len(loud) > 0.5 * len(heard), heard
        assert sum(each["pure"] > 0.95 for each in loud) > 0.8 * len(loud), heard
        state: dict[str, Any] = await page.evaluate("state()")
        assert state["late"] < 6 and not [error for error in state["errors"] if "FATAL" in error], state
        assert sounds(fetched) == {f"aac-audio-{WHO}"}
        assert any("/part-" in url for url in fetched if "/aac-audio-" in url)
        await recorder.seal("lecture")
        ended = await until(page, "s.ended", 20)
        assert ended["at"] == pytest.approx(ended["duration"], abs=0.3)
        await page.evaluate("() => { video.currentTime = 1; return video.play(); }")
        await until(page, "!s.ended && s.at > 2", 10)
        assert not (tmp_path / "lecture" / f"aac-audio-{WHO}").exists(), "it need not be kept to be replayed"
        assert await asyncio.to_thread(aac.make, tmp_path, "lecture") == 0
        await until(page, "!s.ended && s.at > 4", 20)
        replayed = await until(page, "s.ended", 40)
        assert not [error for error in replayed["errors"] if "FATAL" in error], replayed
        assert sounds(fetched) == {f"aac-audio-{WHO}"}
        await page.close()


async def test_with_opus_it_is_opus(browser: Browser, tmp_path: Path) -> None:
    async with speaking(tmp_path) as (recorder, address):
        page = await browser.new_page()
        fetched: list[str] = []
        await watch(page, address, fetched)
        levels = await page.evaluate("hls.levels.map(level => [level.bitrate, level.codecSet, level.url.length])")
        await until(page, "s.at > 8", 20)
        await recorder.seal("lecture")
        ended = await until(page, "s.ended", 20)
        assert not [error for error in ended["errors"] if "FATAL" in error], ended
        assert sounds(fetched) == {f"audio-{WHO}"}, levels
        await page.close()


async def test_the_clients_own_player_needs_no_opus(browser: Browser, tmp_path: Path) -> None:
    with running_server(tmp_path / "data") as server:
        async with (
            person(browser, server.url, "spec", scripts=(doing.CAMERA,)) as host,
            person(browser, server.url, "gp", scripts=(WITHOUT_OPUS,)) as viewer,
        ):
            fetched: list[str] = []
            viewer.page.on("request", lambda request: fetched.append(request.url))
            lecture = await doing.schedule(host, "Without Opus")
            await doing.go_live(host, lecture)
            await viewer.page.goto(f"{server.url}/lectures/{lecture}")
            await doing.follows(viewer)
            await viewer.part("quality").click()
            await viewer.part("quality-sound").click()
            alone = "() => document.querySelector('[data-testid=player] .speaker video').webkitAudioDecodedByteCount"
            await viewer.page.wait_for_function(
                f"() => playerVideos().every((video) => !video.videoWidth) && ({alone})() > 0", timeout=20_000
            )
            heard = await viewer.page.evaluate(alone)
            await viewer.page.wait_for_function(f"heard => ({alone})() > heard", arg=heard, timeout=20_000)
            await viewer.part("quality").click()
            await viewer.part("quality-auto").click()
            await doing.follows(viewer)
            await doing.end(host)
            await expect(viewer.part("player")).to_have_attribute("data-state", "replay")
            media = [url for url in fetched if "audio-" in url and url.endswith(".m4s")]
            assert media and all("/aac-audio-" in url for url in media), media
