"""Who ends something and closes the window in the same moment: the others are not left alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.async_api import Browser, expect

from tests.browser import lecture as doing
from tests.browser.people import Person, in_call, person
from tests.server import Server, running_server

PRESS_AND_GO = """
(part) => void setTimeout(() => {
  document.querySelector(`[data-testid=${part}]`).click();
  location.replace('about:blank');
})
"""
"""The page is gone in the very task that asks for the end: what it fetches is lost, unless it may outlive the page."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("leaving") / "data") as server:
        yield server


async def press_and_close(who: Person, part: str) -> None:
    await who.page.evaluate(PRESS_AND_GO, part)
    await who.page.wait_for_url("about:blank")
    await who.page.close()


async def test_a_call_that_is_hung_up_by_a_closing_window_ends_for_the_other(browser: Browser, server: Server) -> None:
    async with (
        person(browser, server.url, "spec") as specialist,
        person(browser, server.url, "gp") as gp,
    ):
        await specialist.go_on_call()
        await gp.ask()
        await specialist.part("accept").click()
        await in_call(gp, specialist)
        await press_and_close(gp, "hang-up")
        await expect(specialist.part("opinion")).to_be_visible(timeout=10_000)


async def test_a_lecture_that_is_ended_by_a_closing_window_ends_for_its_viewers(
    browser: Browser, server: Server
) -> None:
    async with (
        person(browser, server.url, "spec", scripts=(doing.CAMERA,)) as host,
        person(browser, server.url, "gp", **doing.PHONE) as viewer,
    ):
        lecture = await doing.schedule(host, "Chest pain: what must not be missed")
        await doing.go_live(host, lecture)
        await viewer.page.goto(f"{server.url}/lectures/{lecture}")
        await doing.follows(viewer)
        await host.part("end-lecture").click()
        await expect(host.part("end-now")).to_be_visible()
        await press_and_close(host, "end-now")
        await expect(viewer.part("player")).to_have_attribute("data-state", "replay", timeout=15_000)
