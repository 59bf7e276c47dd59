"""Lectures as people hold and watch them in real Chromium: planned, live with camera and screen, followed, scrubbed."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final

from playwright.async_api import TimeoutError as PlaywrightTimeout
from playwright.async_api import expect

from tests.browser.people import Person

PHONE: Final[dict[str, Any]] = {
    "viewport": {"width": 390, "height": 844},
    "has_touch": True,
    "is_mobile": True,
    "locale": "zh-CN",
}
"""A viewer's phone."""

CAMERA = """
(() => {
  const devices = navigator.mediaDevices;
  if (!devices) return;
  const real = devices.getUserMedia.bind(devices);
  devices.getUserMedia = ({ audio, video }) =>
    real({ audio, video: video && { width: 640, height: 360, frameRate: 20 } });
})();
"""
"""A camera of 640×360 at 20 pictures a second, with a beep each second for its sound."""

SCREEN = """
(() => {
  const devices = navigator.mediaDevices;
  if (!devices) return;
  devices.getDisplayMedia = async () => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 1280, height: 720 });
    const g = canvas.getContext('2d');
    let page = 0;
    const paint = () => {
      page += 1;
      g.fillStyle = '#f7fafa'; g.fillRect(0, 0, 1280, 720);
      g.fillStyle = '#0b3d40'; g.font = '600 56px sans-serif'; g.fillText('Anterior STEMI', 80, 130);
      g.font = '34px sans-serif'; g.fillText('V2–V4: ST elevation of 2 mm and more', 80, 220);
      g.fillText(`Page ${page}`, 80, 640);
      g.strokeStyle = '#c0251c'; g.lineWidth = 5; g.beginPath();
      for (let x = 0; x < 1120; x += 4) {
        const t = (x % 160) / 160;
        const y = 430 - 130 * Math.exp(-(((t - 0.3) / 0.03) ** 2)) - 26 * Math.exp(-(((t - 0.55) / 0.12) ** 2));
        x ? g.lineTo(80 + x, y) : g.moveTo(80, y);
      }
      g.stroke();
    };
    const [track] = canvas.captureStream(15).getVideoTracks();
    paint();
    setInterval(paint, 5_000);
    return new MediaStream([track]);
  };
})();
"""
"""A window to share whose page changes every 5 s and that stands still in between, as slides do."""

_MARK = """
() => {
  window.playerVideos = () => [...document.querySelectorAll('[data-testid=player] video')];
  window.played = (video) => ({ time: video.currentTime, frames: video.getVideoPlaybackQuality().totalVideoFrames,
    sound: video.webkitAudioDecodedByteCount });
  window.marked = new WeakMap(playerVideos().map((video) => [video, played(video)]));
  window.playedSince = (video) => {
    const now = played(video);
    const then = marked.get(video);
    // An element that came meanwhile begins here; one whose source was loaded anew counts from nothing again.
    if (then && now.frames >= then.frames && now.sound >= then.sound)
      return { time: now.time - then.time, frames: now.frames - then.frames, sound: now.sound - then.sound };
    marked.set(video, now);
    return { time: 0, frames: 0, sound: 0 };
  };
}
"""
"""Notes what each element of the player has played so far."""

_MOVES_ON = """
(pictures) => {
  const all = playerVideos().map(playedSince);
  return all.some(({ sound }) => sound > 0) && all.some(({ time }) => time > 0.5)
    && all.filter(({ frames }) => frames > 10).length >= pictures;
}
"""

_STANDS = """
() => JSON.stringify({
  player: { ...document.querySelector('[data-testid=player]').dataset },
  words: document.querySelector('[data-testid=player]').innerText,
  videos: playerVideos().map((video) => ({ ...played(video), since: playedSince(video), ready: video.readyState,
    paused: video.paused, seeking: video.seeking, muted: video.muted, wide: video.videoWidth,
    box: video.parentElement?.textContent,
    buffered: Array.from(video.buffered, (_, at) => [video.buffered.start(at), video.buffered.end(at)]) })),
})
"""
"""What a player looks like that does not move on."""

_LARGE = "() => document.querySelector('[data-testid=player] .speaker video').videoWidth > 160"

_BESIDE = """
(name) => {
  const boxes = [...document.querySelectorAll('[data-testid=player] .person')];
  const video = boxes.find((each) => each.textContent.includes(name))?.querySelector('video');
  if (!video || video.muted || video.volume === 0) return false;
  const { time, frames, sound } = playedSince(video);
  return frames > 10 && sound > 0 && time > 0.5;
}
"""

_SMALL = """
(part) => [...document.querySelectorAll(`[data-testid=${part}] :is(button, select, [role=slider])`)]
  .filter((each) => each.getAttribute('aria-hidden') !== 'true' && each.getClientRects().length > 0)
  .map((each) => [each.ariaLabel || each.textContent.trim(), each.getBoundingClientRect()])
  .filter(([, box]) => box.width < 44 || box.height < 44 || box.left < 0 || box.right > innerWidth)
  .map(([name, box]) => `${name}: ${box.width}×${box.height} at ${box.left}`)
"""

