"""Pictures of every screen, by hand: `python -m tests.browser.screenshots [folder] [--quick] [--docs]`.

One real server, real browsers and a whole consultation for each look (language, width, scheme). People's cameras show a
drawn portrait, so that the pictures look like a call. `--quick` takes one look; `--docs` also writes docs/screenshots.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.async_api import Browser, async_playwright, expect

from tests import peers
from tests.browser.people import Person, hang_up, in_call, person
from tests.browser.scenery import GP_FACE, PORTRAIT, SPECIALIST_FACE, WORDS, ecg
from tests.server import REPOSITORY, running_server

DOCS = REPOSITORY / "docs" / "screenshots"
CURATED = {
    "desktop-en/room-gp": "room", "desktop-en/ask": "ask", "desktop-en/ring": "ring",
    "desktop-en/case-whole": "case-replay",
    "desktop-en/opinion": "opinion", "desktop-en/queue": "queue", "desktop-en/roster": "roster",
    "phone-en/waiting": "waiting-phone", "phone-zh/room-gp": "room-phone-zh", "desktop-zh/ask": "ask-zh",
    "desktop-en-dark/home-specialist": "home-specialist-dark",
}  # fmt: skip
"""Which pictures the documentation shows, and under which names."""


@dataclass(frozen=True)
class Look:
    """How one walk looks: its folder, the browser's options, the language."""

    name: str
    language: str
    width: int
    height: int
    dark: bool = False

    @property
    def options(self) -> dict[str, Any]:
        phone = self.width < 600
        return {
            "viewport": {"width": self.width, "height": self.height},
            "device_scale_factor": 2 if phone else 1,
            "has_touch": phone,
            "is_mobile": phone,
            "locale": self.language if self.language != "en" else "en-GB",
            "timezone_id": "Asia/Shanghai",
            "color_scheme": "dark" if self.dark else "light",
        }


LOOKS = (
    Look("desktop-en", "en", 1280, 800),
    Look("phone-en", "en", 390, 844),
    Look("desktop-zh", "zh-CN", 1280, 800),
    Look("phone-zh", "zh-CN", 390, 844),
    Look("desktop-en-dark", "en", 1280, 800, dark=True),
    Look("phone-zh-dark", "zh-CN", 390, 844, dark=True),
    Look("narrow-en", "en", 320, 640),
)


class Album:
    """The pictures of one look."""

    def __init__(self, folder: Path, look: Look) -> None:
        self.folder, self.look = folder / look.name, look
        self.folder.mkdir(parents=True, exist_ok=True)

    async def take(
        self, who: Person, name: str, *, whole: bool = False, settle_ms: int = 450, pointer: bool = False
    ) -> None:
        """One picture of the window; `whole`: and one of the whole page; `pointer`: leaving the mouse where it is."""
        if not pointer:
            await who.page.mouse.move(0, 0)
        await who.page.wait_for_timeout(settle_ms)
        await who.page.screenshot(path=self.folder / f"{name}.png")
        if whole:
            await who.page.screenshot(path=self.folder / f"{name}-whole.png", full_page=True)
        over = await who.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if over > 0:
            print(f"{self.look.name}/{name}: {over} px wider than the window")


@asynccontextmanager
async def at(
    browser: Browser, url: str, username: str, look: Look, face: str = "", scripts: tuple[str, ...] = ()
) -> AsyncIterator[Person]:
    """Somebody signed in, in the look's language."""
    scripts += (PORTRAIT.replace("FACE", face),) if face else ()
    async with person(browser, url, username, scripts=scripts, **look.options) as someone:
        await someone.api("PUT", "/api/session/language", {"language": look.language})
        await someone.page.reload()
        await expect(someone.part("whoami")).to_be_visible()
        yield someone


async def open_page(who: Person, path: str) -> None:
    await who.page.goto(who.url + path)
    await expect(who.part("whoami")).to_be_visible()


async def doors(browser: Browser, url: str, look: Look, album: Album) -> None:
    """Signing in, and being refused."""
    context = await browser.new_context(**look.options)
    stranger = Person(await context.new_page(), context, url)
    await stranger.page.goto(url)
    await expect(stranger.part("username")).to_be_visible()
    await album.take(stranger, "sign-in")
    await stranger.part("username").fill("gp")
    await stranger.part("password").fill("something else")
    await stranger.part("sign-in").click()
    await expect(stranger.page.get_by_role("alert")).to_be_visible()
    await album.take(stranger, "sign-in-wrong")
    await context.close()


