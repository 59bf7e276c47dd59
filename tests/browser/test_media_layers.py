"""Camera layers in real Chromium: a thin line gets the small picture, sound goes on, the large one comes back."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser

from tests.browser.test_media_plane import Site, enter, report, sees_and_hears, site, stream, until
from tests.impair import CLEAN, capped, relay, through
from tests.peers import free_port

__all__ = ["site"]

SMALL, LARGE = 320, 640
"""Widths of the fake camera's small layer at most, and of the large one at least (the encoder may scale it down)."""


@pytest.mark.parametrize(
    ("layers", "codecs", "more"),
    [
        ("two", ["H264", "VP9"], {}),
        ("two", ["VP9"], {"noH264": "1"}),
        ("rid", ["H264", "VP9"], {}),
    ],
)
async def test_a_thin_line_gets_the_small_picture_and_a_wide_one_the_large(
    browser: Browser, site: Site, layers: str, codecs: list[str], more: dict[str, str]
) -> None:
    port = free_port()
    async with relay(port, server=("127.0.0.1", site.plane.port)) as line:
        await enter(browser, site, "gp", codecs, layers=layers, **more)
        spec = await enter(browser, site, "spec", codecs, script=through(port), **more)
        now = await sees_and_hears(spec)
        assert sorted(track["source"] for track in now["tracks"].values()) == ["camera", "microphone"]
        await until(spec, lambda now: stream(now, "camera")["width"] >= LARGE, "the large picture")
        line.down = capped(350)
        before = await until(spec, lambda now: 0 < stream(now, "camera")["width"] <= SMALL, "the small picture")
        now = await sees_and_hears(spec, before)
        lines = [event["state"] for event in site.events if event["event"] == "line" and event["participant"] == "spec"]
        line.down = CLEAN
        await until(spec, lambda now: stream(now, "camera")["width"] >= LARGE, "the large picture again")
        now = await sees_and_hears(spec, now)
    assert "sound" not in lines, "there was room for a small picture all the time"
    assert stream(await report(spec), "microphone")["concealed"] < 48_000 * 2, "sound was never waiting for pictures"


async def test_a_line_that_carries_no_picture_keeps_the_sound(browser: Browser, site: Site) -> None:
    port = free_port()
    async with relay(port, server=("127.0.0.1", site.plane.port)) as line:
        await enter(browser, site, "gp", layers="two")
        spec = await enter(browser, site, "spec", script=through(port))
        await sees_and_hears(spec)
        line.down = capped(70)

        def told() -> list[str]:
            return [
                event["state"] for event in site.events if event["event"] == "line" and event["participant"] == "spec"
            ]

        await until(spec, lambda _: told()[-1:] == ["sound"], "that pictures wait")
        before = await report(spec)
        heard = stream(before, "microphone")["energy"]
        await until(spec, lambda now: stream(now, "microphone")["energy"] > heard + 0.005, "sound")
        line.down = CLEAN
        await sees_and_hears(spec, await report(spec))