PACE = """
() => new Promise((resolve) => {
  const sent = window.peers.flatMap((peer) => peer.getSenders().map(({ track }) => track));
  const screen = sent.find((track) => track?.contentHint === 'detail' && track.readyState === 'live');
  const video = Object.assign(document.createElement('video'), { muted: true, srcObject: new MediaStream([screen]) });
  const times = [];
  const note = (_, { mediaTime }) => {
    times.push(mediaTime);
    if (times.length > 20) resolve(times);
    else video.requestVideoFrameCallback(note);
  };
  video.requestVideoFrameCallback(note);
  void video.play();
})
"""
"""When each of twenty pictures of the shared screen was taken, as the browser's encoder is told."""


async def reads(who: Person, language: str) -> None:
    """The person's pages are in this language from now on."""
    await who.api("PUT", "/api/session/language", {"language": language})
    await who.page.reload()
    await expect(who.part("whoami")).to_be_visible()


async def schedule(host: Person, title: str) -> str:
    """Plan a lecture for later; returns its id. The host is on its page then."""
    await host.page.goto(f"{host.url}/lectures")
    await host.part("new-lecture").click()
    await host.part("lecture-title").fill(title)
    await host.part("schedule-later").check(force=True)  # it is drawn by its label
    await expect(host.part("lecture-date")).not_to_have_value("")
    async with host.page.expect_response(
        lambda answer: answer.request.method == "POST" and answer.url.endswith("/api/lectures")
    ) as sent:
        await host.part("save-lecture").click()
    lecture = str((await (await sent.value).json())["id"])
    await expect(host.part("player")).to_have_attribute("data-cover", "before")
    return lecture


async def go_live(host: Person, lecture: str) -> None:
    """Open the presenter's page, check the devices, go live; done when the page says so."""
    await host.page.goto(f"{host.url}/lectures/{lecture}/present")
    await expect(host.part("go-live")).to_be_enabled(timeout=10_000)
    await host.part("go-live").click()
    await on_air(host)


async def on_air(host: Person) -> None:
    """The presenter's page says that it is live."""
    await expect(host.part("live-state")).to_have_attribute("data-state", "live", timeout=20_000)


async def share_screen(host: Person) -> None:
    await host.part("share-screen").click()
    await expect(host.part("share-screen")).to_have_attribute("aria-pressed", "true")


async def end(host: Person) -> None:
    """End it for everybody, without the seconds in which it can be taken back."""
    await host.part("end-lecture").click()
    await host.part("end-now").click()


async def follows(viewer: Person, state: str = "live", *, pictures: int = 1, within_ms: int = 20_000) -> None:
    """The player is in this state with nothing over the picture; so many pictures move on and sound flows."""
    player = viewer.part("player")
    await expect(player).to_have_attribute("data-state", state, timeout=within_ms)
    await expect(player).to_have_attribute("data-cover", "none", timeout=within_ms)
    await viewer.page.evaluate(_MARK)
    try:
        await viewer.page.wait_for_function(_MOVES_ON, arg=pictures, timeout=within_ms, polling=100)
    except PlaywrightTimeout as error:
        raise AssertionError(f"it stands still: {await viewer.page.evaluate(_STANDS)}") from error


async def sees_large(viewer: Person, *, within_ms: int = 30_000) -> None:
    """The speaker is shown in more than the small picture, which is for thin lines."""
    await viewer.page.wait_for_function(_LARGE, timeout=within_ms, polling=100)


async def sees_and_hears(viewer: Person, name: str, *, within_ms: int = 20_000) -> None:
    """Whoever has this name stands beside the speaker in the player: the picture moves on, and the voice is decoded."""
    await expect(viewer.part("player").locator(".person", has_text=name)).to_be_visible(timeout=within_ms)
    await viewer.page.evaluate(_MARK)
    try:
        await viewer.page.wait_for_function(_BESIDE, arg=name, timeout=within_ms, polling=100)
    except PlaywrightTimeout as error:
        raise AssertionError(f"{name} stands still: {await viewer.page.evaluate(_STANDS)}") from error


async def position(viewer: Person) -> float:
    """The second at which the leading picture is."""
    return float(
        await viewer.page.evaluate("() => document.querySelector('[data-testid=player] .speaker video').currentTime")
    )


async def scrub(viewer: Person, share: float) -> None:
    """Tap the bar of the player at a share of its length."""
    bar = viewer.part("player").get_by_role("slider").first
    box = await bar.bounding_box()
    assert box is not None
    await bar.click(position={"x": box["width"] * share, "y": box["height"] / 2}, force=True)


async def out_of_reach(who: Person, part: str, width: int = 360) -> list[str]:
    """What a finger can hardly hit in this part of the page on so narrow a phone: less than 44 px, or out of sight."""
    before = who.page.viewport_size
    assert before is not None
    await who.page.set_viewport_size({"width": width, "height": before["height"]})
    try:
        found: list[str] = await who.page.evaluate(_SMALL, part)
    finally:
        await who.page.set_viewport_size(before)
    return found


async def still_screen_is_paced(host: Person) -> None:
    """A screen on which nothing moves is sent as pictures of now, and not of the moment when it last changed."""
    times: list[float] = await host.page.evaluate(PACE)
    assert all(after - before > 0.02 for before, after in pairwise(times[2:])), times
