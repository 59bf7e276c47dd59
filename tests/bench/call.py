"""A call between two real Chromiums, each with its own line to the server, whose media can be watched and heard."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from playwright.async_api import Playwright, expect

from tests import peers
from tests.bench import speech
from tests.bench.scene import write_scene
from tests.browser.people import Person, in_call, person
from tests.impair import Relay, relay, through
from tests.server import Server

WATCH = (Path(__file__).parent / "watch.js").read_text(encoding="utf-8")
"""What each page tells: its figures, and the sound that it hears."""

Figures = dict[str, Any]


@dataclass
class Party:
    """One person, their browser and their line."""

    who: Person
    line: Relay
    history: list[Figures] = field(default_factory=list)

    async def figures(self) -> Figures:
        """What the page's connections count now, kept in `history`."""
        taken: Figures = await self.who.page.evaluate("figures()")
        self.history.append(taken)
        return taken

    async def watch(self, seconds: float, every: float = 0.5) -> list[Figures]:
        """Figures twice a second, for so long."""
        taken = [await self.figures()]
        while taken[-1]["at"] - taken[0]["at"] < seconds:
            await asyncio.sleep(every)
            taken.append(await self.figures())
        return taken

    async def hear(self) -> None:
        """Begin to take down what is heard."""
        await self.who.page.evaluate("listen()")

    async def heard(self) -> speech.Samples:
        """What was heard, at the rate at which it is judged."""
        rate, coded = await self.who.page.evaluate("stopListening()")
        samples = np.frombuffer(base64.b64decode(coded), "<i2")
        return speech.at_rate(samples, rate) if rate else np.zeros(0)


@contextlib.asynccontextmanager
async def party(
    playwright: Playwright, server: Server, username: str, sound: Path, sight: Path, *, seed: int
) -> AsyncIterator[Party]:
    """Somebody signed in, in a browser of their own whose microphone plays `sound` and camera `sight`."""
    executable, environment = peers.chromium()
    port = peers.free_port()
    browser = await playwright.chromium.launch(
        executable_path=executable, env={**environment},
        args=[
            *peers.CHROMIUM_FLAGS, peers.AUTOPLAY_FLAG,
            f"--use-file-for-fake-audio-capture={sound}", f"--use-file-for-fake-video-capture={sight}",
        ],
    )  # fmt: skip
    try:
        async with (
            relay(port, seed, ("127.0.0.1", server.media_port)) as line,
            person(browser, server.url, username, scripts=(WATCH, through(port))) as who,
        ):
            yield Party(who, line)
    finally:
        await browser.close()


@contextlib.asynccontextmanager
async def two_parties(server: Server, folder: Path, seed: int = 1) -> AsyncIterator[tuple[Party, Party]]:
    """A specialist who speaks all the time and a GP who listens."""
    from playwright.async_api import async_playwright

    speech.write_speech(folder / "speech.wav")
    speech.write_silence(folder / "silence.wav")
    write_scene(folder / "scene.y4m")
    async with (
        async_playwright() as playwright,
        party(playwright, server, "spec", folder / "speech.wav", folder / "scene.y4m", seed=seed) as speaker,
        party(playwright, server, "gp", folder / "silence.wav", folder / "scene.y4m", seed=seed + 10) as listener,
    ):
        yield speaker, listener


async def call(speaker: Party, listener: Party) -> None:
    """From the home page into a running call, with picture and sound both ways."""
    specialist, gp = speaker.who, listener.who
    for each in (specialist, gp):
        await each.page.goto(each.url)
    await specialist.go_on_call()
    await gp.ask(urgency="emergency")
    await expect(specialist.part("ring")).to_be_visible(timeout=20_000)
    await specialist.part("accept").click()
    await in_call(gp, specialist)
    await gp.sees_and_hears(within_ms=20_000)
    await specialist.sees_and_hears(within_ms=20_000)


async def hang_up(party: Party) -> None:
    """End it for both."""
    await party.who.part("hang-up").click()
    await expect(party.who.part("room")).to_have_count(0, timeout=15_000)
