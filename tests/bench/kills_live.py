"""What `kill -9` costs a live lecture: media worker, front or everything, at random moments, while somebody watches.

Lost is what was sent before a kill and is not in the recording. The viewer polls the playlists of both tracks all the
time and holds each against the rules of RFC 8216bis, and against what it was told before. At the end all is decoded.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import os
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urljoin

import aiohttp
import av

from signaling.media.counters import Counters
from signaling.media.tasks import Tasks
from tests.bench.ending import conclude
from tests.bench.podium import Podium
from tests.bench.process import percentile
from tests.people import Caller, caller
from tests.server import Server, running_server
from tests.unit.recorder import hls_rules
from tests.unit.recorder.reading import entries

KINDS: Final = ("media", "front", "all")
PROMISED_LOSS: Final = 1.0
PROMISED_LISTED: Final = 10.0
"""Seconds."""
POLL_EVERY: Final = 0.3
BACK_WITHIN: Final = 60.0
MADE_UP: Final = "gap-"
"""How names of files begin that stand for what was not there."""


@dataclass
class Viewer:
    """Polls the playlists of all tracks of a live recording and judges what it gets."""

    caller: Caller
    base: str
    tracks: tuple[str, ...]
    refused: int = 0
    violations: list[str] = field(default_factory=list)
    _last: dict[str, hls_rules.Playlist] = field(default_factory=dict)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            for track in self.tracks:
                await self._look(track)
            await asyncio.sleep(POLL_EVERY)

    async def _look(self, track: str) -> None:
        try:
            status, text = await self.caller.call("GET", f"{self.base}/{track}/index.m3u8")
        except (aiohttp.ClientError, TimeoutError):
            status, text = 0, ""
        if status != 200:
            self.refused += 1
            return
        try:
            found = hls_rules.check(text, video=track.startswith("cam"))
            if track in self._last:
                hls_rules.check_change(self._last[track], found)
        except AssertionError as error:
            self.violations = [*self.violations[-19:], f"{track}: {str(error)[:400]}"]
            self._last.pop(track, None)
            return
        self._last[track] = found

    def watches(self, since: float) -> bool:
        """Whether all tracks have real media from after that moment (seconds since 1970)."""
        return all(self.edge(track) > since for track in self.tracks)

    def edge(self, track: str) -> float:
        """Up to which moment (seconds since 1970) real media is listed; 0 while the newest is made up."""
        found = self._last.get(track)
        if found is None or not (found.open or found.segments):
            return 0.0
        newest = found.open or found.segments[-1]
        if newest.date is None or newest.gap or MADE_UP in newest.map:
            return 0.0
        return newest.date + (newest.duration or sum(part.duration for part in newest.parts if not part.gap))


@dataclass(frozen=True)
class Kill:
    """One kill: what, when (seconds since 1970), and how long until the viewer went on and the recording was listed."""

    kind: str
    at: float
    back: float
    listed: float


async def until(condition: Callable[[], Awaitable[bool] | bool], limit: float, what: str) -> None:
    """Wait for something of the server's; raises TimeoutError that says what did not come."""
    deadline = time.monotonic() + limit
    while True:
        came = condition()
        if came if isinstance(came, bool) else await came:
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {limit:g} s")
        await asyncio.sleep(0.05)


async def live_recording(who: Caller, *, tracks: int = 2) -> tuple[str, tuple[str, ...]]:
    """The one recording that grows, as soon as it has so many tracks: its id, and their names."""
    found: list[dict[str, Any]] = []

    async def begun() -> bool:
        found[:] = (await who.ok("GET", "/api/recordings?state=live"))["items"]
        return bool(found) and len(found[0]["tracks"]) == tracks

    await until(begun, 30, f"{tracks} tracks")
    return str(found[0]["id"]), tuple(each["name"] for each in found[0]["tracks"])


async def sealed(who: Caller, recording: str) -> None:
    """Wait until it is a replay."""

    async def listed() -> bool:
        items = (await who.ok("GET", "/api/recordings?state=sealed"))["items"]
        return recording in [each["id"] for each in items]

    await until(listed, 30, "the replay")


async def _kill(server: Server, kind: str) -> float:
    """SIGKILL; everything is started again at once, as an init system would."""
    at = time.time()
    if kind != "all":
        server.kill(f"_{kind}")
        return at
    server.kill_all()
    await asyncio.to_thread(server.start)
    return at


async def once(server: Server, viewer: Viewer, recording: str, kind: str) -> Kill:
    """Kill, and wait until all is as before."""
    at = await _kill(server, kind)

    async def listed() -> bool:
        try:
            status, found = await viewer.caller.call("GET", "/api/recordings?state=live")
        except (aiohttp.ClientError, TimeoutError):
            return False
        return status == 200 and recording in [each["id"] for each in found["items"]]

    await until(listed, BACK_WITHIN, "being listed")
    listed_after = time.time() - at
    await until(lambda: viewer.watches(at + 0.3), BACK_WITHIN, f"going on after {kind} was killed")
    return Kill(kind, at, time.time() - at, listed_after)


def lost(playlist: hls_rules.Playlist, at: float) -> float:
    """Seconds before a moment in which nothing is recorded up to it."""
    real = [each for each in playlist.segments if not each.gap and not each.uri.startswith(MADE_UP)]
    ends = [each.date + each.duration for each in real if each.date is not None and each.date < at]
    return max(0.0, at - max(ends, default=0.0))


