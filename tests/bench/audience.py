"""Whether an audience delays a call: a thousand viewers replay a recording while two people talk on the same server.

The media worker has the first core; the front, the viewers and the two have the others. Each sound carries the time at
which it was sent, and when it arrived is the kernel's time stamp: how busy the program is that measures plays no part.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urljoin

import aiohttp
from yarl import URL

from signaling.media.counters import Counters
from signaling.media.tasks import Tasks
from tests.bench.crowd import AUDIO, PASSWORD, Pair, Person, make_accounts, speak
from tests.bench.gathering import STAMP, percentile
from tests.bench.subscriber import Subscriber
from tests.people import caller
from tests.server import REPOSITORY, Server, running_server
from tests.unit.recorder.synthetic import rtp

RECORDED: Final = 30.0
"""Seconds of the recording that is replayed."""
SEALED_WITHIN: Final = 60.0
TOC: Final = 0x78
"""How an Opus packet of 20 ms begins."""
SOUND: Final = 80
QUANTILES: Final = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "most": 1.0}


# --- the two who talk ---------------------------------------------------------------------------------------------


@dataclass
class Talker(Person):
    """Sends sounds that can be timed, and times those of the other."""

    delays: list[float] = field(default_factory=list)
    _listening: Subscriber | None = None

    def __post_init__(self) -> None:
        self.ear = self._listen

    def _listen(self) -> Subscriber:
        self._listening = Subscriber()
        return self._listening

    def hear(self, data: bytes) -> None:
        """Note how long a sound was on its way."""
        super().hear(data)
        start = 12 + 4 * (data[0] & 15)
        if data[0] & 0x10:
            start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
        if len(data) == start + SOUND and data[start] == TOC and self._listening is not None:
            self.delays.append(self._listening.came - STAMP.unpack_from(data, start)[1] / 1e9)

    def say(self, at: int) -> None:
        """A sound that carries the time, in 20 ms step number `at`."""
        if self._up is not None and self._up.keys is not None:
            payload = STAMP.pack(TOC, time.time_ns()) + bytes(SOUND - STAMP.size)
            self._up.send_secured(rtp(at, at * 960, AUDIO, payload, kind=111))
            if at % 100 == 0:
                self.check()


async def talk(pair: Pair) -> None:
    """Both talk until cancelled."""
    at, due = 0, time.monotonic()
    while True:
        for person in (pair.gp, pair.specialist):
            assert isinstance(person, Talker)
            person.say(at)
        at += 1
        due = max(due + 0.02, time.monotonic() - 1.0)
        await asyncio.sleep(max(0.0, due - time.monotonic()))


async def delays(pair: Pair, seconds: float) -> list[float]:
    """How long sounds take in the next seconds."""
    people = [person for person in (pair.gp, pair.specialist) if isinstance(person, Talker)]
    for person in people:
        person.delays.clear()
    await asyncio.sleep(seconds)
    return [delay for person in people for delay in person.delays]


# --- the audience, a process of its own ---------------------------------------------------------------------------


@dataclass
class Watched:
    """What all viewers together did."""

    requests: int = 0
    octets: int = 0
    failed: int = 0
    waits: list[float] = field(default_factory=list)


class Viewer:
    """Replays from some point on as a player does: playlists once, then each segment of each track when it is due."""

    def __init__(self, http: aiohttp.ClientSession, url: str, watched: Watched, chance: random.Random) -> None:
        self._http = http
        self._url = url
        self._watched = watched
        self._chance = chance

    async def watch(self, tracks: Sequence[tuple[Sequence[str], float]]) -> None:
        """Until cancelled; each track has its segments and their length in seconds."""
        position = self._chance.random()
        await asyncio.sleep(self._chance.random() * tracks[0][1])
        number = int(position * len(tracks[0][0]))
        due = time.monotonic()
        while True:
            for segments, _ in tracks:
                await self.get(segments[number % len(segments)])
            number += 1
            due = max(due + tracks[0][1], time.monotonic() - tracks[0][1])
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def get(self, path: str) -> bytes:
        """One file."""
        began = time.monotonic()
        try:
            async with self._http.get(urljoin(self._url, path)) as answer:
                body = await answer.read()
                self._watched.failed += answer.status >= 300
        except (aiohttp.ClientError, TimeoutError):
            self._watched.failed += 1
            body = b""
        self._watched.requests += 1
        self._watched.octets += len(body)
        self._watched.waits.append(time.monotonic() - began)
        return body


async def playlists(viewer: Viewer, index: str) -> list[tuple[list[str], float]]:
    """The segments of each track of a recording, and how long they are."""
    found = []
    text = (await viewer.get(index)).decode()
    names = [line for line in text.splitlines() if line and not line.startswith("#")]
    for name in dict.fromkeys([*names, *re.findall(r'URI="([^"]+)"', text)]):
        media = urljoin(index, name)
        lines = (await viewer.get(media)).decode()
        lengths = [float(each) for each in re.findall(r"#EXTINF:([0-9.]+)", lines)]
        segments = [urljoin(media, line) for line in lines.splitlines() if line and not line.startswith("#")]
        if segments:
            found.append((segments, max(lengths)))
    return found


async def audience(url: str, index: str, cookie: str, viewers: int) -> None:
    """All viewers, each with a connection of its own, until standard input closes; then say what they did."""
    watched, chance, tasks = Watched(), random.Random(1), Tasks(Counters())
    async with contextlib.AsyncExitStack() as stack:
        everyone = []
        for _ in range(viewers):
            http = aiohttp.ClientSession(headers={"Cookie": cookie}, cookie_jar=aiohttp.DummyCookieJar())
            everyone.append(Viewer(await stack.enter_async_context(http), url, watched, chance))
        tracks = await playlists(everyone[0], index)
        if not tracks:
            raise SystemExit("the recording has no segments")
        for viewer in everyone:
            tasks.spawn(viewer.watch(tracks), "viewer")
        print(len(tracks), flush=True)
        await asyncio.sleep(tracks[0][1])
        began, watched.requests, watched.octets, watched.failed = time.monotonic(), 0, 0, 0
        watched.waits.clear()
        await asyncio.to_thread(sys.stdin.read)
        elapsed = time.monotonic() - began
        await tasks.stop()
    print(
        json.dumps(
            {
                "requests_per_second": round(watched.requests / elapsed),
                "mbit_per_second": round(watched.octets * 8 / elapsed / 1e6, 1),
                "failed": watched.failed,
                "answer_ms_p99": round(percentile(watched.waits, 0.99) * 1e3, 1) if watched.waits else None,
            }
        )
    )


# --- the measurement ----------------------------------------------------------------------------------------------


def pin(pid: int, core: int) -> None:
    """Give all threads of a process this core."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), {core})


