"""What is made of a recording afterwards, in a real browser: its AAC through hls.js, and the file to take away."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from playwright.async_api import Browser

from recorder import aac, progressive
from tests.browser.test_recorder_playback import ALICE, Serve, record
from tests.browser.test_recorder_playback import serve as serve  # a fixture

WITHOUT_OPUS = """
const own = MediaSource.isTypeSupported.bind(MediaSource);
MediaSource.isTypeSupported = type => !/opus/i.test(type) && own(type);
"""
"""As Safari is."""

PLAY_FILE = """async url => {
  video.src = url; video.load();
  await new Promise((done, no) => { video.onloadedmetadata = done; video.onerror = () => no(video.error.message); });
  const canvas = document.createElement('canvas'); canvas.width = canvas.height = 16; look(canvas);
  const sizes = [];
  for (const to of [2, 24, 40]) {
    await seek(to);
    const {at} = await play(to + 2, 1);
    sizes.push([video.videoWidth, at >= to + 2, seen.length > 10]);
  }
  return {duration: video.duration, sizes, error: video.error && video.error.message};
}"""


async def test_opus_is_played_first_and_aac_where_there_is_no_opus(
    browser: Browser, serve: Serve, tmp_path: Path
) -> None:
    await record(tmp_path, "H264", "H264")
    assert await asyncio.to_thread(aac.make, tmp_path, "consultation") == 0
    address = await serve(tmp_path)
    for without, folder in (("", "/audio-"), (WITHOUT_OPUS, "/aac-audio-")):
        page = await browser.new_page()
        fetched: list[str] = []
        page.on("request", lambda request, fetched=fetched: fetched.append(request.url))  # type: ignore[misc]
        await page.add_init_script(without)
        await page.goto(address)
        await page.evaluate("url => load(url)", f"{address}/media/consultation/p/{ALICE}.m3u8")
        told: dict[str, Any] = await page.evaluate("play(8, 2)")
        assert told["at"] >= 8 and not [each for each in told["errors"] if "FATAL" in each], told
        sound = [url for url in fetched if "/media/consultation/a" in url and url.endswith(".m4s")]
        assert sound and all(folder in url.replace("/media/consultation", "") for url in sound), (without, sound)
        await page.close()


async def test_the_file_plays_and_seeks_though_its_pictures_change_their_size(
    browser: Browser, serve: Serve, tmp_path: Path
) -> None:
    await record(tmp_path, "H264", "H264")
    assert await asyncio.to_thread(progressive.make, tmp_path, "consultation", "camera") == 0
    address = await serve(tmp_path)
    page = await browser.new_page()
    await page.goto(address)
    file = tmp_path / "consultation" / progressive.progressive_file("camera")

    async def give(route: Any) -> None:
        await route.fulfill(path=file, content_type="video/mp4")

    await page.route("**/file.mp4", give)
    told: dict[str, Any] = await page.evaluate(PLAY_FILE, f"{address}/file.mp4")
    assert told["error"] is None and 47 < told["duration"] < 49, told
    assert told["sizes"] == [[320, True, True], [640, True, True], [320, True, True]]
