"""Calls across the networks that sites have, in real Chromium: UDP blocked, IPv6 alone, several addresses."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tele.media_node import own_addresses
from tests.browser.people import Person, in_call, person
from tests.impair import CLIENT_SIDE, SERVER_SIDE
from tests.server import Server, running_server
from tests.tcp_line import tcp_line

NOWHERE = "127.0.0.3"
"""An address at which nothing listens."""

CLOCK = """
(() => {
  const Native = window.RTCPeerConnection;
  window.connecting = [];
  window.RTCPeerConnection = class extends Native {
    constructor(...options) {
      super(...options);
      let begun = 0;
      this.addEventListener('iceconnectionstatechange', () => {
        if (this.iceConnectionState === 'checking') begun ||= performance.now();
        if (begun && this.iceConnectionState === 'connected') window.connecting.push(performance.now() - begun);
      });
    }
  };
})();
"""
"""Notes how long each peer connection looked for the server, in milliseconds."""

PATHS = """
async () => {
  const found = [];
  for (const peer of window.peers) {
    const report = await peer.getStats();
    report.forEach((each) => {
      if (each.type !== 'transport' || !each.selectedCandidatePairId) return;
      const { protocol, address } = report.get(report.get(each.selectedCandidatePairId).remoteCandidateId);
      found.push([protocol, address]);
    });
  }
  return found;
}
"""


async def paths(server: Server, browser: Browser) -> tuple[set[tuple[str, str]], float]:
    """A call; where its media goes to, and the shortest time in seconds that it took to find the way."""
    async with (
        person(browser, server.url, "spec", scripts=(CLOCK,)) as specialist,
        person(browser, server.url, "gp", scripts=(CLOCK,)) as gp,
    ):
        await specialist.go_on_call()
        await gp.ask()
        await expect(specialist.part("ring")).to_be_visible()
        await specialist.part("accept").click()
        await in_call(gp, specialist)
        await gp.sees_and_hears()
        await specialist.sees_and_hears()
        people: tuple[Person, ...] = (gp, specialist)
        found = {(path[0], path[1]) for each in people for path in await each.page.evaluate(PATHS)}
        took = [each for who in people for each in await who.page.evaluate("window.connecting")]
        return found, min(took) / 1000


async def test_a_network_without_udp_has_media_by_tcp_within_a_second(browser: Browser, tmp_path: Path) -> None:
    with running_server(tmp_path / "data", TELE_MEDIA__BIND=SERVER_SIDE, TELE_MEDIA__HOST=CLIENT_SIDE) as server:
        async with tcp_line(server.media_port, host=SERVER_SIDE, port=server.media_port):
            found, took = await paths(server, browser)
    assert found == {("tcp", CLIENT_SIDE)}
    assert took < 1.0


async def test_of_several_addresses_the_one_that_answers_is_used(browser: Browser, tmp_path: Path) -> None:
    addresses = f"{NOWHERE}, {SERVER_SIDE}"
    with running_server(tmp_path / "data", TELE_MEDIA__BIND=SERVER_SIDE, TELE_MEDIA__HOST=addresses) as server:
        found, _ = await paths(server, browser)
    assert found == {("udp", SERVER_SIDE)}


async def test_a_network_with_ipv6_alone(browser: Browser, tmp_path: Path) -> None:
    address = next((each for each in own_addresses() if ":" in each), None)
    if address is None:
        pytest.skip("this machine has no IPv6 address but ::1, which browsers do not use")
    with running_server(tmp_path / "data", TELE_MEDIA__HOST=address) as server:
        found, _ = await paths(server, browser)
    assert found == {("udp", address)}