async def asking(gp: Person, album: Album, words: dict[str, str]) -> str:
    """The form: empty, refused, filled; returns the consultation's id."""
    await gp.part("new-consultation").click()
    await gp.part("send-request").click()
    await album.take(gp, "ask-missing", whole=True)
    await gp.part("specialty").select_option("cardiology")
    await gp.part("urgency").select_option("urgent")
    await gp.part("question").fill(words["question"])
    fields = gp.page.locator("main form")
    await fields.locator("select").nth(2).select_option("male")
    for index, text in enumerate(("58", "L.H.", "FC-20418")):
        await fields.locator("input.input").nth(index).fill(text)
    for index, name in ((1, "history"), (2, "findings")):
        await fields.locator("textarea").nth(index).fill(words[name])
    await gp.page.locator("input[type=file]").first.set_input_files(
        {"name": "ecg-08-42.png", "mimeType": "image/png", "buffer": ecg()}
    )
    await gp.part("consent").check()
    await expect(gp.page.get_by_text("ecg-08-42.png")).to_be_visible()
    await gp.page.wait_for_timeout(800)
    await gp.page.evaluate("scrollTo(0, 0)")
    await album.take(gp, "ask", whole=True)
    async with gp.page.expect_response(
        lambda answer: answer.request.method == "POST" and answer.url.endswith("/api/consultations")
    ) as sent:
        await gp.part("send-request").click()
    consultation = str((await (await sent.value).json())["id"])
    await expect(gp.part("queue-state")).to_be_visible()
    return consultation


async def calling(gp: Person, specialist: Person, album: Album, words: dict[str, str]) -> None:
    """The room from both sides, with what can be opened in it."""
    await in_call(gp, specialist)
    for each in (gp, specialist):
        await each.sees_and_hears(within_ms=20_000)
    await album.take(gp, "room-fresh", settle_ms=1_500)
    phone = album.look.width < 1000
    for who, line in ((gp, "chat-gp"), (specialist, "chat-specialist")):
        if not await who.part("chat-input").is_visible():
            await who.page.keyboard.press("c")
        await who.part("chat-input").fill(words[line])
        await who.part("chat-send").click()
    await expect(gp.part("chat-message")).to_have_count(2)
    await album.take(gp, "room-chat")
    if phone:
        for who in (gp, specialist):
            await who.page.locator(".tabs button").last.click()
    await album.take(gp, "room-gp")
    await album.take(specialist, "room-specialist")
    await gp.part("recording").click()
    await album.take(gp, "room-recording")
    await gp.page.keyboard.press("Escape")
    await gp.page.locator("h1").click()
    await gp.page.locator(".holder > button").click()
    await album.take(gp, "room-more")
    await gp.page.keyboard.press("Escape")
    if phone:
        await gp.page.keyboard.press("c")
        await gp.page.locator(".tabs [role=tab]").first.click()
        await album.take(gp, "room-case")
    await gp.page.locator("aside .small-button").first.click()
    await expect(specialist.page.locator(".stage, [data-stage]").first).to_be_visible()
    await album.take(gp, "room-file", settle_ms=1_200)
    await album.take(specialist, "room-file-specialist")
    await gp.page.keyboard.press("Escape")
    await specialist.part("toggle-camera").click()
    await specialist.part("toggle-mic").click()
    await album.take(gp, "room-camera-off", settle_ms=900)
    await specialist.part("toggle-camera").click()
    await gp.page.wait_for_timeout(4_000)


async def consulting(gp: Person, specialist: Person, album: Album, words: dict[str, str]) -> None:
    """From the specialist's switch to the signed opinion."""
    await album.take(specialist, "home-specialist-off")
    await specialist.go_on_call()
    await album.take(specialist, "home-specialist", whole=True)
    await open_page(specialist, "/devices")
    await album.take(specialist, "devices", settle_ms=1_500)
    await open_page(specialist, "/")
    await open_page(gp, "/")
    consultation = await asking(gp, album, words)
    await expect(specialist.part("ring")).to_be_visible(timeout=10_000)
    await album.take(specialist, "ring")
    await album.take(gp, "waiting", whole=True)
    await gp.part("cancel-request").click()
    await album.take(gp, "waiting-cancel")
    await gp.page.keyboard.press("Escape")
    await open_page(gp, "/")
    await album.take(gp, "home-gp-waiting", whole=True)
    await specialist.part("accept").click()
    await calling(gp, specialist, album, words)
    await hang_up(gp)
    await expect(specialist.part("opinion")).to_be_visible(timeout=10_000)
    await album.take(specialist, "opinion-empty")
    await specialist.part("opinion").fill(words["assessment"])
    await specialist.part("opinion-advice").fill(words["advice"])
    await specialist.page.locator("input[type=radio]").last.check()
    await specialist.page.wait_for_timeout(900)
    await specialist.page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    await album.take(specialist, "opinion", whole=True)
    await expect(gp.part("player")).to_have_attribute("data-state", "replay", timeout=15_000)
    await album.take(gp, "case-after-call", whole=True, settle_ms=2_000)
    await specialist.part("save-opinion").click()
    await expect(gp.page.get_by_text(words["assessment"]).first).to_be_visible(timeout=10_000)
    await gp.page.evaluate("scrollTo(0, 0)")
    await album.take(gp, "case", whole=True, settle_ms=1_500)
    await album.take(specialist, "case-specialist", whole=True)
    await open_page(gp, "/")
    await album.take(gp, "home-gp", whole=True)
    await open_page(gp, "/cases")
    await album.take(gp, "cases")
    await open_page(gp, "/library")
    await expect(gp.part("recording-card").first).to_be_visible()
    await album.take(gp, "library")
    await gp.part("search").fill("zzz")
    await album.take(gp, "library-nothing")
    await gp.part("search").fill("")
    await gp.part("recording-card").first.click()
    await expect(gp.part("player")).to_have_attribute("data-state", "replay", timeout=15_000)
    await album.take(gp, "replay", whole=True, settle_ms=1_200)
    await open_page(gp, "/nowhere")
    await album.take(gp, "not-found")
    await open_page(specialist, "/")
    await album.take(specialist, "home-specialist-cases", whole=True)
    print(f"{album.look.name}: {consultation} done")


