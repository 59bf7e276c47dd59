"""Pictures of every screen of a lecture: `python -m tests.browser.lecture_screens [folder] [--look …] [--docs]`.

A whole lecture for each look, as tests/browser/screenshots.py does it for a consultation: planned, announced, live
from both sides, with somebody on stage, and its replay.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path
from typing import Final

from playwright.async_api import Browser, async_playwright, expect

from tests import peers
from tests.browser import lecture as doing
from tests.browser.people import Person
from tests.browser.scenery import GP_FACE, SPECIALIST_FACE
from tests.browser.screenshots import LOOKS, Album, Look, at, keep, open_page
from tests.server import running_server

CURATED: Final = {
    "desktop-en/plan": "lecture-plan", "phone-zh/plan": "lecture-plan-phone-zh",
    "desktop-en/presenter": "lecture-presenter", "desktop-en/viewer": "lecture-viewer",
    "desktop-en/stage": "lecture-stage", "phone-zh/replay": "lecture-replay-phone-zh",
}  # fmt: skip

WORDS: Final[dict[str, dict[str, str]]] = {
    "en": {
        "title": "Chest pain: what must not be missed",
        "other": "Reading an ECG in five steps",
        "question": "Is transfer still worth it after twelve hours?",
        "second": "Ticagrelor or clopidogrel before transfer?",
        "poll": "V2–V4 are raised by 2 mm. What next?",
        "options": "Repeat the ECG in 30 minutes|Aspirin and call the hospital|Wait for troponin",
        "chat": "Greetings from Fangcao, six of us are round one screen.",
        "page": "Anterior STEMI|V2–V4: ST elevation of 2 mm and more|Aspirin, a second agent, transfer at once",
    },
    "zh-CN": {
        "title": "胸痛：不可遗漏的危急表现",
        "other": "五步读懂心电图",
        "question": "发病超过12小时还需要转院吗？",
        "second": "转院前用替格瑞洛还是氯吡格雷？",
        "poll": "V2–V4 抬高 2 mm，下一步怎么做？",
        "options": "30 分钟后复查心电图|服用阿司匹林并联系上级医院|等待肌钙蛋白结果",
        "chat": "芳草卫生中心六位同事正在一起观看。",
        "page": "急性前壁心肌梗死|V2–V4 导联 ST 段抬高 ≥ 2 mm|阿司匹林，第二种抗血小板药，立即转院",
    },
}


def slides(words: dict[str, str]) -> str:
    """A window to share that shows a page in the reader's language."""
    shown = ("Anterior STEMI", "V2–V4: ST elevation of 2 mm and more", "Page ${page}")
    script = doing.SCREEN
    for place, text in zip(shown, words["page"].split("|"), strict=True):
        script = script.replace(place, text)
    return script


async def planning(host: Person, album: Album, words: dict[str, str]) -> str:
    """The dialog, and the lecture as it is announced; returns its id."""
    await open_page(host, "/lectures")
    await host.part("new-lecture").click()
    await host.part("lecture-title").fill(words["title"])
    await album.take(host, "plan-now")
    await host.part("schedule-later").check(force=True)
    await album.take(host, "plan")
    await host.page.keyboard.press("Escape")
    await doing.schedule(host, words["other"])
    await album.take(host, "announced-host", whole=True)
    return await doing.schedule(host, words["title"])


async def taking_part(host: Person, viewer: Person, album: Album, words: dict[str, str]) -> None:
    """Questions, a poll and chat, as both sides see them."""
    for text in (words["question"], words["second"]):
        await viewer.part("question-input").fill(text)
        await viewer.part("question-send").click()
        await expect(host.part("question").filter(has_text=text)).to_be_visible()
    await host.part("question-answered").first.click()
    await album.take(viewer, "viewer", whole=True)
    await album.take(host, "presenter", whole=True)
    await host.part("tab-polls").click()
    await host.part("poll-new").click()
    await host.part("poll-text").fill(words["poll"])
    options = words["options"].split("|")
    await host.part("poll-option-text").first.fill(options[0])
    await host.part("poll-option-text").nth(1).fill(options[1])
    await album.take(host, "presenter-poll-form")
    await host.part("poll-save").click()
    await host.part("poll-open").click()
    await expect(viewer.part("poll-option")).to_have_count(2)
    await album.take(viewer, "viewer-poll")
    await viewer.part("poll-option").nth(1).click()
    await album.take(viewer, "viewer-poll-answered", settle_ms=1_200)
    await album.take(host, "presenter-poll")
    await viewer.part("tab-chat").click()
    await viewer.page.locator("[role=tabpanel] textarea").fill(words["chat"])
    await viewer.page.keyboard.press("Enter")
    await album.take(viewer, "viewer-chat")
    await viewer.part("quality").click()
    await album.take(viewer, "viewer-quality")
    await viewer.page.keyboard.press("Escape")
    await doing.scrub(viewer, 0.1)
    await album.take(viewer, "viewer-behind", settle_ms=1_200)
    await viewer.part("back-to-live").click()


