"""A call through a real coturn, as from a network that lets out TLS alone; skipped where there is no coturn."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import aioice.stun
import aioice.turn
import pytest
from playwright.async_api import Browser, async_playwright, expect

from tele import certificate
from tele.checkup_probes import Goal, by_turn
from tele.domain.ids import new_id
from tele.paths import config_file
from tele.turn import Turn
from tests import peers
from tests.browser.people import in_call, person
from tests.media_call import calling
from tests.server import Server, running_server

TURNSERVER = shutil.which("turnserver")
pytestmark = pytest.mark.skipif(TURNSERVER is None, reason="needs coturn: apt-get install coturn")

SECRET = "north-gate-of-the-hospital"
RELAY_ONLY = """
(() => {
  const Native = window.RTCPeerConnection;
  const relayed = (configuration) => ({ ...configuration, iceTransportPolicy: 'relay' });
  window.RTCPeerConnection = class extends Native {
    constructor(configuration, ...rest) { super(relayed(configuration), ...rest); }
    setConfiguration(configuration) { super.setConfiguration(relayed(configuration)); }
  };
})();
"""
"""Nothing of this browser gets out but to the TURN server."""

PAIRS = """
async () => {
  const found = [];
  for (const peer of window.peers) {
    const report = await peer.getStats();
    report.forEach((each) => {
      if (each.type !== 'transport' || !each.selectedCandidatePairId) return;
      const local = report.get(report.get(each.selectedCandidatePairId).localCandidateId);
      found.push([local.candidateType, local.relayProtocol]);
    });
  }
  return found;
}
"""
ALLOCATE = """
async ([urls, username, credential]) => {
  const peer = new RTCPeerConnection({ iceServers: [{ urls, username, credential }], iceTransportPolicy: 'relay' });
  const found = [];
  peer.onicecandidate = ({ candidate }) => candidate && found.push(candidate.type);
  peer.createDataChannel('probe');
  await peer.setLocalDescription();
  if (peer.iceGatheringState !== 'complete') {
    await new Promise((done) => peer.addEventListener('icegatheringstatechange',
      () => peer.iceGatheringState === 'complete' && done()));
  }
  peer.close();
  return found;
}
"""


@dataclass(frozen=True, slots=True)
class Coturn:
    """A running coturn: its TLS and its plain port, and what it printed."""

    tls: int
    tcp: int
    log: Path


@contextlib.contextmanager
def coturn(folder: Path) -> Iterator[Coturn]:
    """As config/coturn.conf sets it up, on loopback ports."""
    made = certificate.make(folder / "cert", ["localhost", "127.0.0.1"], datetime.now(UTC))
    tcp, tls, first = peers.free_port(), peers.free_port(), peers.free_port()
    log, config = folder / "coturn.log", folder / "turnserver.conf"
    text = config_file("coturn.conf").read_text()
    for was, now in {
        "TURN_ADDRESS": "127.0.0.1", "TURN_NAME": "tele.test", "=SECRET": f"={SECRET}", "MEDIA_ADDRESS": "127.0.0.1",
        "=443": f"={tls}", "=3478": f"={tcp}", "/etc/tele/turn.crt": made.certificate, "/etc/tele/turn.key": made.key,
        "=50000": f"={first}", "=51999": f"={first + 40}", "no-stdout-log\nsyslog": "log-file=stdout",
    }.items():  # fmt: skip
        assert was in text
        text = text.replace(was, str(now))
    extra = ["allow-loopback-peers", "verbose", f"userdb={folder / 'turn.db'}", f"pidfile={folder / 'turn.pid'}"]
    config.write_text(text + "\n".join(extra) + "\n")
    assert TURNSERVER is not None
    with log.open("wb") as out:
        process = subprocess.Popen([TURNSERVER, "-c", config], stdout=out, stderr=out)
    try:
        peers.wait_until(lambda: peers.accepts(tls) and peers.accepts(tcp), process, "coturn")
        yield Coturn(tls, tcp, log)
    finally:
        peers.end(process)


@pytest.fixture
def turn(tmp_path: Path) -> Iterator[Coturn]:
    with coturn(tmp_path) as running:
        yield running


@pytest.fixture
def server(tmp_path: Path, turn: Coturn) -> Iterator[Server]:
    with running_server(
        tmp_path / "data", TELE_TURN__URLS=f"turns:localhost:{turn.tls}", TELE_TURN__SECRET=SECRET
    ) as running:
        yield running


@pytest.fixture
async def trusting(chromium_executable: tuple[str, dict[str, str]]) -> AsyncIterator[Browser]:
    """A browser that takes the certificate of a local authority."""
    executable, environment = chromium_executable
    async with async_playwright() as playwright:
        flags = [*peers.CHROMIUM_FLAGS, peers.AUTOPLAY_FLAG, "--ignore-certificate-errors"]
        browser = await playwright.chromium.launch(executable_path=executable, env=environment, args=flags)
        yield browser
        await browser.close()


async def test_a_call_from_a_network_that_lets_only_tls_out(trusting: Browser, server: Server, turn: Coturn) -> None:
    async with (
        person(trusting, server.url, "spec") as specialist,
        person(trusting, server.url, "gp", scripts=(RELAY_ONLY,)) as gp,
    ):
        await specialist.go_on_call()
        await gp.ask()
        await expect(specialist.part("ring")).to_be_visible()
        await specialist.part("accept").click()
        await in_call(gp, specialist)
        await gp.sees_and_hears()
        await specialist.sees_and_hears()
        assert {tuple(pair) for pair in await gp.page.evaluate(PAIRS)} == {("relay", "tls")}
        # The relay may be quicker to answer on a busy machine; what counts is where the call ends up.
        await specialist.page.wait_for_function(
            f"async () => (await ({PAIRS})()).every(([type]) => type !== 'relay')", polling=250, timeout=20_000
        )
        me = (await gp.api("GET", "/api/session"))[1]
    assert SECRET not in server.log
    seen = turn.log.read_text(errors="replace")
    assert "session" in seen
    assert not [word for word in ("gp", me["id"], me["name"]) if f"{word}>" in seen or f":{word}" in seen]


@pytest.mark.parametrize("target", ["127.0.0.2", "10.0.0.5", "169.254.169.254", "8.8.8.8"])
async def test_nothing_but_the_media_server_is_reached_through_it(turn: Coturn, target: str) -> None:
    [given] = Turn(("turn:x",), SECRET.encode(), 600, time.time, new_id).ice_servers()
    transport, _ = await aioice.turn.create_turn_endpoint(
        asyncio.DatagramProtocol, ("127.0.0.1", turn.tcp), given["username"], given["credential"], transport="tcp"
    )
    try:
        client = transport._TurnTransport__inner_protocol
        await client.channel_bind(0x4000, ("127.0.0.1", 8443))
        with pytest.raises(aioice.stun.TransactionFailed, match="403"):
            await client.channel_bind(0x4001, (target, 80))
    finally:
        transport.close()


async def test_a_stranger_gets_no_relay(trusting: Browser, server: Server, turn: Coturn) -> None:
    page = await trusting.new_page()
    await page.goto(server.url)
    assert await page.evaluate(ALLOCATE, [f"turns:localhost:{turn.tls}", "4102444800:me", "guessed"]) == []


async def test_the_check_at_a_site_goes_through_the_relay(turn: Coturn) -> None:
    [given] = Turn(("turn:x",), SECRET.encode(), 600, time.time, new_id).ice_servers()
    url = f"turn:127.0.0.1:{turn.tcp}?transport=tcp"
    async with calling() as call:
        media = await call.plane.line_check()
        goal = Goal("127.0.0.1", call.plane.port, media["ufrag"], media["password"])
        through = await by_turn(url, given["username"], given["credential"], goal)
        assert through.reached
        assert through.seconds is not None
        elsewhere = await by_turn(url, given["username"], given["credential"], replace(goal, host="127.0.0.2"))
        assert (elsewhere.reached, elsewhere.seconds) == (True, None)
        assert not (await by_turn(url, given["username"], "guessed", goal)).reached
