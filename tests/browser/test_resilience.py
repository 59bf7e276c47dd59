"""What a call survives, in real Chromium: reloads, dead processes, a lost line, a hidden tab, attacks beside it."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright, expect

from tests import peers
from tests.browser.people import Person, hang_up, in_call, person
from tests.browser.test_consultation import replays
from tests.impair import CLIENT_SIDE, SERVER_SIDE, relay
from tests.server import Server, eventually, running_server

FREEZES = """
async () => {
  let frozen = 0, frames = 0;
  for (const peer of window.peers) {
    if (peer.connectionState === 'closed') continue;
    (await peer.getStats()).forEach((each) => {
      if (each.type === 'inbound-rtp' && each.kind === 'video') {
        frozen += each.totalFreezesDuration || 0; frames += each.framesDecoded || 0;
      }
    });
  }
  return { frozen, frames };
}
"""


SEARCH = """
async () => {
  const found = [];
  for (const peer of window.peers) {
    if (peer.connectionState === 'closed') continue;
    const known = peer.currentRemoteDescription.sdp.replaceAll('a=setup:actpass', 'a=setup:passive');
    peer.restartIce();
    await peer.setLocalDescription(await peer.createOffer());
    await peer.setRemoteDescription({ type: 'answer', sdp: known });
    found.push(/a=ice-ufrag:(.*)/.exec(peer.localDescription.sdp)[1].trim());
  }
  return found;
}
"""
"""What the page does when a connection failed and nobody can be asked (web_client/src/lib/media/link.ts)."""

FRAGMENTS = """
async () => {
  const found = [];
  for (const peer of window.peers) {
    if (peer.connectionState === 'closed') continue;
    (await peer.getStats()).forEach((each) => {
      if (each.type === 'transport' && each.iceState === 'connected') found.push(each.iceLocalUsernameFragment);
    });
  }
  return found;
}
"""


SPEAKS = """
() => window.peers.filter((peer) => peer.connectionState !== 'closed').flatMap((peer) => peer.getSenders())
  .some((sender) => sender.track?.kind === 'audio' && sender.getParameters().encodings[0].active)
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with running_server(tmp_path / "data", TELE_MEDIA__BIND=SERVER_SIDE, TELE_MEDIA__HOST=CLIENT_SIDE) as server:
        yield server


@asynccontextmanager
async def calling(browser: Browser, server: Server) -> AsyncIterator[tuple[Person, Person, str]]:
    """A GP and a specialist in a running, recorded call."""
    async with person(browser, server.url, "spec") as specialist, person(browser, server.url, "gp") as gp:
        await specialist.go_on_call()
        consultation = await gp.ask()
        await expect(specialist.part("ring")).to_be_visible()
        await specialist.part("accept").click()
        await in_call(gp, specialist)
        await gp.sees_and_hears()
        await specialist.sees_and_hears()
        yield gp, specialist, consultation


async def both_meet_again(gp: Person, specialist: Person) -> None:
    await in_call(gp, specialist)
    await gp.sees_and_hears(within_ms=20_000)
    await specialist.sees_and_hears(within_ms=20_000)
    for each in (gp, specialist):
        await expect(each.part("tile")).to_have_count(1)  # one other person, no ghost of an earlier connection
        await expect(each.part("recording")).to_have_attribute("data-state", "on")


async def test_a_reload_comes_back_into_the_same_call_and_recording(browser: Browser, server: Server) -> None:
    async with relay(server.media_port), calling(browser, server) as (gp, specialist, _):
        tile = await specialist.part("tile").get_attribute("data-participant")
        await gp.page.reload()
        await both_meet_again(gp, specialist)
        assert await specialist.part("tile").get_attribute("data-participant") == tile
        await hang_up(specialist)
        await replays(gp)
        _, page = await gp.api("GET", "/api/recordings")
        assert len(page["items"]) == 1
        assert {track["source"] for track in page["items"][0]["tracks"]} >= {"camera", "microphone"}


@pytest.mark.parametrize("victim", ["_front", "_media", "all"])
async def test_a_killed_process_is_back_and_so_are_the_people(browser: Browser, server: Server, victim: str) -> None:
    async with relay(server.media_port), calling(browser, server) as (gp, specialist, consultation):
        await gp.page.wait_for_timeout(3_000)  # something to have been recorded before
        if victim == "all":
            server.kill_all()
            server.start()
        else:
            before = server.children(victim)
            server.kill(victim)
            await asyncio.to_thread(
                eventually, lambda: server.children(victim).keys() == before.keys() and server.is_ready(), 15
            )
            assert server.children(victim) != before
        await both_meet_again(gp, specialist)
        await gp.page.wait_for_timeout(1_000)
        await hang_up(gp)
        await replays(gp)
        _, case = await gp.api("GET", f"/api/consultations/{consultation}")
        assert case["recording"]["duration"] > 4


