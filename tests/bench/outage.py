"""How soon a call is back after an outage, a new address, or a killed process, in real Chromium.

`--seconds 5,25,84` outages, `--times` of each, `--only outage,address,server,media`. Two people in one recorded call;
both their UDP and their web connection go through relays on loopback. Measured is when both hear and see each other
again; "steady" is when they do so for three seconds without a gap, which a busy machine alone can delay.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import math
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, async_playwright, expect

from tests import peers
from tests.bench.ending import conclude
from tests.browser.people import Person, hang_up, person
from tests.impair import CLIENT_SIDE, SERVER_SIDE, Relay, relay
from tests.server import Server, eventually, running_server
from tests.tcp_line import TcpLine, tcp_line

PROMISED = {"outage": 0.8, "address": 2.0, "server": 5.0, "media": 5.0}
"""Seconds at the 95th percentile."""
GAP = 0.6
"""Seconds without sound or picture that count as an interruption: a quiet microphone sends every 0.4 s."""
CALM = 6.0
"""Seconds of undisturbed call before each event."""
HOLD = 3.0
"""Seconds without interruption after which streams count as back."""
LIMIT = 60.0

WATCH = """
() => {
  if (window.watching) return;
  window.watching = true;
  window.delivered = { audio: [], video: [] };
  const last = { audio: 0, video: 0 };
  setInterval(() => {
    for (const peer of window.peers) {
      if (peer.connectionState === 'closed') continue;
      for (const receiver of peer.getReceivers()) {
        const kind = receiver.track.kind;
        for (const { timestamp } of receiver.getSynchronizationSources()) {
          if (timestamp > last[kind]) {
            last[kind] = timestamp;
            window.delivered[kind].push(timestamp);
          }
        }
      }
    }
  }, 20);
}
"""
"""Notes when sound was played and a picture shown, in milliseconds since 1970."""


@dataclass
class Call:
    """Two people in a call, and the lines between them and the server."""

    server: Server
    udp: Relay
    tcp: TcpLine
    people: tuple[Person, Person]
    participants: list[str | None] = field(default_factory=list)

    def dead(self, dead: bool) -> None:
        """Cut both lines, or mend them."""
        self.udp.dead = self.tcp.dead = dead

    def move(self) -> None:
        """Everybody comes from a new address; what was connected carries nothing any more."""
        self.udp.move()
        self.tcp.move()

    async def connected(self) -> None:
        """Wait until both pages say so, however busy the machine is."""
        for each in self.people:
            await expect(each.part("room")).to_have_attribute("data-state", "connected", timeout=LIMIT * 1000)

    async def calm(self) -> None:
        """Wait until all is well, and then a while."""
        await self.connected()
        for each in self.people:
            await each.page.evaluate(WATCH)
            await each.sees_and_hears(within_ms=int(LIMIT * 1000))
        await asyncio.sleep(CALM)

    async def back(self, since: float) -> tuple[float, float]:
        """Seconds from `since` until all four streams flow again, and until they do so steadily; at most `LIMIT`."""
        while True:
            await asyncio.sleep(1)
            streams = [times for each in self.people for times in await _delivered(each)]
            resumed = max(_resumed(times, since) if times[-1] > since else LIMIT for times in streams)
            steady = [_steady(times, since) for times in streams]
            if None not in steady:
                return resumed, max(each or 0.0 for each in steady)
            if time.time() > since + LIMIT:
                return resumed, LIMIT

    async def same_people(self) -> bool:
        """Whether both still sit where they sat, alone with each other."""
        await self.connected()
        seats = []
        for each in self.people:
            await expect(each.part("tile")).to_have_count(1)
            seats.append(await each.part("tile").get_attribute("data-participant"))
        before, self.participants = self.participants or seats, seats
        return before == seats

    async def connections(self) -> int:
        """Peer connections that the pages have made so far: one that heals makes no new ones."""
        return sum([int(await each.page.evaluate("window.peers.length")) for each in self.people])


async def _delivered(someone: Person) -> list[list[float]]:
    noted = await someone.page.evaluate("window.delivered")
    return [[each / 1000 for each in noted[kind]] for kind in ("audio", "video")]


def _resumed(times: Sequence[float], since: float) -> float:
    """Seconds from `since` to the end of the first interruption that lasts then or begins later; 0 without one."""
    for before, at in itertools.pairwise(times):
        if at > since and at - before > GAP:
            return at - since
    return 0.0


def _steady(times: Sequence[float], since: float) -> float | None:
    """Seconds from `since` to the first moment that begins `HOLD` seconds without interruption; None when none does."""
    begun = before = 0.0
    for at in times:
        if at > since and (not begun or at - before > GAP):
            begun = at
        if begun and at - begun > HOLD:
            return begun - since
        before = at
    return None


@dataclass
class Result:
    """What was measured for one kind of event."""

    promised: float
    seconds: list[float] = field(default_factory=list)
    steady: list[float] = field(default_factory=list)
    rebuilt: int = 0
    """Peer connections made anew."""
    same: bool = True

    @property
    def kept(self) -> bool:
        """Whether it took no longer than promised, and everybody was who they were."""
        return self.same and _percentile(self.seconds, 0.95) <= self.promised

    def public(self) -> dict[str, Any]:
        """As the last line shows it."""
        return {
            "times": len(self.seconds), "p50": _percentile(self.seconds, 0.5), "p95": _percentile(self.seconds, 0.95),
            "steady_p95": _percentile(self.steady, 0.95), "promised": self.promised, "rebuilt": self.rebuilt,
            "same": self.same,
        }  # fmt: skip


def _percentile(values: Sequence[float], share: float) -> float:
    """By the nearest-rank method, to hundredths."""
    return round(sorted(values)[max(0, math.ceil(share * len(values)) - 1)], 2)


async def disturb(call: Call, kind: str, seconds: float) -> float:
    """Do it once; returns the moment from which the return counts."""
    if kind == "outage":
        call.dead(True)
        await asyncio.sleep(seconds)
        call.dead(False)
    elif kind == "address":
        call.move()
    else:
        begun = time.time()
        if kind == "server":
            call.server.kill_all()
            await asyncio.to_thread(call.server.start)
        else:
            call.server.kill("_media")
            await asyncio.to_thread(eventually, lambda: bool(call.server.children("_media")), 15)
        return begun
    return time.time()


async def measure(call: Call, kind: str, seconds: float, times: int) -> Result:
    """The same disturbance several times in one call."""
    result = Result(PROMISED[kind])
    for number in range(times):
        await call.calm()
        await call.same_people()
        before = await call.connections()
        since = await disturb(call, kind, seconds)
        took, steady = await call.back(since)
        result.seconds.append(took)
        result.steady.append(steady)
        result.rebuilt += await call.connections() - before
        result.same &= await call.same_people()
        print(
            f"  {kind} {seconds or ''} {number + 1}/{times}: {took:.2f} s, steady {steady:.2f} s",
            file=sys.stderr,
            flush=True,
        )
    return result


@contextlib.asynccontextmanager
async def calling(browser: Browser, folder: Path) -> AsyncIterator[Call]:
    """A recorded call over lines that can be cut; ends with a look at its recording."""
    lines = {"TELE_MEDIA__BIND": SERVER_SIDE, "TELE_MEDIA__HOST": CLIENT_SIDE}
    with contextlib.redirect_stdout(sys.stderr), running_server(folder / "data", **lines) as server:
        async with relay(server.media_port) as udp, tcp_line(server.port) as tcp:
            url = f"http://127.0.0.1:{tcp.port}"
            async with person(browser, url, "spec") as specialist, person(browser, url, "gp") as gp:
                await specialist.go_on_call()
                await gp.ask()
                await specialist.part("accept").click(timeout=30_000)
                yield Call(server, udp, tcp, (gp, specialist))
                await hang_up(gp)
                _, page = await gp.api("GET", "/api/recordings")
                if len(page["items"]) != 1:
                    raise SystemExit(f"one call made {len(page['items'])} recordings")


async def run(wanted: Sequence[str], outages: Sequence[float], times: int) -> dict[str, Result]:
    """Each kind of disturbance in a call of its own."""
    executable, environment = peers.chromium()
    plan = [(f"outage {each:g} s", "outage", each) for each in outages if "outage" in wanted]
    plan += [(kind, kind, 0.0) for kind in ("address", "server", "media") if kind in wanted]
    results = {}
    async with async_playwright() as playwright:
        for name, kind, seconds in plan:
            browser = await playwright.chromium.launch(
                executable_path=executable, env=environment, args=[*peers.CHROMIUM_FLAGS, peers.AUTOPLAY_FLAG]
            )
            with tempfile.TemporaryDirectory(prefix="tele-outage-") as folder:
                async with calling(browser, Path(folder)) as call:
                    results[name] = await measure(call, kind, seconds, times)
            await browser.close()
    return results


def main(arguments: list[str]) -> None:
    """Entry point of `tele bench outage`."""
    parser = argparse.ArgumentParser(prog="tele bench outage", description=__doc__)
    parser.add_argument("--seconds", default="5,25,84", help="lengths of the outages (5,25,84)")
    parser.add_argument("--times", type=int, default=10, help="how often each (10)")
    parser.add_argument("--only", default="outage,address,server,media", help="which kinds (all four)")
    options = parser.parse_args(arguments)
    load = os.getloadavg()[0]
    found = asyncio.run(
        run(options.only.split(","), [float(each) for each in options.seconds.split(",")], options.times)
    )
    print(f"{'':14} {'times':>5} {'p50':>7} {'p95':>7} {'promised':>9} {'steady p95':>11} {'rebuilt':>8}")
    for name, result in found.items():
        row = result.public()
        print(
            f"{name:14} {row['times']:5} {row['p50']:7.2f} {row['p95']:7.2f} {row['promised']:9.1f}"
            f" {row['steady_p95']:11.2f} {row['rebuilt']:8}" + ("" if result.same else "   another seat or a ghost")
        )
    print(f"load average before: {load:.1f} on {os.cpu_count()} processors")
    broken = [f"{name}: {result.public()['p95']} s" for name, result in found.items() if not result.kept]
    conclude({name: result.public() for name, result in found.items()} | {"load": round(load, 1)}, broken)