async def sealed_recording(pair: Pair, tasks: Tasks) -> str:
    """Hold a recorded call and hang up; the path of its playlist."""
    await pair.begin(asyncio.Lock())
    await pair.join()
    speaking = tasks.spawn(speak([pair]), "speaking")
    await asyncio.sleep(RECORDED)
    speaking.cancel()
    await pair.end()
    async with asyncio.timeout(SEALED_WITHIN):
        while True:
            items = (await pair.gp.caller.ok("GET", "/api/recordings?state=sealed"))["items"]
            if items:
                return f"/media/{items[0]['id']}/index.m3u8"
            await asyncio.sleep(0.2)


async def measure(server: Server, viewers: int, seconds: float, core: int) -> dict[str, Any]:
    """The delay of a call before the audience comes, and while it is there."""
    tasks = Tasks(Counters())
    async with contextlib.AsyncExitStack() as stack:
        people: list[Talker] = []
        for name in ("gp-0", "spec-0"):
            signed_in = await stack.enter_async_context(caller(server.url, name, page=False, password=PASSWORD))
            person = Talker(signed_in, tasks)
            person.listen()
            await signed_in.sio.connect(server.url, transports=["websocket"])
            people.append(person)
        pair = Pair(people[0], people[1])
        try:
            index = await sealed_recording(pair, tasks)
            for pid in server.children("_media").values():
                pin(pid, core)
            await pair.begin(asyncio.Lock())
            await pair.join()
            tasks.spawn(talk(pair), "talking")
            await asyncio.sleep(2.0)
            before = await delays(pair, seconds)
            cookies = people[0].caller.http.cookie_jar.filter_cookies(URL(server.url))
            cookie = "; ".join(f"{each.key}={each.value}" for each in cookies.values())
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.bench.audience", "--viewers", str(viewers)),
                *("--watch", server.url, "--index", index),
                cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                env={**os.environ, "BENCH_COOKIE": cookie},
            )  # fmt: skip
            assert process.stdout is not None and process.stdin is not None
            try:
                tracks = int(await asyncio.wait_for(process.stdout.readline(), 60))
                await asyncio.sleep(3.0)
                during = await delays(pair, seconds)
                process.stdin.close()
                watched = json.loads(await asyncio.wait_for(process.stdout.readline(), 30))
            finally:
                if process.returncode is None:
                    with contextlib.suppress(ProcessLookupError):
                        process.kill()
                await process.wait()
            await pair.end()
        finally:
            await tasks.stop()
    return {
        "benchmark": "audience",
        "viewers": viewers,
        "tracks": tracks,
        **watched,
        "delay_ms_before": _quantiles(before),
        "delay_ms_during": _quantiles(during),
        "sounds": [len(before), len(during)],
    }


def _quantiles(values: Sequence[float]) -> dict[str, float]:
    return {name: round(percentile(values, part) * 1e3, 3) for name, part in QUANTILES.items()}


def main(argv: Sequence[str] = ()) -> dict[str, Any]:
    """Run the benchmark; print a table and, as the last line, the JSON object that is returned."""
    parser = argparse.ArgumentParser(prog="tele bench audience", description=__doc__)
    parser.add_argument("--viewers", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=15.0, help="of the call without and with the audience")
    parser.add_argument("--watch", help=argparse.SUPPRESS)
    parser.add_argument("--index", help=argparse.SUPPRESS)
    options = parser.parse_args(list(argv))
    if options.watch:
        asyncio.run(audience(options.watch, options.index, os.environ["BENCH_COOKIE"], options.viewers))
        return {}
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:
        os.sched_setaffinity(0, set(cores[1:]))
    with (
        tempfile.TemporaryDirectory(prefix="bench-audience-") as folder,
        running_server(Path(folder) / "data") as server,
    ):
        make_accounts(server.data_dir, 1)
        result = asyncio.run(measure(server, options.viewers, options.seconds, cores[0]))
    print("a call's delay, ms      p50    p90    p99   most")
    for name in ("before", "during"):
        print(f"{name:<20}" + "".join(f"  {value:>5.2f}" for value in result[f"delay_ms_{name}"].values()))
    print(json.dumps(result))
    return result


if __name__ == "__main__":
    main(sys.argv[1:])