async def waiting_in_vain(
    gp: Person, specialist: Person, coordinator: Person, album: Album, words: dict[str, str]
) -> None:
    """Nobody on call; a question back; a refused line; what the coordinator sees of it."""
    switch = specialist.part("on-call")
    if await switch.get_attribute("aria-checked") == "true":
        await switch.click()
    await open_page(gp, "/")
    await gp.ask(specialty="dermatology", urgency="routine", question=words["question"])
    await album.take(gp, "waiting-nobody", whole=True)
    await open_page(coordinator, "/queue")
    await album.take(coordinator, "queue")
    await coordinator.page.locator("[data-testid=queue] li .btn, [data-testid=queue] button").first.click()
    await album.take(coordinator, "queue-assign")
    await coordinator.page.keyboard.press("Escape")
    await open_page(coordinator, "/roster")
    await album.take(coordinator, "roster", whole=True)
    await coordinator.page.locator("main .btn.primary").first.click()
    await album.take(coordinator, "roster-add")
    await coordinator.page.keyboard.press("Escape")
    await gp.context.set_offline(True)
    await gp.page.evaluate("window.dispatchEvent(new Event('offline'))")
    await album.take(gp, "offline", settle_ms=2_500)
    await gp.context.set_offline(False)
    await expect(gp.part("cancel-request")).to_be_visible()
    await gp.part("cancel-request").click()
    await gp.part("confirm-cancel").click()
    await album.take(gp, "cancelled", settle_ms=900)


async def walk(browser: Browser, url: str, look: Look, folder: Path) -> None:
    album = Album(folder, look)
    words = WORDS[look.language]
    await doors(browser, url, look, album)
    async with (
        at(browser, url, "spec", look, SPECIALIST_FACE) as specialist,
        at(browser, url, "gp", look, GP_FACE) as gp,
    ):
        await album.take(gp, "home-gp-first")
        await consulting(gp, specialist, album, words)
        async with at(browser, url, "coord", look) as coordinator:
            await album.take(coordinator, "home-coordinator")
            await waiting_in_vain(gp, specialist, coordinator, album, words)
    async with at(browser, url, "learner", look) as learner:
        await album.take(learner, "home-learner")
        await open_page(learner, "/library")
        await album.take(learner, "library-empty")


def keep(folder: Path, curated: dict[str, str]) -> None:
    """Copy the curated pictures into the documentation, with few colours, so that they stay small."""
    DOCS.mkdir(parents=True, exist_ok=True)
    for source, name in curated.items():
        if (path := folder / f"{source}.png").is_file():
            picture = Image.open(path).convert("RGB")
            picture.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(
                DOCS / f"{name}.png", optimize=True
            )


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
    parser.add_argument("folder", nargs="?", type=Path, default=Path(tempfile.gettempdir()) / "tele-screens")
    parser.add_argument("--quick", action="store_true", help="one look only")
    parser.add_argument("--look", action="append", choices=[each.name for each in LOOKS], help="only these looks")
    parser.add_argument("--docs", action="store_true", help="renew docs/screenshots from what was taken")
    asked = parser.parse_args()
    chosen = LOOKS[:1] if asked.quick else tuple(each for each in LOOKS if not asked.look or each.name in asked.look)
    asyncio.run(main(asked.folder, chosen))
    if asked.docs:
        keep(asked.folder, CURATED)
    print(f"pictures in {asked.folder}")
