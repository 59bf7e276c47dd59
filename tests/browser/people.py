"""GPs and specialists as they use Tele in real Chromium: what they click, and what their media tells."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from playwright.async_api import Browser, BrowserContext, Locator, Page, expect

WATCH_PEERS = """
(() => {
  const Native = window.RTCPeerConnection;
  window.peers = [];
  window.RTCPeerConnection = class extends Native {
    constructor(...options) { super(...options); window.peers.push(this); }
  };
})();
"""
"""Keeps every peer connection of the page, so that a test can ask for its statistics."""

WITHOUT_H264 = """
(() => {
  for (const kind of [RTCRtpSender, RTCRtpReceiver]) {
    const capabilities = kind.getCapabilities.bind(kind);
    kind.getCapabilities = (media) => {
      const found = capabilities(media);
      return found && { ...found, codecs: found.codecs.filter((codec) => codec.mimeType !== 'video/H264') };
    };
  }
  const offer = RTCPeerConnection.prototype.createOffer;
  RTCPeerConnection.prototype.createOffer = async function (...options) {
    const made = await offer.apply(this, options);
    const dropped = new Set([...made.sdp.matchAll(/a=rtpmap:(\\d+) H264\\//g)].map((match) => match[1]));
    for (const match of made.sdp.matchAll(/a=fmtp:(\\d+) apt=(\\d+)/g)) {
      if (dropped.has(match[2])) dropped.add(match[1]);
    }
    const lines = made.sdp.split('\\r\\n').filter((line) => {
      const about = /^a=(?:rtpmap|fmtp|rtcp-fb):(\\d+)/.exec(line);
      return !(about && dropped.has(about[1]));
    }).map((line) => line.startsWith('m=video')
      ? line.split(' ').filter((word, index) => index < 3 || !dropped.has(word)).join(' ') : line);
    return { type: made.type, sdp: lines.join('\\r\\n') };
  };
})();
"""
"""A browser that cannot send H264, as some are."""

INBOUND = """
async () => {
  const seen = { frames: 0, energy: 0, packets: 0, codecs: [], width: 0 };
  for (const peer of window.peers || []) {
    if (peer.connectionState === 'closed') continue;
    const report = await peer.getStats();
    report.forEach((each) => {
      if (each.type !== 'inbound-rtp') return;
      seen.packets += each.packetsReceived;
      if (each.kind === 'video') {
        seen.frames += each.framesDecoded || 0;
        seen.width = Math.max(seen.width, each.frameWidth || 0);
        const codec = report.get(each.codecId);
        if (codec) seen.codecs.push(codec.mimeType);
      } else seen.energy += each.totalAudioEnergy || 0;
    });
  }
  return seen;
}
"""


@dataclass
class Person:
    """One signed-in browser."""

    page: Page
    context: BrowserContext
    url: str

    def part(self, name: str) -> Locator:
        """An element by its data-testid."""
        return self.page.get_by_test_id(name)

    async def sign_in(self, username: str, password: str = "demo-only") -> None:
        await self.page.goto(self.url)
        await self.part("username").fill(username)
        await self.part("password").fill(password)
        await self.part("sign-in").click()
        await expect(self.part("whoami")).to_be_visible()

    async def ask(
        self, *, specialty: str = "cardiology", urgency: str = "urgent", question: str = "ST elevation in V2–V4?"
    ) -> str:
        """Send a request as a GP; returns the consultation's id."""
        await self.part("new-consultation").click()
        await self.part("specialty").select_option(specialty)
        await self.part("urgency").select_option(urgency)
        await self.part("question").fill(question)
        await self.part("consent").check()
        async with self.page.expect_response(
            lambda answer: answer.request.method == "POST" and answer.url.endswith("/api/consultations")
        ) as sent:
            await self.part("send-request").click()
        consultation = (await (await sent.value).json())["id"]
        await expect(self.part("queue-state")).to_be_visible()
        return str(consultation)

    async def go_on_call(self) -> None:
        switch = self.part("on-call")
        if await switch.get_attribute("aria-checked") != "true":
            await switch.click()
        await expect(switch).to_have_attribute("aria-checked", "true")

    async def inbound(self) -> dict[str, Any]:
        """What this browser has decoded so far: frames, audio energy, packets, codecs."""
        found: dict[str, Any] = await self.page.evaluate(INBOUND)
        return found

    async def sees_and_hears(self, *, within_ms: int = 10_000) -> dict[str, Any]:
        """Wait until pictures are decoded and sound has energy, both beyond where they stood."""
        before = await self.inbound()
        await self.page.wait_for_function(
            f"async (before) => {{ const now = await ({INBOUND})();"
            " return now.frames > before.frames + 5 && now.energy > before.energy; }",
            arg=before,
            timeout=within_ms,
            polling=100,
        )
        return await self.inbound()

    async def decodes(self, *codecs: str, within_ms: int = 10_000) -> None:
        """Wait until what is decoded is of these codecs, such as `video/H264`, and of no other."""
        await self.page.wait_for_function(
            f"async (wanted) => JSON.stringify([...new Set((await ({INBOUND})()).codecs)].sort()) === wanted",
            arg=json.dumps(sorted(codecs), separators=(",", ":")),
            timeout=within_ms,
            polling=100,
        )

    async def api(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Call the server as this person's own page would."""
        status, text = await self.page.evaluate(
            """async ([method, path, body]) => {
              const answer = await fetch(path, { method, body: body === null ? undefined : JSON.stringify(body),
                headers: body === null ? {} : { 'Content-Type': 'application/json' } });
              return [answer.status, await answer.text()];
            }""",
            [method, path, body],
        )
        return status, json.loads(text) if text.startswith(("{", "[")) else text


@asynccontextmanager
async def person(
    browser: Browser, url: str, username: str, *, scripts: tuple[str, ...] = (), **options: Any
) -> AsyncIterator[Person]:
    """A browser of their own for one person, signed in."""
    context = await browser.new_context(permissions=["camera", "microphone", "notifications"], **options)
    await context.add_init_script(WATCH_PEERS)
    for script in scripts:
        await context.add_init_script(script)
    page = await context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    someone = Person(page, context, url)
    await someone.sign_in(username)
    try:
        yield someone
    finally:
        await context.close()
    assert problems == [], "the page raised errors"


async def in_call(gp: Person, specialist: Person) -> None:
    """Both are in the room and connected."""
    for each in (gp, specialist):
        await expect(each.part("room")).to_have_attribute("data-state", "connected", timeout=15_000)


async def hang_up(who: Person) -> None:
    """End the call for both, and hear that the server did: a browser closed before that would leave it running."""
    async with who.page.expect_response(lambda answer: answer.url.endswith("/hang-up")):
        await who.part("hang-up").click()
