"""The button that takes a lecture's replay away as a file: there when its hosts allow it, and what it saves plays."""

from __future__ import annotations

import asyncio
from pathlib import Path

import av
from playwright.async_api import Browser, expect

from tests.flow.test_downloads import pretend
from tests.flow.test_recorder_progressive import root as root  # a fixture
from tests.people import caller
from tests.server import running_server


async def test_somebody_takes_a_lecture_home(browser: Browser, tmp_path: Path, root: Path) -> None:
    with running_server(tmp_path / "data") as server:
        async with caller(server.url, "spec", page=False) as spec:
            plan = {"title": "Heart failure", "downloadable": True}
            lecture = (await spec.ok("POST", "/api/lectures", plan))["id"]
            await spec.ok("POST", f"/api/lectures/{lecture}/go-live", {"consent": "2026-1"})
            recording = (await spec.ok("GET", "/api/recordings"))["items"][0]["id"]
            await spec.ok("POST", f"/api/lectures/{lecture}/end")
            await asyncio.to_thread(pretend, root, tmp_path / "data", recording, spec.me["id"])
            context = await browser.new_context(accept_downloads=True, locale="en-GB")
            page = await context.new_page()
            await page.goto(server.url)
            await page.get_by_test_id("username").fill("spec")
            await page.get_by_test_id("password").fill("demo-only")
            await page.get_by_test_id("sign-in").click()
            await expect(page.get_by_test_id("whoami")).to_be_visible()
            await page.goto(f"{server.url}/lectures/{lecture}")
            button = page.get_by_test_id("download-camera")
            await expect(button).to_have_text("Download")
            await expect(page.get_by_test_id("download-screen")).to_be_visible()
            async with page.expect_download(timeout=30_000) as coming:
                await button.click()
            saved = await coming.value
            assert saved.suggested_filename == "Heart failure.mp4"
            with av.open(str(await saved.path())) as container:
                assert {stream.type for stream in container.streams} == {"video", "audio"}
            await spec.ok("PATCH", f"/api/lectures/{lecture}", {"downloadable": False})
            await page.reload()
            await expect(page.get_by_test_id("player")).to_be_visible()
            await expect(button).to_have_count(0)