async def decode(who: Caller, base: str, track: str) -> tuple[int, list[str]]:
    """Frames that a decoder makes of a sealed track, and what it complained about."""
    _, text = await who.call("GET", f"{base}/{track}/index.m3u8")
    runs: list[tuple[bytes, list[bytes]]] = []
    init = ""
    for entry in entries(text):
        if entry.address.startswith(MADE_UP):
            init = ""
            continue
        if entry.init != init or entry.discontinuity:
            runs.append((await _fetch(who, f"{base}/{track}/", entry.init), []))
            init = entry.init
        runs[-1][1].append(await _fetch(who, f"{base}/{track}/", entry.address))
    frames = 0
    wrong: list[str] = []
    for head, pieces in runs:
        try:
            with av.open(io.BytesIO(head + b"".join(pieces)), "r", options={"ignore_editlist": "1"}) as container:
                some = len(list(container.decode(container.streams[0])))
        except (av.FFmpegError, IndexError) as error:
            some, wrong = 0, [*wrong, f"{track}: {error}"]
        frames += some
        wrong += [] if some else [f"{track}: nothing in {len(pieces)} segments"]
    return frames, wrong


async def _fetch(who: Caller, base: str, name: str) -> bytes:
    async with who.http.get(who.url + urljoin(base, name)) as answer:
        answer.raise_for_status()
        return await answer.read()


async def measure(rounds: int, seed: int) -> dict[str, Any]:
    """The whole benchmark, on a server of its own."""
    chance, tasks, load = random.Random(seed), Tasks(Counters()), os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="tele-kills-") as folder, running_server(Path(folder) / "data") as server:
        async with caller(server.url, "spec") as spec, caller(server.url, "gp", page=False) as gp:
            podium = Podium(spec)
            await podium.go_live("Killed, and here again")
            tasks.spawn(podium.keep(), "keep")
            tasks.spawn(podium.speak(), "speak")
            try:
                return await _measure(server, podium, gp, chance, rounds, tasks) | {"load": round(load, 1)}
            finally:
                await tasks.stop()
                await podium.close()


async def _measure(
    server: Server, podium: Podium, gp: Caller, chance: random.Random, rounds: int, tasks: Tasks
) -> dict[str, Any]:
    recording, tracks = await live_recording(gp)
    base = f"/media/{recording}"
    viewer = Viewer(gp, base, tracks)
    tasks.spawn(viewer.run(), "viewer")
    kills: list[Kill] = []
    await asyncio.sleep(4)
    for number in range(rounds):
        await asyncio.sleep(0.5 + 2 * chance.random())
        kills.append(await once(server, viewer, recording, chance.choice(KINDS)))
        if number % 20 == 19:
            print(f"{number + 1} kills", flush=True)
    await asyncio.sleep(2)
    await podium.caller.ok("POST", f"/api/lectures/{podium.lecture}/end")
    await sealed(gp, recording)
    await asyncio.sleep(2 * POLL_EVERY)  # the viewer sees the end too
    losses: dict[str, list[float]] = {}
    frames = 0
    wrong: list[str] = []
    for track in tracks:
        _, text = await gp.call("GET", f"{base}/{track}/index.m3u8")
        playlist = hls_rules.check(text, video=track.startswith("cam"))
        losses[track.split("-")[0]] = [lost(playlist, kill.at) for kill in kills]
        decoded, complaints = await decode(gp, base, track)
        frames, wrong = frames + decoded, wrong + complaints
    return {
        "benchmark": "kills-live",
        "rounds": rounds,
        "kinds": {
            kind: {
                "times": len(of),
                "back_p50_s": round(percentile([each.back for each in of], 0.5), 2),
                "back_most_s": round(max((each.back for each in of), default=0.0), 2),
            }
            for kind in KINDS
            for of in [[each for each in kills if each.kind == kind]]
        },
        "lost_p50_s": {name: round(percentile(each, 0.5), 3) for name, each in losses.items()},
        "lost_most_s": {name: round(max(each), 3) for name, each in losses.items()},
        "listed_most_s": round(max(each.listed for each in kills), 2),
        "unplayable": wrong[:20],
        "frames": frames,
        "violations": viewer.violations,
        "refused": viewer.refused,
    }


def kept(result: dict[str, Any]) -> list[str]:
    """What was promised and is not so."""
    broken = [f"{name}: {most} s lost" for name, most in result["lost_most_s"].items() if most > PROMISED_LOSS]
    if result["listed_most_s"] > PROMISED_LISTED:
        broken.append(f"listed after {result['listed_most_s']} s")
    broken += [f"unplayable: {each}" for each in result["unplayable"]]
    return broken + [f"rules: {each}" for each in result["violations"]]


def main(argv: Sequence[str] = ()) -> dict[str, Any]:
    """Run the benchmark; print a table and, as the last line, the JSON object that is returned."""
    parser = argparse.ArgumentParser(prog="tele bench kills-live", description=__doc__)
    parser.add_argument("--rounds", type=int, default=200, help="kills (200)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(list(argv))
    result = asyncio.run(measure(max(1, options.rounds), options.seed))
    for name, value in result.items():
        print(f"{name:<14} {value}")
    return conclude(result, kept(result))


if __name__ == "__main__":
    main(sys.argv[1:])
