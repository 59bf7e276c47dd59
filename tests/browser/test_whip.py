"""Chromium's own WebRTC by WHIP and WHEP: a page of twenty lines that knows of this server an address and a token."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.people import hang_up, in_call, person
from tests.device_call import Json, device_call, devices, pushing
from tests.server import Server, running_server

CLIENT = """
async ({url, token, direction}) => {
  const peer = new RTCPeerConnection();
  const headers = {Authorization: `Bearer ${token}`};
  window.peer = peer;
  window.tracks = [];
  if (direction === "publish") {
    const stream = await navigator.mediaDevices.getUserMedia({audio: true, video: {width: 640, height: 360}});
    for (const track of stream.getTracks()) peer.addTransceiver(track, {direction: "sendonly", streams: [stream]});
  } else {
    const video = document.body.appendChild(document.createElement("video"));
    video.muted = video.autoplay = true;
    video.srcObject = new MediaStream();
    window.video = video;
    peer.ontrack = ({track}) => video.srcObject.addTrack(track);
    for (const kind of ["audio", "video"]) peer.addTransceiver(kind, {direction: "recvonly"});
  }
  await peer.setLocalDescription();
  const posted = await fetch(url, {method: "POST", headers: {...headers, "Content-Type": "application/sdp"},
                                   body: peer.localDescription.sdp});
  if (posted.status !== 201) throw new Error(`${posted.status} ${await posted.text()}`);
  await peer.setRemoteDescription({type: "answer", sdp: await posted.text()});
  window.end = () => fetch(posted.headers.get("Location"), {method: "DELETE", headers}).then((said) => said.status);
  return posted.headers.get("ETag");
}
"""
PICTURES = "() => window.video.getVideoPlaybackQuality().totalVideoFrames > 40"
RECEIVED = """
async () => {
  const found = {};
  for (const each of (await window.peer.getStats()).values())
    if (each.type === "inbound-rtp") found[each.kind] = each.packetsReceived;
  return found;
}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("whip")
    with running_server(folder / "data") as server:
        yield server


async def client(browser: Browser, server: Server, made: Json) -> Page:
    context = await browser.new_context(permissions=["camera", "microphone"])
    page = await context.new_page()
    await page.goto(server.url)
    wanted = {"url": made["url"], "token": made["token"], "direction": made["direction"]}
    assert await page.evaluate(CLIENT, wanted)
    return page


async def test_chromium_plays_what_ffmpeg_sends(server: Server, browser: Browser) -> None:
    async with device_call(server.url) as call:
        sender, made = await call.token(), await call.token("play", "Wall")
        async with pushing(sender["url"], sender["token"]):
            page = await client(browser, server, made)
            await page.wait_for_function(PICTURES, timeout=20_000)
            heard = await page.evaluate(RECEIVED)
            assert heard["audio"] > 50 and heard["video"] > 40
            assert await page.evaluate("() => window.end()") == 200
            await call.people(lambda people: len(devices(people)) == 1)


async def test_chromium_sends_and_chromium_plays(server: Server, browser: Browser) -> None:
    async with device_call(server.url) as call:
        made = await call.token("play", "Wall")
        wall = await client(browser, server, made)  # before there is anything to see
        sender = await client(browser, server, await call.token(label="Laptop"))
        await wall.wait_for_function(PICTURES, timeout=20_000)
        people = {each["name"]: each for each in devices(await call.people(lambda people: len(devices(people)) == 2))}
        assert people["Laptop"]["camera"] and not people["Wall"]["camera"]
        assert await sender.evaluate("() => window.end()") == 200
        await call.people(lambda people: [each["name"] for each in devices(people)] == ["Wall"])


async def test_a_gp_connects_an_ultrasound_and_the_specialist_sees_it(server: Server, browser: Browser) -> None:
    async with person(browser, server.url, "gp") as gp, person(browser, server.url, "spec") as specialist:
        await specialist.go_on_call()
        await gp.ask()
        await specialist.part("accept").click()
        await in_call(gp, specialist)
        await gp.page.get_by_role("button", name="More").click()
        await gp.page.get_by_role("menuitem", name="Connect a device").click()
        await gp.part("device-name").fill("Ultrasound")
        await gp.part("make-token").click()
        address = await gp.part("device-address").input_value()
        token = await gp.part("device-token").input_value()
        async with pushing(address, token):
            tile = specialist.part("tile").filter(has_text="Ultrasound")
            await expect(tile).to_be_visible(timeout=10_000)
            await specialist.page.wait_for_function(
                "(one) => one.querySelector('video').getVideoPlaybackQuality().totalVideoFrames > 25",
                arg=await tile.element_handle(),
                timeout=20_000,
            )
            await gp.page.keyboard.press("Escape")
            await gp.page.get_by_role("button", name="More").click()
            await gp.page.get_by_role("menuitem", name="Connect a device").click()
            await expect(gp.part("device-token")).to_have_count(0)  # it was shown once
            await gp.part("revoke-token").click()
            await gp.part("confirm-revoke").click()
            await expect(tile).to_have_count(0, timeout=5_000)
        await gp.page.keyboard.press("Escape")
        await hang_up(gp)


async def test_a_presenter_goes_live_with_an_encoder_alone(server: Server, browser: Browser) -> None:
    async with person(browser, server.url, "spec") as spec, person(browser, server.url, "gp") as gp:
        _, made = await spec.api("POST", "/api/lectures", {"title": "Echo, live from the lab"})
        await spec.page.goto(f"{server.url}/lectures/{made['id']}/present")
        await expect(spec.part("toggle-mic")).to_have_attribute("aria-pressed", "true", timeout=10_000)
        await spec.part("connect-encoder").click()
        await expect(spec.page.get_by_text("No device yet")).to_be_visible()
        await spec.part("device-name").fill("OBS in the hall")
        await spec.page.keyboard.press("Enter")
        address = await spec.part("device-address").input_value()
        token = await spec.part("device-token").input_value()
        assert address == f"{server.url}/whip/{made['id']}"
        row = spec.part("device-token-row")
        async with pushing(address, token, 120.0):
            await expect(row).to_have_attribute("data-connected", "true", timeout=10_000)
            await spec.page.keyboard.press("Escape")
            await expect(spec.part("encoder-ready")).to_contain_text("OBS in the hall")
            for own in ("toggle-mic", "toggle-camera"):  # the same voice twice is an echo
                await expect(spec.part(own)).to_have_attribute("aria-pressed", "false")
            await spec.part("go-live").click()
            await expect(spec.part("live-state")).to_have_attribute("data-state", "live", timeout=20_000)
            await gp.page.goto(f"{server.url}/lectures/{made['id']}")
            await expect(gp.part("player")).to_have_attribute("data-state", "live", timeout=20_000)
            await gp.page.wait_for_function(
                "() => [...document.querySelectorAll('[data-testid=player] video')]"
                ".some((video) => video.videoWidth === 640 && video.getVideoPlaybackQuality().totalVideoFrames > 40)",
                timeout=20_000,
            )
            await spec.part("connect-encoder").click()
            await spec.part("revoke-token").click()
            await expect(row.get_by_role("button", name="Keep it")).to_be_focused()
            await spec.part("confirm-revoke").click()
            await expect(row).to_have_count(0)
            await spec.page.keyboard.press("Escape")
            await expect(spec.page.get_by_text("Nobody sees or hears anything now")).to_be_visible(timeout=5_000)
        await spec.api("POST", f"/api/lectures/{made['id']}/end")
