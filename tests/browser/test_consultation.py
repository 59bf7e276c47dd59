"""The main job, in real Chromium: asked, rung, answered, seen, heard, recorded, replayed, signed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.browser.people import WITHOUT_H264, Person, hang_up, in_call, person
from tests.server import Server, running_server

PLAYING = """
async () => {
  const videos = [...document.querySelectorAll('[data-testid=player] video')];
  return videos.map((video) => ({ time: video.currentTime, frames: video.getVideoPlaybackQuality().totalVideoFrames,
    sound: video.webkitAudioDecodedByteCount, ready: video.readyState }));
}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("tele") / "data") as server:
        yield server


async def call(gp: Person, specialist: Person) -> str:
    """From the request to a call in which both see and hear, with the promised times."""
    await specialist.go_on_call()
    sent = time.monotonic()
    consultation = await gp.ask()
    ring = specialist.part("ring")
    await expect(ring).to_be_visible(timeout=5_000)
    rung_after = time.monotonic() - sent
    await expect(ring).to_have_attribute("data-consultation", consultation)
    accepted = time.monotonic()
    await specialist.part("accept").click()
    await in_call(gp, specialist)
    await gp.sees_and_hears()
    await specialist.sees_and_hears()
    media_after = time.monotonic() - accepted
    print(f"ring after {rung_after:.2f} s, both see and hear {media_after:.2f} s after accept")
    for each in (gp, specialist):
        await expect(each.part("recording")).to_have_attribute("data-state", "on")
    return consultation


async def replays(who: Person, recordings: int = 2) -> None:
    """Every participant's track plays with sound, and seeks."""
    await expect(who.part("player")).to_have_attribute("data-state", "replay", timeout=10_000)
    await who.page.wait_for_function(
        f"async () => {{ const all = await ({PLAYING})();"
        f" return all.filter((v) => v.time > 0.5 && v.frames > 5 && v.sound > 0).length >= {recordings}; }}",
        timeout=20_000,
    )


@pytest.mark.parametrize("codec", ["H264", "VP9"])
async def test_from_request_to_replay(browser: Browser, server: Server, codec: str) -> None:
    scripts = (WITHOUT_H264,) if codec == "VP9" else ()
    async with (
        person(browser, server.url, "spec", scripts=scripts) as specialist,
        person(browser, server.url, "gp", scripts=scripts) as gp,
    ):
        consultation = await call(gp, specialist)
        await gp.decodes(f"video/{codec}")
        await gp.part("chat-input").fill("Please look at the ECG")
        await gp.part("chat-send").click()
        await expect(specialist.part("chat-message")).to_contain_text("Please look at the ECG")
        await gp.page.wait_for_timeout(4_000)  # something worth recording
        await hang_up(gp)
        await expect(specialist.part("opinion")).to_be_visible(timeout=10_000)
        await replays(gp)
        await specialist.part("opinion").fill("Anterior STEMI. Aspirin 300 mg now, transfer.")
        await specialist.part("save-opinion").click()
        await expect(gp.page.get_by_text("Anterior STEMI")).to_be_visible(timeout=10_000)
        status, case = await gp.api("GET", f"/api/consultations/{consultation}")
        assert status == 200
        assert (case["stage"], case["encounter"]["status"], case["recording"]["state"]) == (
            "answered",
            "completed",
            "sealed",
        )


async def test_only_participants_find_the_case_and_its_recording(
    browser: Browser, server: Server, tmp_path: Path
) -> None:
    async with person(browser, server.url, "gp") as gp:
        _, page = await gp.api("GET", "/api/recordings")
        recording = page["items"][0]["id"]
        assert (await gp.api("GET", f"/media/{recording}/index.m3u8"))[0] == 200
        consultation = page["items"][0]["consultation"]
        for other in ("gp2", "spec2", "derm", "coord", "admin", "auditor", "learner"):
            async with person(browser, server.url, other) as stranger:
                assert (await stranger.api("GET", f"/api/consultations/{consultation}"))[0] in (403, 404)
                assert (await stranger.api("GET", f"/api/recordings/{recording}"))[0] in (403, 404)
                assert (await stranger.api("GET", f"/media/{recording}/index.m3u8"))[0] in (403, 404)
