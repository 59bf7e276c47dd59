"""A guest on stage, as the audience sees and hears them in real Chromium: beside the speaker, live and as a replay."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.async_api import Browser, expect

from tests.browser import lecture as doing
from tests.browser.people import Person, person
from tests.server import Server, running_server

GUEST = "王芳医生"
PATIENCE_MS = 40_000
"""Six senders and players share two cores: a small picture stands in meanwhile, or the voice alone."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("stage") / "data") as server:
        yield server


async def comes_on_stage(host: Person, guest: Person) -> None:
    """A hand is raised and taken up; done when the guest stands in the call."""
    await guest.part("raise-hand").click()
    await host.part("tab-stage").click()
    await host.part("invite").first.click()
    await guest.part("accept-stage").click()
    await expect(guest.part("stage")).to_have_attribute("data-state", "connected", timeout=15_000)


async def stand_apart(viewer: Person, *, width: float, height: float) -> None:
    """Speaker and guest are both within the window, at least this large, and neither hides the other."""
    boxes = [await viewer.part("player").locator(each).bounding_box() for each in (".speaker > video", ".person video")]
    window = viewer.page.viewport_size
    assert window is not None
    for box in boxes:
        assert box is not None
        assert box["width"] >= width and box["height"] >= height, boxes
        assert box["x"] >= 0 and box["x"] + box["width"] <= window["width"] + 1, boxes
    speaker, guest = boxes
    assert speaker is not None and guest is not None
    beside = speaker["x"] + speaker["width"] <= guest["x"] + 1 or guest["x"] + guest["width"] <= speaker["x"] + 1
    assert beside or speaker["y"] + speaker["height"] <= guest["y"] + 1, boxes


async def test_a_guest_is_seen_and_heard_by_the_audience_live_and_in_the_replay(
    browser: Browser, server: Server
) -> None:
    async with (
        person(browser, server.url, "spec", scripts=(doing.CAMERA, doing.SCREEN)) as host,
        person(browser, server.url, "gp2", scripts=(doing.CAMERA,)) as guest,
        person(browser, server.url, "gp", **doing.PHONE) as viewer,
    ):
        await doing.reads(viewer, "zh-CN")
        lecture = await doing.schedule(host, "Chest pain: what must not be missed")
        await doing.go_live(host, lecture)
        for who in (viewer, guest):
            await who.page.goto(f"{server.url}/lectures/{lecture}")
        await doing.follows(viewer)
        await comes_on_stage(host, guest)
        await doing.sees_and_hears(viewer, GUEST, within_ms=PATIENCE_MS)
        await doing.follows(viewer, pictures=2, within_ms=PATIENCE_MS)
        await stand_apart(viewer, width=180, height=180)
        await doing.share_screen(host)
        await doing.follows(viewer, pictures=3, within_ms=PATIENCE_MS)
        await doing.sees_and_hears(viewer, GUEST, within_ms=PATIENCE_MS)
        await stand_apart(viewer, width=90, height=64)

        await doing.end(host)
        await expect(viewer.part("player")).to_have_attribute("data-cover", "over", timeout=PATIENCE_MS)
        await viewer.part("tab-chapters").click()
        await viewer.part("chapter").filter(has_text=GUEST).click()
        await doing.sees_and_hears(viewer, GUEST, within_ms=PATIENCE_MS)
        await doing.follows(viewer, "replay", pictures=2, within_ms=PATIENCE_MS)
