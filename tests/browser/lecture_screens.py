"""Pictures of every screen of a lecture: `python -m tests.browser.lecture_screens [folder] [--look …] [--docs]`.

A whole lecture for each look (language, width, scheme), as tests/browser/screenshots.py does it for a consultation:
an empty list, planned, announced, live from both sides, with slides, with somebody on stage, in the hall, its replay.
Without `--look`, all eight; each look has a server of its own, so that nothing of another is in its lists.
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
from tests.browser.lecture_scenery import WORDS, deck, shared_window
from tests.browser.people import Person
from tests.browser.scenery import GP_FACE, SPECIALIST_FACE
from tests.browser.screenshots import Album, Look, at, keep, open_page
from tests.server import running_server

LOOKS: Final = tuple(
    Look(f"{device}-{short}{'-dark' if dark else ''}", language, width, height, dark)
    for device, width, height in (("desktop", 1280, 800), ("phone", 390, 844))
    for short, language in (("en", "en"), ("zh", "zh-CN"))
    for dark in (False, True)
)

CURATED: Final = {
    "desktop-en/plan": "lecture-plan", "phone-zh/plan": "lecture-plan-phone-zh",
    "desktop-en/presenter": "lecture-presenter", "desktop-en/viewer": "lecture-viewer",
    "desktop-en/stage": "lecture-stage", "phone-zh/replay": "lecture-replay-phone-zh",
    "desktop-zh/presenter-slides": "lecture-slides-zh", "desktop-zh/stage": "lecture-stage-zh",
    "phone-en/announced": "lecture-announced-phone", "phone-en/hall-code": "lecture-hall-phone",
    "phone-en/check-in": "lecture-check-in-phone",
}  # fmt: skip

PATIENCE_MS: Final = 90_000
"""How long a screen may take to come: a machine that runs five browsers at once is slow."""


async def planning(host: Person, album: Album, words: dict[str, str]) -> str:
    """The dialog in its states, and the lectures as they are announced; returns the id of the one to be held."""
    await open_page(host, "/lectures")
    await album.take(host, "lectures-none-host")
    await host.part("new-lecture").click()
    await album.take(host, "plan-empty")
    await host.part("save-lecture").or_(host.part("go-live")).first.click()
    await album.take(host, "plan-missing")
    await host.part("lecture-title").fill(words["title"])
    await album.take(host, "plan-now")
    await host.part("schedule-later").check(force=True)  # it is drawn by its label
    await album.take(host, "plan")
    await host.page.locator("dialog[open] summary").click()
    await album.take(host, "plan-details")
    await host.part("downloadable").scroll_into_view_if_needed()
    await album.take(host, "plan-details-below")
    await host.page.keyboard.press("Escape")
    await host.api("POST", "/api/lecture-series", {"title": words["series"], "summary": words["summary"]})
    _, series = await host.api("GET", "/api/lecture-series")
    lectures = [await doing.schedule(host, words[each]) for each in ("other", "title")]
    about = {"series": series["items"][0]["id"], "place": words["place"], "summary": words["summary"]}
    for lecture in lectures:
        await host.api("PATCH", f"/api/lectures/{lecture}", {**about, "specialty": "cardiology", "downloadable": True})
    await open_page(host, f"/lectures?series={about['series']}")
    await album.take(host, "series", whole=True)
    await host.part("search").fill("zzz")
    await album.take(host, "lectures-nothing")
    await open_page(host, f"/lectures/{lectures[1]}")
    await album.take(host, "announced-host", whole=True)
    await host.part("edit-lecture").click()
    await album.take(host, "plan-edit")
    await host.page.keyboard.press("Escape")
    return lectures[1]


async def taking_part(host: Person, viewer: Person, album: Album, words: dict[str, str]) -> None:
    """Questions, a poll and chat, as both sides see them, empty and used."""
    await album.take(viewer, "viewer-no-questions")
    for text in (words["question"], words["second"]):
        await viewer.part("question-input").fill(text)
        await viewer.part("question-send").click()
        await expect(host.part("question").filter(has_text=text)).to_be_visible()
    await host.part("question-answered").first.click()
    await viewer.page.evaluate("scrollTo(0, 0)")
    await album.take(viewer, "viewer", whole=True)
    await album.take(host, "presenter", whole=True)
    await host.part("tab-polls").click()
    await album.take(host, "presenter-no-polls")
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
    await album.take(viewer, "viewer-no-chat")
    await viewer.page.locator("[role=tabpanel] textarea").fill(words["chat"])
    await viewer.page.keyboard.press("Enter")
    await album.take(viewer, "viewer-chat")
    await host.part("tab-chat").click()
    await album.take(host, "presenter-chat")
    await viewer.part("tab-chapters").click()
    await album.take(viewer, "viewer-chapters")
    await viewer.part("quality").click()
    await album.take(viewer, "viewer-quality")
    await viewer.page.keyboard.press("Escape")
    await doing.scrub(viewer, 0.1)
    await album.take(viewer, "viewer-behind", settle_ms=1_200)
    await viewer.part("back-to-live").click()


async def with_slides(host: Person, viewer: Person, album: Album) -> None:
    """A page of the deck stands, with the speaker beside it, and is put away again."""
    await host.part("deck-next").click()
    await host.part("deck-next").click()
    await expect(viewer.part("slide").first).to_be_visible()
    await album.take(host, "presenter-slides", settle_ms=1_200)
    await album.take(viewer, "viewer-slides", settle_ms=1_200)
    await host.page.locator(".deck .tools .btn.quiet").first.click()


async def in_the_hall(host: Person, guest: Person, lecture: str, album: Album) -> None:
    """The code on the screen, and what it opens on a phone."""
    await host.part("hall-code").click()
    await expect(host.part("qr")).to_be_visible()
    await album.take(host, "hall-code")
    await host.page.keyboard.press("Escape")
    _, answer = await host.api("GET", f"/api/lectures/{lecture}/check-in-code")
    for code, name in (("nothing", "check-in-failed"), (answer["code"], "check-in")):
        await open_page(guest, f"/check-in/{lecture}/{code}")
        await expect(guest.part("check-in")).not_to_have_attribute("data-state", "busy")
        await album.take(guest, name)
    await open_page(guest, f"/lectures/{lecture}")
    await guest.part("check-in-others").click()
    await expect(guest.part("qr")).to_be_visible()
    await album.take(guest, "check-in-others")
    await guest.page.keyboard.press("Escape")


async def on_stage(host: Person, guest: Person, album: Album) -> None:
    """A hand is raised; the GP comes on stage."""
    await host.part("tab-stage").click()
    await album.take(host, "presenter-no-hands")
    await guest.part("raise-hand").click()
    await expect(host.part("invite").first).to_be_visible()
    await album.take(host, "presenter-hand")
    await album.take(guest, "hand-up")
    await host.part("invite").first.click()
    await expect(guest.part("invitation")).to_be_visible()
    await album.take(guest, "invited")
    await guest.part("accept-stage").click()
    await expect(guest.part("stage")).to_have_attribute("data-state", "connected")
    await guest.sees_and_hears(within_ms=PATIENCE_MS)
    await album.take(guest, "stage", settle_ms=1_500)
    await album.take(host, "presenter-stage")


async def watched_again(viewer: Person, album: Album) -> None:
    """The replay: its contents, what a finger on the bar shows, its sides."""
    await viewer.part("player").locator(".again").click()
    await doing.follows(viewer, "replay", within_ms=PATIENCE_MS)
    await viewer.part("tab-chapters").click()
    await album.take(viewer, "replay", whole=True, settle_ms=2_000)
    bar = await viewer.part("player").get_by_role("slider").first.bounding_box()
    assert bar is not None
    await viewer.page.mouse.move(bar["x"] + bar["width"] * 0.6, bar["y"] + bar["height"] / 2)
    await album.take(viewer, "replay-bar", pointer=True)
    for tab in ("questions", "polls", "chat"):
        await viewer.part(f"tab-{tab}").click()
        await album.take(viewer, f"replay-{tab}")


async def walk(browser: Browser, url: str, look: Look, folder: Path) -> None:
    """One whole lecture in one look."""
    album, words = Album(folder, look), WORDS[look.language]
    async with (
        at(browser, url, "spec", look, SPECIALIST_FACE, scripts=(shared_window(words),)) as host,
        at(browser, url, "gp", look, GP_FACE) as viewer,
        at(browser, url, "gp2", look, GP_FACE) as guest,
    ):
        await open_page(viewer, "/lectures")
        await album.take(viewer, "lectures-none")
        lecture = await planning(host, album, words)
        await open_page(viewer, "/lectures")
        await viewer.page.locator(".tools button").last.click()
        await album.take(viewer, "calendar")
        for who in (viewer, guest):
            await open_page(who, f"/lectures/{lecture}")
        await album.take(viewer, "announced", whole=True)
        await host.page.goto(f"{url}/lectures/{lecture}/present")  # a page without the frame in which names stand
        await expect(host.part("go-live")).to_be_enabled()
        await album.take(host, "presenter-ready", whole=True, settle_ms=1_200)
        await host.part("deck-file").set_input_files(
            {"name": "slides.pdf", "mimeType": "application/pdf", "buffer": await deck(browser, words)}
        )
        await expect(host.part("deck-page")).to_be_visible()
        await album.take(host, "presenter-deck", settle_ms=1_200)
        await host.part("go-live").click()
        await album.take(host, "presenter-countdown", settle_ms=900)
        await doing.on_air(host)
        await doing.follows(viewer, within_ms=PATIENCE_MS)
        await with_slides(host, viewer, album)
        await doing.share_screen(host)
        await expect(viewer.part("player").locator(".big video")).to_be_visible()
        await taking_part(host, viewer, album, words)
        await open_page(viewer, "/lectures")
        await album.take(viewer, "lectures", whole=True)
        await open_page(viewer, "/")
        await album.take(viewer, "home-while-live")
        await open_page(viewer, f"/lectures/{lecture}")
        await in_the_hall(host, guest, lecture, album)
        await on_stage(host, guest, album)
        await expect(viewer.part("player").locator(".person", has_text=words["guest"])).to_be_visible()
        await album.take(viewer, "viewer-stage", settle_ms=1_500)
        await host.part("share-screen").click()
        await expect(viewer.part("player").locator(".big")).to_have_count(0)
        for who, name in ((viewer, "viewer-faces"), (guest, "stage-faces"), (host, "presenter-faces")):
            await album.take(who, name)
        await host.part("end-lecture").click()
        await album.take(host, "presenter-ending", settle_ms=300)
        await host.part("end-now").click()
        await expect(viewer.part("player")).to_have_attribute("data-cover", "over")
        await album.take(viewer, "over")
        await watched_again(viewer, album)
        await open_page(viewer, "/lectures")
        await album.take(viewer, "lectures-past", whole=True)
    print(f"{look.name}: {lecture} done", flush=True)


async def main(folder: Path, looks: tuple[Look, ...]) -> None:
    executable, environment = peers.chromium()
    expect.set_options(timeout=PATIENCE_MS)
    async with async_playwright() as playwright:
        for look in looks:
            with (
                tempfile.TemporaryDirectory() as data,
                running_server(Path(data) / "data", TZ="Asia/Shanghai") as server,
            ):
                browser = await playwright.chromium.launch(
                    executable_path=executable, env={**environment}, args=[*peers.CHROMIUM_FLAGS, peers.AUTOPLAY_FLAG]
                )
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
    print(f"pictures in {options.folder}")
