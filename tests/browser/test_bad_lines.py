"""A call on bad lines in real Chromium, in short: `tele bench line` measures the same at length."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.bench import speech
from tests.bench.call import Figures, Party, call, hang_up, two_parties
from tests.bench.line import grown, sent
from tests.browser.test_consultation import replays
from tests.impair import CLEAN, LOSSY, SATELLITE, Line, capped
from tests.server import Server, running_server

LIMIT = 40.0
"""Seconds that a machine with much else to do may take; the benchmark has the promises."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with running_server(tmp_path / "data") as server:
        yield server


@asynccontextmanager
async def calling(server: Server, folder: Path) -> AsyncIterator[tuple[Party, Party]]:
    """A specialist who speaks and a GP who listens, in a call."""
    async with two_parties(server, folder) as (speaker, listener):
        await call(speaker, listener)
        yield speaker, listener


async def until(party: Party, holds: Callable[[Figures], bool], limit: float = LIMIT) -> Figures:
    """Watch a page until its figures are so."""
    begun = asyncio.get_running_loop().time()
    while not holds(figures := await party.figures()):
        assert asyncio.get_running_loop().time() - begun < limit, f"it did not happen: {figures}"
        await asyncio.sleep(0.5)
    return figures


async def test_speech_is_understood_and_pictures_move_on_a_lossy_line(server: Server, tmp_path: Path) -> None:
    async with calling(server, tmp_path) as (_, listener):
        listener.line.both(LOSSY)
        await listener.hear()
        seen = await listener.watch(10)
        heard = speech.intelligibility(await listener.heard(), speech.said())
        assert listener.line.lost > 50
        assert sorted(heard)[len(heard) // 2] > 0.75
        assert grown(seen, "video", "framesDecoded") / (seen[-1]["at"] - seen[0]["at"]) > 5


async def test_a_thin_uplink_carries_a_picture_then_the_voice_alone_and_says_so(server: Server, tmp_path: Path) -> None:
    async with calling(server, tmp_path) as (speaker, listener):
        speaker.line.both(capped(150))
        await until(speaker, lambda figures: sent(figures) == "small")
        before = await listener.figures()
        await until(listener, lambda figures: grown([before, figures], "video", "framesDecoded") > 10)

        speaker.line.both(capped(45))
        await until(speaker, lambda figures: sent(figures) == "sound")
        await expect(speaker.who.part("line-notice")).to_be_visible(timeout=20_000)
        before = await listener.figures()
        await until(listener, lambda figures: grown([before, figures], "audio", "packetsReceived") > 100)
        # No frozen picture: the other side is told that there is sound only.
        await expect(listener.who.part("tile").get_by_test_id("sound-only")).to_be_visible(timeout=20_000)
        await expect(listener.who.part("room")).to_have_attribute("data-state", "connected")

        speaker.line.both(CLEAN)
        await until(speaker, lambda figures: sent(figures) == "full", 90)
        await expect(speaker.who.part("line-notice")).to_have_count(0)
        await expect(listener.who.part("tile").get_by_test_id("sound-only")).to_have_count(0, timeout=20_000)


async def test_a_picture_by_satellite_is_said_to_be_late(server: Server, tmp_path: Path) -> None:
    async with calling(server, tmp_path) as (speaker, listener):
        speaker.line.both(SATELLITE)
        await expect(listener.who.part("picture-late")).to_be_visible(timeout=LIMIT * 1_000)
        assert await speaker.who.part("picture-late").count() == 0, "both wait for the same line"


async def test_a_weak_line_is_said_of_whose_it_is(server: Server, tmp_path: Path) -> None:
    async with calling(server, tmp_path) as (speaker, listener):
        speaker.line.both(Line(loss=0.12, delay=0.02))
        of_the_speaker, own = listener.who.part("their-line-weak"), listener.who.page.locator("[data-line]")
        await expect(of_the_speaker).to_be_visible(timeout=LIMIT * 1_000)
        await expect(speaker.who.page.locator("[data-line]")).to_have_attribute(
            "data-line", re.compile("weak|sound"), timeout=LIMIT * 1_000
        )
        await expect(own).to_have_attribute("data-line", "good", timeout=LIMIT * 1_000)
        assert await speaker.who.part("their-line-weak").count() == 0, "the listener's is in order"
        speaker.line.both(CLEAN)
        await expect(of_the_speaker).to_have_count(0, timeout=LIMIT * 1_000)


async def test_a_silent_microphone_sends_little_and_the_recording_plays(server: Server, tmp_path: Path) -> None:
    """Opus DTX: some packets a second instead of fifty; the gaps are silence in the recording."""
    async with calling(server, tmp_path) as (speaker, listener):
        await listener.watch(3)
        await speaker.who.part("toggle-mic").click()
        await asyncio.sleep(2)
        first = await speaker.figures()
        last = (await speaker.watch(4))[-1]
        packets = last["out"]["audio"]["packetsSent"] - first["out"]["audio"]["packetsSent"]
        assert packets / (last["at"] - first["at"]) < 15
        await speaker.who.part("toggle-mic").click()
        await listener.watch(3)
        await hang_up(listener)
        await replays(listener.who)
