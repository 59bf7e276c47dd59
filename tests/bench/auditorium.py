"""A lecture between two real Chromiums: camera and screen show a clock, and the viewer's page reads it."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Playwright, async_playwright, expect

from tests import peers
from tests.browser import lecture as doing
from tests.browser.people import Person, person
from tests.server import Server, running_server

CLOCK = (Path(__file__).parent / "clock.js").read_text(encoding="utf-8")
"""Draws the clock into camera and screen, and notes what a player shows of it."""

PATIENCE_MS: Final = 30_000
"""What is not measured may take its time on a busy machine."""

Shown = tuple[float, float | None, float]
"""When a picture was shown (seconds since 1970), how old its clock was (seconds, None: no clock in it), media time."""


@dataclass
class Auditorium:
    """A running server, a presenter and a viewer, each in a browser of their own."""

    server: Server
    host: Person
    viewer: Person

    async def lecture(self, title: str) -> str:
        """A new one, live, with the viewer before it; returns its id."""
        status, made = await self.host.api("POST", "/api/lectures", {"title": title})
        if status >= 300:
            raise SystemExit(f"no lecture: {status} {made}")
        lecture = str(made["id"])
        await doing.go_live(self.host, lecture)
        await self.viewer.page.goto(f"{self.server.url}/lectures/{lecture}")
        await doing.follows(self.viewer)
        return lecture

    async def shown(self, what: str = "camera") -> list[Shown]:
        """Every picture that the viewer's player has shown of camera or screen."""
        rows: list[list[Any]] = await self.viewer.page.evaluate(f"window.seen.{what}")
        return [(at / 1000, None if age is None else age / 1000, media) for at, age, media in rows]

    async def forget(self) -> None:
        """Begin to count anew."""
        await self.viewer.page.evaluate("() => { for (const rows of Object.values(window.seen)) rows.length = 0; }")


@contextlib.asynccontextmanager
async def _browsing(playwright: Playwright, url: str, username: str) -> AsyncIterator[Person]:
    executable, environment = peers.chromium()
    browser = await playwright.chromium.launch(
        executable_path=executable, env={**environment}, args=[*peers.CHROMIUM_FLAGS, peers.AUTOPLAY_FLAG]
    )
    try:
        async with person(browser, url, username, scripts=(CLOCK,)) as someone:
            yield someone
    finally:
        await browser.close()


@contextlib.asynccontextmanager
async def auditorium() -> AsyncIterator[Auditorium]:
    """A server of its own for the length of the benchmark."""
    expect.set_options(timeout=PATIENCE_MS)
    with tempfile.TemporaryDirectory(prefix="tele-lecture-") as folder, running_server(Path(folder) / "data") as server:
        async with (
            async_playwright() as playwright,
            _browsing(playwright, server.url, "spec") as host,
            _browsing(playwright, server.url, "gp") as viewer,
        ):
            yield Auditorium(server, host, viewer)
