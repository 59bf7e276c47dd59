"""A viewer whose line is too thin for the large picture of a lecture: the small one moves instead."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright, expect

from tests.bench import speech
from tests.bench.call import party
from tests.bench.scene import write_scene
from tests.browser import lecture as doing
from tests.browser.people import person
from tests.server import Server, running_server
from tests.tcp_line import tcp_line

ENOUGH_FOR_THE_SMALL = 400_000
"""bit/s: not what the large picture of a moving scene takes, and near enough for hls.js to go on trying."""
SMALL = 160

SMALL_MOVES = f"""
() => {{
  const video = document.querySelector('[data-testid=player] .speaker video');
  const {{ videoWidth: width, currentTime: time }} = video;
  if (width !== {SMALL}) window.smallSince = undefined;
  else window.smallSince ??= time;
  return window.smallSince !== undefined && time > window.smallSince + 5;
}}
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with running_server(tmp_path / "data") as server:
        yield server


async def test_a_thin_line_gets_the_small_picture_by_itself(browser: Browser, server: Server, tmp_path: Path) -> None:
    speech.write_speech(tmp_path / "speech.wav")
    write_scene(tmp_path / "scene.y4m")
    async with (
        async_playwright() as playwright,
        party(playwright, server, "spec", tmp_path / "speech.wav", tmp_path / "scene.y4m", seed=1) as speaker,
        tcp_line(server.port) as line,
        person(browser, f"http://127.0.0.1:{line.port}", "gp") as viewer,
    ):
        lecture = await doing.schedule(speaker.who, "For thin lines")
        await doing.go_live(speaker.who, lecture)
        await viewer.page.goto(f"{viewer.url}/lectures/{lecture}")
        await doing.follows(viewer)
        line.rate = ENOUGH_FOR_THE_SMALL
        await viewer.page.wait_for_function(SMALL_MOVES, timeout=60_000, polling=200)
        await expect(viewer.part("player")).to_have_attribute("data-state", "live")
        line.rate = None
        await doing.end(speaker.who)
