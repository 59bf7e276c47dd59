"""The two processes that viewers need: one records a lecture of about 1 Mbit/s, one serves it as Tele's front does."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from sqlalchemy import update

from recorder.library import Library
from recorder.recorder import Recorder
from recorder.settings import RecorderSettings
from recorder.vault import PlainVault
from recorder.views import Views
from tele.process import calm_collector
from tele.services import sign_in
from tele.services.context import Services
from tele.services.lectures import schedule
from tele.services.lectures.broadcast import Broadcasts
from tele.store.tables import Recording
from tele.web import routing, security
from tele.web.media_leave import MediaLeave
from tele.web.sessions import EDGE
from tests.bench.record import _camera
from tests.flow.house import PASSWORD, House
from tests.unit.recorder.live_room import on_air
from tests.unit.recorder.synthetic import Feed, Publisher, Voice, h264_payloads

WHO = "host-0000001"
TRACKS = (f"cam-{WHO}", f"audio-{WHO}")
FPS = 20


async def speak(root: Path) -> None:
    """The recording process: one camera and one voice in real time, until it is killed."""
    feed, voice, encode = Feed(), Voice(), _camera()
    recorder = Recorder(root, feed, lambda _: None, vault=PlainVault(), settings=RecorderSettings(min_free=0))
    sound = [voice.encode(loud=number % 2 == 0) for number in range(50)]
    pictures = [h264_payloads(encode(number, number == 0)) for number in range(FPS * 4)]
    microphone, camera = Publisher(WHO, "microphone", "opus"), Publisher(WHO, "camera", "H264")
    await recorder.start("lecture", "room", {"low_latency": True})
    await on_air(feed, (microphone, sound), (camera, pictures), FPS, "speaking")


async def serve(root: Path, viewers: int) -> None:
    """The serving process: prints its port and the viewers' cookies, then a `Used` whenever a line is read.

    Each viewer has a session of their own, and each request needs leave by the rows of a real database.
    """
    house = await House.open(f"sqlite+aiosqlite:///{root / 'tele.db'}", root)
    services = house.services
    cookies = await _invite(services, viewers)
    edge = house.app[EDGE]
    leave = MediaLeave.of(services, edge)
    counted = {"media": 0, "leave": 0}
    app = web.Application(client_max_size=0, middlewares=[_count(counted), *routing.middlewares(services, edge)])
    security.protect(app, edge)
    app.add_routes(leave.routes())
    app.add_routes(Views(Library(root, PlainVault()), leave.authorise, shares=leave.shares).routes())
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=4096).start()
    looking = asyncio.create_task(leave.run())
    calm_collector()
    print(runner.addresses[0][1], edge.cookie, *cookies, flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps({"cpu": time.process_time(), **counted}), flush=True)
    looking.cancel()


def _count(counted: dict[str, int]) -> Middleware:
    @web.middleware
    async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
        counted["leave" if request.path.endswith("/leave") else "media"] += 1
        return await handler(request)

    return count


async def _invite(services: Services, viewers: int) -> list[str]:
    """A lecture on the air, recorded under the name that the recording process uses, and sessions of who watch it."""
    _, speaker = await sign_in.sign_in(services, "spec", PASSWORD, "127.0.0.1", "")
    lecture = await schedule.schedule(services, speaker, schedule.Plan("Lecture"), "once")
    await Broadcasts(services).go_live(speaker, lecture, "2026-1")
    async with services.database.transaction() as tx:
        await tx.execute(update(Recording).values(id="lecture"))
    return [(await sign_in.sign_in(services, "gp", PASSWORD, "127.0.0.1", ""))[0] for _ in range(viewers)]


@dataclass(frozen=True, slots=True)
class Used:
    """What the serving process has used since it began: CPU seconds, answers below /media, and those about leave."""

    cpu: float
    media: int
    leave: int

    def since(self, before: Used) -> Used:
        """What was used in between."""
        return Used(self.cpu - before.cpu, self.media - before.media, self.leave - before.leave)


async def used(server: asyncio.subprocess.Process) -> Used:
    """Ask the serving process."""
    assert server.stdin is not None and server.stdout is not None
    server.stdin.write(b"\n")
    return Used(**json.loads(await server.stdout.readline()))


@contextlib.asynccontextmanager
async def process(role: str, root: Path, viewers: int) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """One of the two, "speak" or "serve", and the first line that it prints."""
    made = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.viewers_served", role, str(root), str(viewers),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, limit=2**20, cwd=Path(__file__).resolve().parents[2],
    )  # fmt: skip
    assert made.stdout is not None
    try:
        # Signing in is a proof of work by intent: a fifteenth of a second for each viewer, on a quiet machine.
        line = await asyncio.wait_for(made.stdout.readline(), 60 + viewers)
        yield made, line.decode().strip()
    finally:
        if made.returncode is None:
            made.kill()
        await made.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=("speak", "serve"))
    parser.add_argument("root", type=Path)
    parser.add_argument("viewers", type=int)
    arguments = parser.parse_args()
    asyncio.run(speak(arguments.root) if arguments.role == "speak" else serve(arguments.root, arguments.viewers))
