"""What live viewers cost: CPU of the serving process for low-latency HLS as players ask for it, and how late it is.

Three processes on one machine: one records a lecture of about 1 Mbit/s, one serves it, one is the audience. Each viewer
keeps two connections, for pictures and for sound, and on each asks for the next part's playlist, then for the part.
Each has a session of its own, and leave for every request comes from the rows of a real database.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gzip
import json
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from sqlalchemy import update

from recorder.follow import Follower
from recorder.library import Library
from recorder.recorder import Recorder
from recorder.settings import RecorderSettings
from recorder.vault import PlainVault
from recorder.views import Views
from tele.services import sign_in
from tele.services.context import Services
from tele.services.lectures import schedule
from tele.services.lectures.broadcast import Broadcasts
from tele.store.tables import Recording
from tele.web import problems
from tele.web.media_leave import MediaLeave
from tele.web.sessions import EDGE
from tests.bench import nginx
from tests.bench.load import server_cpu
from tests.bench.record import _camera
from tests.flow.house import PASSWORD, House
from tests.unit.recorder.synthetic import Feed, Publisher, Voice, h264_payloads

WHO = "host-0000001"
TRACKS = (f"cam-{WHO}", f"audio-{WHO}")
FPS = 20
CONNECTIONS = 50
"""At once, while files are fetched."""
_PART = re.compile(rb'#EXT-X-PART:DURATION=[0-9.]+,URI="([^"]+)"(,GAP)?')


async def speak(root: Path) -> None:
    """The recording process: one camera and one voice in real time, until it is killed."""
    feed, voice, encode = Feed(), Voice(), _camera()
    recorder = Recorder(root, feed, lambda _: None, vault=PlainVault(), settings=RecorderSettings(min_free=0))
    sound = [voice.encode(loud=number % 2 == 0) for number in range(50)]
    pictures = [h264_payloads(encode(number, number == 0)) for number in range(FPS * 4)]
    microphone, camera = Publisher(WHO, "microphone", "opus"), Publisher(WHO, "camera", "H264")
    await recorder.start("lecture", "room", {"low_latency": True})
    start = time.monotonic()
    for publisher in (microphone, camera):
        publisher.open(start)[1](feed)
    spoken = shown = 0
    print("speaking", flush=True)
    while True:
        now = time.monotonic()
        while start + spoken * 0.02 <= now:
            for _, deliver in microphone.send(start + spoken * 0.02, [sound[spoken % 50]]):
                deliver(feed)
            spoken += 1
        while start + shown / FPS <= now:
            for _, deliver in camera.send(start + shown / FPS, pictures[shown % len(pictures)]):
                deliver(feed)
            shown += 1
        await asyncio.sleep(0.005)


async def serve(root: Path, viewers: int) -> None:
    """The serving process: prints its port and the viewers' cookies, then its CPU seconds whenever a line is read.

    Each viewer has a session of their own, and each request needs leave by the rows of a real database.
    """
    house = await House.open(f"sqlite+aiosqlite:///{root / 'tele.db'}", root)
    services = house.services
    cookies = await _invite(services, viewers)
    leave = MediaLeave.of(services, house.app[EDGE])
    app = web.Application(middlewares=[problems.middleware(services.reference)])
    app.add_routes(Views(Library(root, PlainVault()), leave.authorise).routes())
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=4096).start()
    looking = asyncio.create_task(leave.run())
    print(runner.addresses[0][1], house.app[EDGE].cookie, *cookies, flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        print(time.process_time(), flush=True)
    looking.cancel()


async def _invite(services: Services, viewers: int) -> list[str]:
    """A lecture on the air, recorded under the name that the recording process uses, and sessions of who watch it."""
    _, speaker = await sign_in.sign_in(services, "spec", PASSWORD, "127.0.0.1", "")
    lecture = await schedule.schedule(services, speaker, schedule.Plan("Lecture"), "once")
    await Broadcasts(services).go_live(speaker, lecture, "2026-1")
    async with services.database.transaction() as tx:
        await tx.execute(update(Recording).values(id="lecture"))
    return [(await sign_in.sign_in(services, "gp", PASSWORD, "127.0.0.1", ""))[0] for _ in range(viewers)]


@dataclass
class Audience:
    """What all viewers together have seen."""

    port: int
    cookie: str
    lateness: list[float] = field(default_factory=list)
    requests: int = 0
    received: int = 0
    failed: int = 0
    counting: bool = False
    made: dict[tuple[str, int], float] = field(default_factory=dict)
    _read: dict[bytes, tuple[int, int, list[str]]] = field(default_factory=dict)

    async def watch(self, token: str, track: str, stop: asyncio.Event) -> None:
        """One viewer of one track, on one connection."""
        head = f"Host: localhost\r\nAccept-Encoding: gzip\r\nCookie: {self.cookie}={token}\r\n\r\n"
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            base = f"/media/lecture/{track}/"
            msn, part, uris = self._understand(await self._get(reader, writer, base + "index.m3u8", head))
            seen = set(uris)
            while not stop.is_set():
                query = f"?_HLS_msn={msn}&_HLS_part={part + 1}&_HLS_skip=YES"
                body = await self._get(reader, writer, base + "index.m3u8" + query, head)
                now = time.monotonic()
                msn, part, uris = self._understand(body)
                fresh = [uri for uri in uris if uri not in seen]
                if fresh and self.counting:
                    made = self.made.get((track, int(fresh[-1][5:11])))
                    if made is not None:
                        self.lateness.append(max(0.0, now - made))
                for uri in fresh:
                    seen.add(uri)
                    await self._get(reader, writer, base + uri, head)
        except (OSError, EOFError, ValueError):
            self.failed += 1
        finally:
            writer.close()

    async def _get(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str, fields: str) -> bytes:
        writer.write(f"GET {path} HTTP/1.1\r\n{fields}".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head[:20]:
            raise ValueError(head[:40])
        length = int(head.lower().split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        body = await reader.readexactly(length)
        if self.counting:
            self.requests += 1
            self.received += len(head) + length
        return body

    def _understand(self, body: bytes) -> tuple[int, int, list[str]]:
        """Last media sequence number, last part, and the parts listed; every viewer gets the same bytes."""
        found = self._read.get(body)
        if found is None:
            if len(self._read) > 64:
                self._read.pop(next(iter(self._read)))
            found = self._read[body] = _read_playlist(gzip.decompress(body))
        return found


def _read_playlist(text: bytes) -> tuple[int, int, list[str]]:
    whole = text.rfind(b"#EXTINF")
    rest = text[whole:] if whole >= 0 else text
    skipped = re.search(rb"SKIPPED-SEGMENTS=(\d+)", text)
    msn = text.count(b"#EXTINF") + (int(skipped[1]) if skipped else 0)
    uris = [match[1].decode() for match in _PART.finditer(text) if not match[2]]
    return msn, rest.count(b"#EXT-X-PART:") - 1, uris[-8:]


def follow(root: Path, audience: Audience, stop: threading.Event) -> None:
    """Note when each part was told to be on disk: that is when it could have been served."""
    follower = Follower(root / "lecture/journal.jsonl")
    known = dict.fromkeys(TRACKS, 0)
    while not stop.wait(0.002):
        state = follower.look()
        now = time.monotonic()
        for name in TRACKS:
            track = state.tracks.get(name) if state else None
            if track is not None and track.numbered > known[name]:
                audience.made.update({(name, number): now for number in range(known[name], track.numbered)})
                known[name] = track.numbered


@contextlib.asynccontextmanager
async def process(role: str, root: Path, viewers: int) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """One of the other processes and the first line that it prints."""
    made = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.viewers", "--role", role, "--root", str(root),
        "--viewers", str(viewers), stdin=subprocess.PIPE, stdout=subprocess.PIPE, limit=2**20,
        cwd=Path(__file__).resolve().parents[2],
    )  # fmt: skip
    assert made.stdout is not None
    try:
        line = await asyncio.wait_for(made.stdout.readline(), 60)
        yield made, line.decode().strip()
    finally:
        if made.returncode is None:
            made.kill()
        await made.wait()


async def _cpu(server: asyncio.subprocess.Process) -> float:
    assert server.stdin is not None and server.stdout is not None
    server.stdin.write(b"\n")
    return float(await server.stdout.readline())


async def fetch(audience: Audience, paths: Sequence[str], token: str, seconds: float) -> None:
    """Many connections that fetch these files again and again, as players do who scrub back."""
    head = f"Host: localhost\r\nCookie: {audience.cookie}={token}\r\n\r\n"
    end = time.monotonic() + seconds

    async def one(begin: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", audience.port)
        turn = begin
        while time.monotonic() < end:
            await audience._get(reader, writer, paths[turn % len(paths)], head)
            turn += 1
        writer.close()

    audience.counting = True
    await asyncio.gather(*(one(number) for number in range(CONNECTIONS)))
    audience.counting = False


async def beside_nginx(
    root: Path, ours: Audience, token: str, server: asyncio.subprocess.Process, seconds: float
) -> dict[str, float]:
    """CPU seconds for each GB of the same finished segments: ours with leave and audit, nginx with neither."""
    # The last of each track is being written.
    finished = [each for track in TRACKS for each in sorted((root / "lecture" / track).glob("seg-*.m4s"))[:-1]]
    files = [str(each.relative_to(root)) for each in finished]
    used, before = await _cpu(server), ours.received
    await fetch(ours, [f"/media/{file}" for file in files], token, seconds)
    mine = (await _cpu(server) - used) / ((ours.received - before) / 1e9)
    with nginx.serving(root) as (port, process):
        theirs = Audience(port, ours.cookie)
        used = server_cpu(process)
        await fetch(theirs, [f"/{file}" for file in files], token, seconds)
        their = (server_cpu(process) - used) / (theirs.received / 1e9)
    return {
        "cpu_s_per_gb": round(mine, 2),
        "nginx_cpu_s_per_gb": round(their, 2),
        "ratio_vs_nginx": round(mine / their, 2),
    }


async def measure(viewers: int, seconds: float, *, vs: str | None = None) -> dict[str, Any]:
    beside: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        async with process("speak", root, viewers), process("serve", root, viewers) as (server, told):
            await asyncio.sleep(6)
            port, cookie, *tokens = told.split()
            audience, stop, ended = Audience(int(port), cookie), asyncio.Event(), threading.Event()
            watcher = threading.Thread(target=follow, args=(root, audience, ended))
            watcher.start()
            tasks = []
            for number, token in enumerate(tokens):
                tasks += [asyncio.create_task(audience.watch(token, track, stop)) for track in TRACKS]
                if number % 20 == 19:
                    await asyncio.sleep(0.05)
            await asyncio.sleep(3)
            begun, used = time.monotonic(), await _cpu(server)
            audience.counting = True
            await asyncio.sleep(seconds)
            audience.counting = False
            used, passed = await _cpu(server) - used, time.monotonic() - begun
            stop.set()
            await asyncio.wait(tasks, timeout=10)
            ended.set()
            await asyncio.to_thread(watcher.join)
            received, requests = audience.received, audience.requests
            if vs is not None:
                beside = await beside_nginx(root, audience, tokens[0], server, seconds / 2)
    late = sorted(audience.lateness) or [float("nan")]
    return {
        "viewers": viewers,
        "seconds": round(passed, 1),
        "megabits_per_viewer": round(received * 8 / passed / viewers / 1e6, 2),
        "requests_per_second": round(requests / passed),
        "failed": audience.failed,
        "core": round(used / passed, 3),
        "viewers_per_core": round(viewers * passed / used),
        "reload_late_p50_ms": round(late[len(late) // 2] * 1000, 1),
        "reload_late_p99_ms": round(late[int(len(late) * 0.99)] * 1000, 1),
        **beside,
    }


def main(argv: Sequence[str] | None = None) -> dict[str, Any] | None:
    """Run it, print a table and the result as one line of JSON; returns the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--viewers", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=20, help="how long it is measured (default 20)")
    parser.add_argument("--vs", choices=("nginx",), help="then the finished files through both, CPU for each GB")
    parser.add_argument("--role", choices=("speak", "serve"), help=argparse.SUPPRESS)
    parser.add_argument("--root", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.role:
        asyncio.run(speak(arguments.root) if arguments.role == "speak" else serve(arguments.root, arguments.viewers))
        return None
    if arguments.vs and nginx.installed() is None:
        print("nginx is not installed: apt-get install nginx", file=sys.stderr)
        raise SystemExit(2)
    result = asyncio.run(measure(max(1, arguments.viewers), max(2.0, arguments.seconds), vs=arguments.vs))
    for name, value in result.items():
        print(f"{name:<24}{value:>12}")
    print(json.dumps(result))
    return result


if __name__ == "__main__":
    main(sys.argv[1:])