async def on_stage(host: Person, guest: Person, album: Album) -> None:
    """A hand is raised; the GP comes on stage."""
    await guest.part("raise-hand").click()
    await host.part("tab-stage").click()
    await album.take(host, "presenter-hand")
    await host.part("invite").first.click()
    await expect(guest.part("invitation")).to_be_visible()
    await album.take(guest, "invited")
    await guest.part("accept-stage").click()
    await expect(guest.part("stage")).to_have_attribute("data-state", "connected", timeout=20_000)
    await guest.sees_and_hears(within_ms=20_000)
    await album.take(guest, "stage", settle_ms=1_500)
    await album.take(host, "presenter-stage")


async def walk(browser: Browser, url: str, look: Look, folder: Path) -> None:
    """One whole lecture in one look."""
    album, words = Album(folder, look), WORDS[look.language]
    async with (
        at(browser, url, "spec", look, SPECIALIST_FACE, scripts=(slides(words),)) as host,
        at(browser, url, "gp", look, GP_FACE) as viewer,
        at(browser, url, "gp2", look, GP_FACE) as guest,
    ):
        lecture = await planning(host, album, words)
        for who in (viewer, guest):
            await open_page(who, f"/lectures/{lecture}")
        await album.take(viewer, "announced", whole=True)
        await open_page(host, f"/lectures/{lecture}/present")
        await expect(host.part("go-live")).to_be_enabled(timeout=10_000)
        await album.take(host, "presenter-ready", whole=True, settle_ms=1_200)
        await host.part("go-live").click()
        await album.take(host, "presenter-countdown", settle_ms=900)
        await doing.on_air(host)
        await doing.follows(viewer)
        await doing.share_screen(host)
        await doing.follows(viewer, pictures=2)
        await taking_part(host, viewer, album, words)
        await open_page(viewer, "/lectures")
        await album.take(viewer, "lectures", whole=True)
        await open_page(viewer, "/")
        await album.take(viewer, "home-while-live")
        await open_page(viewer, f"/lectures/{lecture}")
        await on_stage(host, guest, album)
        await doing.follows(viewer, pictures=2)
        await album.take(viewer, "viewer-stage", settle_ms=2_500)
        await host.part("end-lecture").click()
        await album.take(host, "presenter-ending", settle_ms=300)
        await host.part("end-now").click()
        await expect(viewer.part("player")).to_have_attribute("data-cover", "over", timeout=15_000)
        await album.take(viewer, "over")
        await viewer.part("player").locator(".again").click()
        await doing.follows(viewer, "replay")
        await viewer.part("tab-chapters").click()
        await album.take(viewer, "replay", whole=True, settle_ms=2_000)
    print(f"{look.name}: {lecture} done")


async def main(folder: Path, looks: tuple[Look, ...]) -> None:
    executable, environment = peers.chromium()
    with tempfile.TemporaryDirectory() as data, running_server(Path(data) / "data", TZ="Asia/Shanghai") as server:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=executable, env={**environment}, args=[*peers.CHROMIUM_FLAGS, peers.AUTOPLAY_FLAG]
            )
            for look in looks:
                await walk(browser, server.url, look, folder)
            await browser.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path(tempfile.gettempdir()) / "tele-screens-lecture")
    parser.add_argument("--look", action="append", choices=[each.name for each in LOOKS], help="only these looks")
    parser.add_argument("--docs", action="store_true", help="renew docs/screenshots from what was taken")
    options = parser.parse_args()
    chosen = tuple(each for each in LOOKS if not options.look or each.name in options.look)
    asyncio.run(main(options.folder, chosen))
    if options.docs:
        keep(options.folder, CURATED)
