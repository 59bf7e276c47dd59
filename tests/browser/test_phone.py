"""A GP's phone in WeChat: in by the code on the hall's screen, sound after one tap, and on while the screen is off.

What stands in for WeChat is Chromium, as WeChat's own browser on Android is one: its name, a phone's screen and touch,
no leave to play sound by itself, and what it does to a page when the screen goes off.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, expect
from playwright.async_api import TimeoutError as PlaywrightTimeout

from tests.browser import lecture as doing
from tests.browser.people import Person, person
from tests.server import Server, running_server

WECHAT = (
    "Mozilla/5.0 (Linux; Android 14; V2307A Build/UP1A.231005.007; wv) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Version/4.0 Chrome/130.0.6723.103 Mobile Safari/537.36 XWEB/1300259 MMWEBSDK/20241103 "
    "MicroMessenger/8.0.56.2800(0x2800385E) WeChat/arm64 Weixin NetType/4G Language/zh_CN ABI/arm64"
)
"""What WeChat on an Android phone calls itself."""

TRACK = re.compile(r"/media/[^/]+/([^/]+)/")

TAP_FIRST = """
(() => {
  let tapped = false;
  addEventListener('pointerup', (event) => { tapped ||= event.isTrusted; }, true);
  const play = HTMLMediaElement.prototype.play;
  HTMLMediaElement.prototype.play = function () {
    return tapped || this.muted ? play.call(this) : Promise.reject(new DOMException('Tap first.', 'NotAllowedError'));
  };
})();
"""
"""No sound before a tap on the page. Chromium's own rule is of no use here: what a test evaluates counts as a tap."""

SCREEN = """
(state) => {
  Object.defineProperty(document, 'visibilityState', { value: state, configurable: true });
  Object.defineProperty(document, 'hidden', { value: state === 'hidden', configurable: true });
  if (state === 'hidden') for (const video of document.querySelectorAll('video')) if (video.videoWidth) video.pause();
  document.dispatchEvent(new Event('visibilitychange'));
}
"""
"""The screen goes off and on: as phones do, the page is told, and what shows a picture is paused. Automated browsers
never hide a page."""

STANDS = """
() => [document.body.innerText.slice(0, 400), ...Array.from(document.querySelectorAll('video'), (video) =>
  [video.readyState, video.paused, video.muted, video.currentTime, video.videoWidth, video.buffered.length])]
"""
"""What there is to say of a page that does not ask for a tap."""

PLAYED = """
() => {
  const video = document.querySelector('[data-testid=player] .speaker video');
  return { time: video.currentTime, sound: video.webkitAudioDecodedByteCount, paused: video.paused };
}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("phone") / "data") as server:
        yield server


@asynccontextmanager
async def scanned(browser: Browser, address: str) -> AsyncIterator[Person]:
    """A phone whose owner scans a code with WeChat and is not signed in yet."""
    context = await browser.new_context(user_agent=WECHAT, **doing.PHONE)
    await context.add_init_script(TAP_FIRST)
    page = await context.new_page()
    await page.goto(address)
    try:
        yield Person(page, context, address)
    finally:
        await context.close()


async def test_wechat_from_the_code_in_the_hall_to_sound_with_the_screen_off(browser: Browser, server: Server) -> None:
    async with person(browser, server.url, "spec", scripts=(doing.CAMERA, doing.SCREEN)) as host:
        lecture = await doing.schedule(host, "Chest pain in ten minutes")
        await doing.go_live(host, lecture)
        await doing.share_screen(host)
        _, answer = await host.api("GET", f"/api/lectures/{lecture}/check-in-code")

        async with scanned(browser, f"{server.url}/check-in/{lecture}/{answer['code']}") as phone:
            await phone.part("username").fill("gp")
            await phone.part("password").fill("demo-only")
            await phone.part("sign-in").tap()
            await expect(phone.part("check-in")).to_have_attribute("data-state", "done")  # not the page of all lectures
            await doing.reads(phone, "zh-CN")
            await expect(phone.part("check-in")).to_have_attribute("data-state", "done")  # once more is no harm

            # A page that was opened by itself, without a tap on it: pictures, and a button for the sound.
            asked: list[str] = []
            phone.page.on("request", lambda request: asked.append(request.url))
            await phone.page.goto(f"{server.url}/lectures/{lecture}")
            loud = phone.part("player").get_by_text("打开声音")
            try:
                await loud.tap()
            except PlaywrightTimeout:
                stands = await phone.page.evaluate(STANDS)
                raise AssertionError(f"no button, but {stands} after {asked[-12:]}") from None
            await expect(loud).to_be_hidden()
            await doing.follows(phone, pictures=2)

            await phone.page.evaluate(SCREEN, "hidden")
            await only_sound(phone, asked)
            assert not any("/aac-" in url for url in asked), "made for phones that know no Opus"

            await phone.page.evaluate(SCREEN, "visible")
            await doing.follows(phone, pictures=2)
            await expect(phone.part("at-live")).to_be_visible()
        await doing.end(host)


async def only_sound(phone: Person, asked: list[str]) -> None:
    """For some seconds sound goes on, and not a picture is asked for."""
    await goes_on(phone, 1)  # with the sound alone now
    before = len(asked)
    await goes_on(phone, 5)
    tracks = {found[1] for url in asked[before:] if (found := TRACK.search(url))}
    assert tracks, "it lives from what it had loaded"
    assert all(name.startswith("audio-") for name in tracks), tracks


async def goes_on(phone: Person, seconds: float) -> None:
    """The sound has gone on for so long, without a pause."""
    before = await phone.page.evaluate(PLAYED)
    await phone.page.wait_for_function(
        f"([then, seconds]) => {{ const now = ({PLAYED})();"
        " return !now.paused && now.sound > 0 && now.time > then.time + seconds; }",
        arg=[before, seconds],
        polling=500,
        timeout=20_000,
    )