async def test_ten_seconds_without_a_line_heal_by_themselves(browser: Browser, server: Server) -> None:
    async with relay(server.media_port) as line, calling(browser, server) as (gp, specialist, _):
        line.dead = True
        await gp.context.set_offline(True)
        await expect(gp.part("room")).to_have_attribute("data-state", "reconnecting", timeout=10_000)
        # A browser would keep every word, and send them all before the first picture.
        for each in (gp, specialist):
            await each.page.wait_for_function(f"() => !({SPEAKS})()")
        await gp.page.wait_for_timeout(7_000)
        line.dead = False
        await gp.context.set_offline(False)
        await both_meet_again(gp, specialist)
        for each in (gp, specialist):
            assert await each.page.evaluate(SPEAKS)


async def test_a_browser_finds_the_server_again_without_asking_it(browser: Browser, server: Server) -> None:
    async with relay(server.media_port) as line, calling(browser, server) as (gp, specialist, _):
        before = await gp.page.evaluate("window.peers.length")
        line.dead = True
        fragments = await gp.page.evaluate(SEARCH)
        line.dead = False
        await both_meet_again(gp, specialist)
        assert await gp.page.evaluate("window.peers.length") == before, "the same connections, with the keys they had"
        await gp.page.wait_for_function(
            f"async (wanted) => JSON.stringify((await ({FRAGMENTS})()).sort()) === JSON.stringify(wanted)",
            arg=sorted(fragments),
        )


async def test_a_new_address_is_followed(browser: Browser, server: Server) -> None:
    async with relay(server.media_port) as line, calling(browser, server) as (gp, specialist, _):
        line.move()
        await both_meet_again(gp, specialist)


async def test_a_call_does_not_stutter_beside_attacks(browser: Browser, server: Server) -> None:
    async with relay(server.media_port), calling(browser, server) as (gp, specialist, consultation):
        before = await gp.page.evaluate(FREEZES)
        attack = asyncio.to_thread(_datagrams, server.media_port)
        upload = gp.page.evaluate(
            """async () => (await fetch('/api/files?name=scan.png', { method: 'POST',
                 body: crypto.getRandomValues(new Uint8Array(65536)) })).status"""
        )
        big = gp.page.evaluate(
            """async () => { const block = crypto.getRandomValues(new Uint8Array(65536));
                 return (await fetch('/api/files?name=big.png', { method: 'POST',
                   body: new Blob(Array(320).fill(block)) })).status; }"""
        )
        _, small_status, big_status = await asyncio.gather(attack, upload, big)
        assert (small_status, big_status) == (415, 415)
        status, _ = await gp.api("POST", f"/api/consultations/{consultation}/messages", {"text": 7})
        assert status == 422
        await gp.sees_and_hears()
        after = await gp.page.evaluate(FREEZES)
        assert after["frozen"] - before["frozen"] < 0.3
        await expect(specialist.part("room")).to_have_attribute("data-state", "connected")


def _datagrams(port: int) -> None:
    """An empty datagram and 10,000 random ones."""
    noise = random.Random(7)
    with socket.socket(type=socket.SOCK_DGRAM) as out:
        out.sendto(b"", (SERVER_SIDE, port))
        for _ in range(10_000):
            out.sendto(noise.randbytes(noise.randint(1, 1400)), (SERVER_SIDE, port))


async def test_a_ring_in_a_hidden_tab_without_leave_to_play_sound_by_itself(
    chromium_executable: tuple[str, dict[str, str]], server: Server
) -> None:
    """No autoplay flag, and another tab in front: the on-call switch was the click that sound needs."""
    executable, environment = chromium_executable
    async with relay(server.media_port), async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=executable, env=environment, args=peers.CHROMIUM_FLAGS
        )
        async with person(browser, server.url, "spec") as specialist, person(browser, server.url, "gp") as gp:
            await specialist.page.evaluate(
                """() => { const native = AudioBufferSourceNode.prototype.start; window.tones = 0;
                     AudioBufferSourceNode.prototype.start = function (...when) {
                       if (this.context.state === 'running') window.tones += 1; return native.apply(this, when); }; }"""
            )
            await specialist.go_on_call()
            cover = await specialist.context.new_page()
            await cover.bring_to_front()
            title = await specialist.page.title()
            tones = await specialist.page.evaluate("window.tones")
            await gp.ask()
            await expect(specialist.part("ring")).to_be_attached()
            await specialist.page.wait_for_function(
                "([title, tones]) => document.title !== title || window.tones > tones", arg=[title, tones]
            )
            await specialist.page.wait_for_function("(tones) => window.tones > tones", arg=tones)
            await specialist.page.bring_to_front()
            await specialist.part("accept").click()
            await in_call(gp, specialist)
            await gp.sees_and_hears()
            await specialist.sees_and_hears()
        await browser.close()


async def test_a_specialist_whose_browser_dies_while_ringing_is_passed_over(browser: Browser, server: Server) -> None:
    async with relay(server.media_port), person(browser, server.url, "gp") as gp:
        async with person(browser, server.url, "spec") as first:
            await first.go_on_call()
            await gp.ask(urgency="emergency")
            await expect(first.part("ring")).to_be_visible()
        async with person(browser, server.url, "spec2") as second:
            await second.go_on_call()
            await expect(second.part("ring")).to_be_visible(timeout=40_000)
            await second.part("accept").click()
            await in_call(gp, second)
