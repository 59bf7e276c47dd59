"""Stock Firefox and Chromium together: a lecture watched and given, consultations either way round, a lost process."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright, expect

from tele.media_node import own_addresses
from tests import firefox
from tests.browser import lecture as doing
from tests.browser.people import INBOUND, Person, hang_up, in_call, person
from tests.browser.test_consultation import call, replays
from tests.server import Server, eventually, running_server

pytestmark = [
    pytest.mark.skipif(firefox.installed() is None, reason="no Firefox of 141 or later (docs/media-plane.md)"),
    pytest.mark.skipif(not own_addresses(), reason="Firefox has no ICE candidates on loopback"),
]

SCREEN = doing.SCREEN.replace("setInterval(paint, 5_000)", "setInterval(paint, 67)")
"""A window as Firefox captures it: fifteen pictures a second also while nothing moves."""


BEST = """
() => ['video/H264', 'video/VP9'].find((name) =>
  RTCRtpSender.getCapabilities('video').codecs.some(({ mimeType }) => mimeType === name))
"""
"""The codec of a call with this browser: Firefox has H264 where its OpenH264 plug-in is (`MOZ_GMP_PATH`)."""

SPEAK = f"""
async (codec) => {{
  const {{ codecs }} = await ({INBOUND})();
  return codecs.length > 0 && codecs.every((each) => each === codec);
}}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """With all addresses of the machine, as it is started: Firefox finds no way to 127.0.0.1."""
    with running_server(tmp_path_factory.mktemp("firefox") / "data", TELE_MEDIA__HOST="") as server:
        yield server


@pytest.fixture
async def fox(tmp_path: Path) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright, firefox.firefox(playwright, tmp_path) as browser:
        yield browser


async def rewind(viewer: Person) -> None:
    """Back to the beginning while it runs, and to the edge again."""
    # Whoever is less than five seconds behind is live.
    await viewer.page.wait_for_function("() => playerVideos()[0].currentTime > 9", timeout=20_000, polling=100)
    edge = await doing.position(viewer)
    await doing.scrub(viewer, 0.05)
    await expect(viewer.part("back-to-live")).to_be_visible()
    assert await doing.position(viewer) < edge - 3
    await doing.follows(viewer)
    await viewer.part("back-to-live").click()
    await expect(viewer.part("at-live")).to_be_visible()
    await doing.follows(viewer)
    assert await doing.position(viewer) > edge


async def watch(host: Person, viewer: Person) -> None:
    """A whole lecture with camera and screen, from going live to the replay, in the viewer's player."""
    lecture = await doing.schedule(host, "Chest pain: what must not be missed")
    await viewer.page.goto(f"{viewer.url}/lectures/{lecture}")
    await expect(viewer.part("player")).to_have_attribute("data-cover", "before")
    await doing.go_live(host, lecture)
    await doing.follows(viewer)
    await doing.share_screen(host)
    await doing.follows(viewer, pictures=2)
    await rewind(viewer)
    await doing.end(host)
    player = viewer.part("player")
    await expect(player).to_have_attribute("data-state", "replay")
    await expect(player).to_have_attribute("data-cover", "over", timeout=10_000)
    await player.locator(".cover button").first.click()
    await doing.follows(viewer, "replay", pictures=2)


async def test_firefox_watches_a_lecture_and_its_replay(browser: Browser, fox: Browser, server: Server) -> None:
    async with (
        person(browser, server.url, "spec", scripts=(doing.CAMERA, doing.SCREEN)) as host,
        person(fox, server.url, "gp", scripts=(firefox.HEARD,)) as viewer,
    ):
        await watch(host, viewer)


async def test_firefox_gives_a_lecture_in_two_qualities(browser: Browser, fox: Browser, server: Server) -> None:
    async with (
        person(fox, server.url, "spec", scripts=(doing.CAMERA, SCREEN)) as host,
        person(browser, server.url, "gp") as viewer,
    ):
        await watch(host, viewer)
        _, page = await viewer.api("GET", "/api/recordings")
        recording = page["items"][0]
        assert {track["source"] for track in recording["tracks"]} == {"microphone", "camera", "camera-low", "screen"}
        _, playlist = await viewer.api("GET", f"/media/{recording['id']}/index.m3u8")
        assert set(re.findall(r"RESOLUTION=(\w+)", playlist)) == {"640x360", "160x90"}


@asynccontextmanager
async def pair(specialist: Browser, gp: Browser, url: str) -> AsyncIterator[tuple[Person, Person]]:
    """A specialist and a GP, each with a browser of their own kind."""

    def scripts(browser: Browser) -> tuple[str, ...]:
        return (firefox.HEARD,) if browser.browser_type.name == "firefox" else ()

    async with (
        person(specialist, url, "spec", scripts=scripts(specialist)) as answers,
        person(gp, url, "gp", scripts=scripts(gp)) as asks,
    ):
        yield answers, asks


@pytest.mark.parametrize("at", ["centre", "hospital"])
async def test_a_consultation_with_firefox(browser: Browser, fox: Browser, server: Server, at: str) -> None:
    async with pair(*(browser, fox) if at == "centre" else (fox, browser), server.url) as (specialist, gp):
        await call(gp, specialist)
        spoken = await (gp if at == "centre" else specialist).page.evaluate(BEST)
        for each in (gp, specialist):
            await each.page.wait_for_function(SPEAK, arg=spoken, timeout=10_000, polling=100)
        await gp.part("toggle-camera").click()
        await gp.part("toggle-camera").click()
        await specialist.sees_and_hears()
        await gp.page.wait_for_timeout(4_000)  # something worth recording
        await hang_up(gp)
        await expect(specialist.part("opinion")).to_be_visible(timeout=10_000)
        await replays(gp)


async def test_firefox_is_back_after_the_media_process_died(browser: Browser, fox: Browser, server: Server) -> None:
    async with pair(browser, fox, server.url) as (specialist, gp):
        await call(gp, specialist)
        before = server.children("_media")
        server.kill("_media")
        await asyncio.to_thread(
            eventually, lambda: server.children("_media").keys() == before.keys() and server.is_ready(), 15
        )
        await in_call(gp, specialist)
        await gp.sees_and_hears(within_ms=20_000)
        await specialist.sees_and_hears(within_ms=20_000)
        await hang_up(specialist)
