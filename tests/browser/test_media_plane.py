"""The media plane with real Chromium on both sides: a tiny page, one WebSocket, and nothing else of the application."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from playwright.async_api import Browser, Page

from signaling.media.errors import MediaError
from signaling.media.plane import MediaConfig, MediaPlane
from tests.peers import free_port

Report = dict[str, Any]
LIMIT = 20.0
"""Seconds for what takes one: the machine may be busy with other tests."""


class Site:
    """The page and its WebSocket; commands go straight to the plane, offers straight to the page."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.plane = MediaPlane(MediaConfig(port=0, bind="127.0.0.1"), self._emit)
        self.port = free_port()
        self._sockets: dict[tuple[str, str], web.WebSocketResponse] = {}
        self._outgoing: asyncio.Queue[tuple[web.WebSocketResponse, str]] = asyncio.Queue()

    async def _page(self, request: web.Request) -> web.Response:
        html = Path(__file__).with_suffix(".html").read_text()
        return web.Response(text=html, content_type="text/html")

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        who = request.query["room"], request.query["name"]
        self._sockets[who] = socket
        async for message in socket:
            asked = json.loads(message.data)
            try:
                said = {"result": await getattr(self.plane, asked["command"])(*who, *asked["args"])}
            except MediaError as error:
                said = {"error": str(error), "code": error.code}
            await socket.send_str(json.dumps({"id": asked["id"], **said}))
        return socket

    def _emit(self, event: dict[str, Any]) -> None:
        self.events.append(event)
        socket = self._sockets.get((event["room"], event.get("participant", "")))
        if socket is not None and event["event"] in ("offer", "renegotiate"):
            self._outgoing.put_nowait((socket, json.dumps(event)))

    async def deliver(self) -> None:
        """Send events in order, until cancelled."""
        while True:
            socket, text = await self._outgoing.get()
            if not socket.closed:
                await socket.send_str(text)

    async def close_sockets(self) -> None:
        """The server would wait a minute for pages that are still open."""
        for socket in self._sockets.values():
            await socket.close()

    def application(self) -> web.Application:
        """The two routes."""
        application = web.Application()
        application.router.add_get("/", self._page)
        application.router.add_get("/ws", self._socket)
        return application

    def states(self, name: str, direction: str) -> list[str]:
        """The states of someone's peers, all sessions, in order."""
        wanted = {"event": "peer", "participant": name, "direction": direction}
        return [event["state"] for event in self.events if wanted.items() <= event.items()]


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    await site.plane.start()
    runner = web.AppRunner(site.application(), shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", site.port).start()
    async with asyncio.TaskGroup() as group:
        delivery = group.create_task(site.deliver())
        yield site
        delivery.cancel()
    await site.close_sockets()
    await runner.cleanup()
    stats = await site.plane.stats()
    await site.plane.stop()
    assert not {name: count for name, count in stats.items() if name.endswith("_errors")}


async def enter(
    browser: Browser, site: Site, name: str, codecs: list[str] | None = None, script: str = "", **query: str
) -> Page:
    """A person's page, in the room and publishing; `script` runs before the page's own."""
    context = await browser.new_context(permissions=["camera", "microphone"])
    page = await context.new_page()
    if script:
        await page.add_init_script(script)
    words = "".join(f"&{key}={value}" for key, value in query.items())
    await page.goto(f"http://127.0.0.1:{site.port}/?room=case&name={name}{words}")
    await page.evaluate("codecs => start(codecs)", codecs or ["H264", "VP9"])
    return page


async def report(page: Page) -> Report:
    """What the page's own statistics say."""
    found: Report = await page.evaluate("report()")
    return found


async def until(page: Page, condition: Callable[[Report], bool], what: str) -> Report:
    """Ask the page until the condition holds."""
    deadline = time.monotonic() + LIMIT
    while True:
        now = await report(page)
        if condition(now):
            return now
        assert time.monotonic() < deadline, f"{what} did not come: {now}"
        await asyncio.sleep(0.1)


def stream(now: Report, source: str) -> Report:
    """The inbound stream of one source; all zero when there is none yet."""
    nothing = {"frames": 0, "energy": 0, "packets": 0, "samples": 0, "lost": 0, "freeze": 0, "concealed": 0, "width": 0}
    found = next((each for each in now["inbound"] if each["source"] == source), {})
    told = {key: value for key, value in found.items() if value is not None}
    return {"codec": "", **nothing, **told}


async def sees_and_hears(page: Page, since: Report | None = None) -> Report:
    """Frames and audio energy grow beyond what they were; returns the statistics of then."""
    before = since or await report(page)
    frames, energy = stream(before, "camera")["frames"] or 0, stream(before, "microphone")["energy"] or 0
    return await until(
        page,
        lambda now: (
            stream(now, "camera")["frames"] > frames + 10 and stream(now, "microphone")["energy"] > energy + 0.001
        ),
        "picture and sound",
    )


async def test_two_people_see_and_hear_each_other_in_h264(browser: Browser, site: Site) -> None:
    gp = await enter(browser, site, "gp")
    spec = await enter(browser, site, "spec")
    for page in (gp, spec):
        now = await sees_and_hears(page)
        assert "42e01f" in stream(now, "camera")["codec"]
        assert now["transport"]["cipher"] == "SRTP_AEAD_AES_128_GCM"
        assert len({track["participant"] for track in now["tracks"].values()}) == 1
    stats = await site.plane.stats()
    assert stats["peers_connected"] == 4
    assert stats["red_in"] > 0, "audio comes with redundancy"
    # Transport-cc feedback is understood: the browser's own estimate has left its starting value.
    now = await until(gp, lambda each: (each.get("available") or 0) > 400_000, "the browser's estimate")
    assert all(each["lost"] == 0 for each in now["remote"])


async def test_a_person_without_h264_makes_everybody_use_vp9(browser: Browser, site: Site) -> None:
    gp = await enter(browser, site, "gp")
    alone = await until(gp, lambda now: any(each["frames"] for each in now["outbound"]), "frames of one's own")
    assert not alone["inbound"]
    spec = await enter(browser, site, "spec", ["VP9"], noH264="1")
    for page in (gp, spec):
        now = await sees_and_hears(page)
        assert "VP9" in await page.evaluate("state.publish.localDescription.sdp")
        assert "profile-id=0" in stream(now, "camera")["codec"]
    assert [event["codec"] for event in site.events if event["event"] == "renegotiate"] == ["VP9"]


async def test_a_reload_brings_a_person_back(browser: Browser, site: Site) -> None:
    gp = await enter(browser, site, "gp")
    spec = await enter(browser, site, "spec")
    await sees_and_hears(gp)
    await spec.reload()
    await spec.evaluate("start(['H264', 'VP9'])")
    await sees_and_hears(spec)
    # The other side hears the new page in the sections of the old one.
    await until(gp, lambda now: len(now["tracks"]) == 2, "the new page's tracks")
    await sees_and_hears(gp)
    assert site.states("spec", "publish").count("connected") == 2
    assert site.states("spec", "publish").count("closed") == 1


async def test_an_ice_restart_goes_unnoticed(browser: Browser, site: Site) -> None:
    gp = await enter(browser, site, "gp")
    spec = await enter(browser, site, "spec")
    before = await sees_and_hears(spec)
    await gp.evaluate("restartPublish()")
    await spec.evaluate("restartReceive()")
    now = await sees_and_hears(spec, before)
    assert now["receive"] == "connected"
    assert (await report(gp))["publish"] == "connected"
    assert stream(now, "camera")["lost"] == 0
    stats = await site.plane.stats()
    assert (stats["ice_restarts"], stats["handshakes_done"]) == (2, 4)


async def test_a_shared_screen_comes_and_goes(browser: Browser, site: Site) -> None:
    gp = await enter(browser, site, "gp")
    spec = await enter(browser, site, "spec")
    await sees_and_hears(gp)
    for _ in range(2):
        await spec.evaluate("addScreen()")
        shown = await until(gp, lambda now: stream(now, "screen")["frames"] > 3, "the screen")
        assert shown["tracks"] and len(shown["tracks"]) == 3
        await spec.evaluate("removeScreen()")
        await until(gp, lambda now: len(now["tracks"]) == 2, "the end of the screen")
        await sees_and_hears(gp)


async def test_a_closed_page_is_noticed(browser: Browser, site: Site) -> None:
    gp = await enter(browser, site, "gp")
    spec = await enter(browser, site, "spec")
    await sees_and_hears(gp)
    await spec.evaluate("state.publish.close(); state.receive.close()")
    await until(gp, lambda now: not now["tracks"], "the end of the tracks")
    assert site.states("spec", "publish")[-1] == "closed"


async def test_junk_at_the_port_does_not_make_the_call_stutter(browser: Browser, site: Site) -> None:
    gp = await enter(browser, site, "gp")
    spec = await enter(browser, site, "spec")
    before = await sees_and_hears(gp)
    await sees_and_hears(spec)
    frozen: list[float] = []
    for _ in range(3):  # a busy machine may stutter by itself; junk would do it each time
        await junk(site.plane.port)
        now = await sees_and_hears(gp, before)
        for source in ("camera", "microphone"):
            assert stream(now, source)["lost"] == stream(before, source)["lost"] == 0
        frozen.append(stream(now, "camera")["freeze"] - stream(before, "camera")["freeze"])
        if not frozen[-1]:
            return
        before = now
    raise AssertionError(f"frozen for {frozen} s")


async def junk(port: int) -> None:
    """Ten thousand datagrams of all beginnings and lengths."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=("127.0.0.1", port))
    for index in range(10_000):
        transport.sendto(bytes((index % 256,)) * (index % 90))
        if index % 100 == 0:
            await asyncio.sleep(0)
    transport.close()
