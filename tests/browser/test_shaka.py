"""A player that is not ours in real Chromium: Shaka plays a lecture live, camera and screen, and as its replay."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from playwright.async_api import Browser, Page, Route
from playwright.async_api import TimeoutError as PlaywrightTimeout

from tests import peers
from tests.browser import lecture as doing
from tests.browser.people import Person, person
from tests.server import Server, running_server

PATIENCE_MS = 40_000
"""Beside other work two players of a second kind begin late, and live: what is right comes."""
PAGE = "<!doctype html><title>Shaka</title><script src=/shaka.js></script>"
LOAD = """
async (addresses) => {
  for (const {player} of window.players ?? []) await player.destroy();
  document.body.replaceChildren();
  window.errors = [];
  window.players = await Promise.all(addresses.map(async (address) => {
    const video = document.body.appendChild(document.createElement('video'));
    video.muted = true;
    const player = new shaka.Player();
    await player.attach(video);
    player.addEventListener('error', ({detail: {code, data}}) => {
      const untold = code === shaka.util.Error.Code.BAD_HTTP_STATUS && data[1] === 404 && data[0].includes('/part-');
      if (!untold) window.errors.push(`${code} ${JSON.stringify(data)}`);
    });
    await player.load(address);
    await video.play();
    return {player, video};
  }));
}
"""
"""One player for each address, with the settings it comes with. A part that playlists hinted at and that will not come,
because the lecture is over, is answered with 404: it says so, looks again and plays to the end."""

PLAYED = """
() => players.map(({player, video}) => ({
  time: video.currentTime, frames: video.getVideoPlaybackQuality().totalVideoFrames,
  sound: video.webkitAudioDecodedByteCount, live: player.isDynamic(), duration: player.seekRange().end,
  codecs: player.getVariantTracks().find(({active}) => active)?.codecs ?? '',
}))
"""
MOVES_ON = f"""
(before) => ({PLAYED})().every((now, index) => now.time - before[index].time > 2 && now.sound > before[index].sound
  && now.frames - before[index].frames > 15)
"""
ENDS = f"() => ({PLAYED})().every(({{live, time, duration}}) => !live && time > duration - 0.5)"
"""It is a replay for each player, and each has come to its end; the last part of all Shaka may leave out."""

WHOLE = """
async (address) => {
  for (;; await new Promise((done) => setTimeout(done, 200))) {
    const lines = (await (await fetch(address)).text()).split('\\n').filter((line) => line && !line.startsWith('#'));
    const lists = lines.map(async (line) => (await fetch(new URL(line, new URL(address, location.href)))).text());
    if (lines.length > 0 && (await Promise.all(lists)).every((text) => text.includes('#EXTINF'))) return;
  }
}
"""
"""Returns when every rendition has a whole segment: Shaka takes none for a playlist that consists of parts alone."""

STOOD = f"""
() => [errors, ({PLAYED})(), ...players.map(({{player, video}}) => JSON.stringify([
  video.readyState, video.paused, video.seeking, player.getBufferedInfo(), player.seekRange(), player.isBuffering()]))]
"""
"""What there is to say of players that stand still."""

LIVE = """
async () => {
  for (;; await new Promise((done) => setTimeout(done, 200))) {
    const {items} = await (await fetch('/api/recordings?state=live')).json();
    const screen = items[0]?.tracks.find(({source}) => source === 'screen');
    if (screen) return [items[0].id, screen.name.replace('screen-', '')];
  }
}
"""
"""The recording that runs and its presenter, as soon as a screen is shared."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("shaka") / "data") as server:
        yield server


async def beside_the_client(viewer: Person) -> list[str]:
    """A page at the server's own address, for its cookie's sake; returns what it will have asked for under /media."""
    asked: list[str] = []
    for name, kind, text in (("shaka", "text/html", PAGE), ("shaka.js", "text/javascript", peers.shaka().read_text())):
        answer = partial(_fulfil, body=text, content_type=kind)
        await viewer.context.route(f"{viewer.url}/{name}", answer)
    viewer.page.on("request", lambda request: asked.append(request.url.partition("/media/")[2]))
    await viewer.page.goto(f"{viewer.url}/shaka")
    return asked


async def _fulfil(route: Route, *, body: str, content_type: str) -> None:
    await route.fulfill(body=body, content_type=content_type)


async def load(page: Page, addresses: list[str]) -> None:
    """One player for each, playing."""
    for address in addresses:
        async with asyncio.timeout(20):
            await page.evaluate(WHOLE, address)
    await page.evaluate(LOAD, addresses)


async def until(page: Page, condition: str, before: object = None) -> None:
    """The condition holds for all players, and nothing was said to be wrong."""
    try:
        await page.wait_for_function(condition, arg=before, timeout=PATIENCE_MS, polling=100)
    except PlaywrightTimeout:
        stood: list[object] = await page.evaluate(STOOD)
        raise AssertionError(f"before {before}, then {stood}") from None
    assert await page.evaluate("() => errors") == []


async def moves_on(page: Page) -> list[dict[str, Any]]:
    """In each player pictures and sound go on."""
    await until(page, MOVES_ON, await page.evaluate(PLAYED))
    played: list[dict[str, Any]] = await page.evaluate(PLAYED)
    return played


async def test_shaka_plays_a_lecture_live_back_in_time_and_as_its_replay(browser: Browser, server: Server) -> None:
    async with (
        person(browser, server.url, "spec", scripts=(doing.CAMERA, doing.SCREEN)) as host,
        person(browser, server.url, "gp") as viewer,
    ):
        page = viewer.page
        asked = await beside_the_client(viewer)
        lecture = await doing.schedule(host, "For every player")
        await doing.go_live(host, lecture)
        await doing.share_screen(host)
        async with asyncio.timeout(20):
            recording, presenter = await page.evaluate(LIVE)
        addresses = [f"/media/{recording}/index.m3u8", f"/media/{recording}/p/{presenter}-screen.m3u8"]

        await load(page, addresses)
        for each in await moves_on(page):
            assert each["live"], each
            assert re.fullmatch(r"avc1\.\w+, ?(opus|mp4a\.40\.2)", each["codecs"]), "it takes now one, now the other"
        assert any("/part-" in address for address in asked), "it watched whole segments, not parts"
        assert any("_HLS_msn=" in address for address in asked)

        await page.evaluate("() => { for (const {video} of players) video.currentTime = 0.5; }")
        assert all(each["time"] < 10 for each in await moves_on(page))

        await page.evaluate("() => { for (const {player} of players) player.goToLive(); }")
        await doing.end(host)
        await until(page, ENDS)

        await load(page, addresses)
        assert all(not each["live"] and each["time"] < 10 for each in await moves_on(page))
