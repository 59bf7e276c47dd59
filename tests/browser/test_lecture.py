"""A lecture in real Chromium: planned, live with camera and screen, taken part in, interrupted, ended, replayed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.async_api import Browser, expect

from tests.browser import lecture as doing
from tests.browser.accessibility import barriers
from tests.browser.people import Person, person
from tests.server import Server, running_server

TITLE = "Chest pain: what must not be missed"
ASKED = "发病超过12小时还需要转院吗？"
POLL, OPTIONS = "Which lead first?", ("II", "V4")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("lecture") / "data") as server:
        yield server


async def take_part(host: Person, viewer: Person) -> None:
    """A question is asked and answered, a poll is held."""
    await viewer.part("question-input").fill(ASKED)
    await viewer.part("question-send").click()
    await expect(host.part("question")).to_contain_text(ASKED)
    await host.part("question-answered").click()
    await expect(viewer.part("question")).to_have_attribute("data-state", "answered")
    await host.part("tab-polls").click()
    await host.part("poll-new").click()
    await host.part("poll-text").fill(POLL)
    for index, option in enumerate(OPTIONS):
        await host.part("poll-option-text").nth(index).fill(option)
    await host.part("poll-save").click()
    await host.part("poll-open").click()
    await viewer.part("poll-option").nth(1).click()  # it came by itself
    await expect(viewer.part("poll-option").nth(1)).to_contain_text("100%")
    await expect(host.part("poll-option").nth(1)).to_contain_text("100%")
    await host.part("poll-close").click()


async def scrub(viewer: Person) -> None:
    """Back to the beginning while it runs, and to the edge again."""
    edge = await doing.position(viewer)
    await doing.scrub(viewer, 0.05)
    await expect(viewer.part("back-to-live")).to_be_visible()
    assert await doing.out_of_reach(viewer, "player") == []
    assert await doing.position(viewer) < edge - 3
    await doing.follows(viewer)
    await viewer.part("back-to-live").click()
    await expect(viewer.part("at-live")).to_be_visible()
    await doing.follows(viewer)
    assert await doing.position(viewer) > edge


async def interrupt(host: Person, viewer: Person) -> None:
    """The presenter's page is gone and comes back; the viewer is told, in words, and sees it go on."""
    address = host.page.url
    await host.page.goto("about:blank")
    player = viewer.part("player")
    await expect(player).to_have_attribute("data-cover", "away", timeout=15_000)
    await expect(player).to_contain_text("马上回来")
    await host.page.goto(address)
    await doing.on_air(host)
    await doing.follows(viewer)


async def test_a_lecture_from_its_plan_to_its_replay(browser: Browser, server: Server) -> None:
    found: dict[str, list[str]] = {}
    async with (
        person(browser, server.url, "spec", scripts=(doing.CAMERA, doing.SCREEN)) as host,
        person(browser, server.url, "gp", **doing.PHONE) as viewer,
    ):
        await doing.reads(viewer, "zh-CN")
        lecture = await doing.schedule(host, TITLE)
        await viewer.page.goto(f"{server.url}/lectures")
        await viewer.part("lecture-card").filter(has_text=TITLE).click()
        await expect(viewer.part("player")).to_have_attribute("data-cover", "before")
        address = viewer.page.url
        assert address == f"{server.url}/lectures/{lecture}"

        await doing.go_live(host, lecture)
        await doing.follows(viewer)
        await doing.sees_large(viewer)
        await doing.share_screen(host)
        await doing.follows(viewer, pictures=2)
        await doing.still_screen_is_paced(host)
        await take_part(host, viewer)
        found["presenter"], found["viewer"] = await barriers(host), await barriers(viewer)
        await scrub(viewer)
        await interrupt(host, viewer)

        await doing.end(host)
        player = viewer.part("player")
        await expect(player).to_have_attribute("data-state", "replay")
        await expect(player).to_have_attribute("data-cover", "over", timeout=10_000)
        await player.get_by_role("button", name="从头观看").click()
        await doing.follows(viewer, "replay")
        assert await doing.out_of_reach(viewer, "player") == []
        assert viewer.page.url == address
        await viewer.part("tab-chapters").click()
        await expect(viewer.part("chapter").filter(has_text=ASKED)).to_be_visible()
        await expect(viewer.part("chapter").filter(has_text=POLL)).to_be_visible()
        found["replay"] = await barriers(viewer)
    assert not any(found.values()), found


async def test_planning_and_the_device_check_have_no_barriers(browser: Browser, server: Server) -> None:
    found: dict[str, list[str]] = {}
    async with person(browser, server.url, "spec", scripts=(doing.CAMERA,)) as host:
        lecture = await doing.schedule(host, "Reading an ECG in five steps")
        found["announced"] = await barriers(host)
        await host.page.goto(f"{server.url}/lectures/{lecture}/present")
        await expect(host.part("go-live")).to_be_enabled(timeout=10_000)
        found["device check"] = await barriers(host)
        await host.page.goto(f"{server.url}/lectures?new")
        await host.part("schedule-later").check(force=True)
        await expect(host.part("lecture-date")).to_be_visible()
        await host.part("lecture-title").fill("A third one")
        await host.page.locator("summary").click()
        found["planning"] = await barriers(host)
        await host.page.keyboard.press("Escape")
        await expect(host.part("lecture-card").first).to_be_visible()
        found["list"] = await barriers(host)
    assert not any(found.values()), found
