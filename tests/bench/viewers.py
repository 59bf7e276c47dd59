"""What live viewers cost: CPU of the serving process for low-latency HLS as players ask for it, and how late it is.

Three processes on one machine: one records a lecture of about 1 Mbit/s, one serves it, one is the audience. Each viewer
keeps two connections, for pictures and for sound, and on each asks for the next part's playlist, then for the part.
Each has a session of its own, and leave for every request comes from the rows of a real database.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench import nginx
from tests.bench.ending import conclude
from tests.bench.load import server_cpu
from tests.bench.process import percentile
from tests.bench.viewers_audience import Audience, follow
from tests.bench.viewers_served import TRACKS, Used, process, used

WARM_UP = 6.0
"""Seconds of the lecture before anybody comes."""
SETTLE = 3.0
"""Seconds from the last viewer's coming until it counts."""


@dataclass
class Hall:
    """A lecture that is recorded and served: where, and who may watch."""

    root: Path
    server: asyncio.subprocess.Process
    port: int
    cookie: str
    tokens: list[str]
    made: dict[tuple[str, int], float] = field(default_factory=dict)


@dataclass(frozen=True)
class Watched:
    """What all viewers did in some seconds, and what it cost."""

    viewers: int
    audience: Audience
    seconds: float
    used: Used
    nginx: float
    """CPU seconds of nginx in front, if there was one."""


@contextlib.asynccontextmanager
async def hall(viewers: int) -> AsyncIterator[Hall]:
    """With a thread that notes when each part was there."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        # Speaking begins when all have signed in: the lecture is as young in each run.
        async with process("serve", root, viewers) as (server, told), process("speak", root, viewers):
            await asyncio.sleep(WARM_UP)
            port, cookie, *tokens = told.split()
            found, ended = Hall(root, server, int(port), cookie, tokens), threading.Event()
            watcher = threading.Thread(target=follow, args=(root, found.made, ended))
            watcher.start()
            try:
                yield found
            finally:
                ended.set()
                await asyncio.to_thread(watcher.join)


async def watch(where: Hall, seconds: float, *, port: int, front: int | None = None) -> Watched:
    """Everybody watches at that port; `front` is the process that answers there, if it is not the server itself."""
    audience, stop = Audience(port, where.cookie, made=where.made), asyncio.Event()
    tasks = []
    for number, token in enumerate(where.tokens):
        tasks += [asyncio.create_task(audience.watch(token, track, stop)) for track in TRACKS]
        if number % 20 == 19:
            await asyncio.sleep(0.05)
    await asyncio.sleep(SETTLE)
    begun, before, proxy = time.monotonic(), await used(where.server), server_cpu(front) if front else 0.0
    audience.counting = True
    await asyncio.sleep(seconds)
    audience.counting = False
    after, passed = await used(where.server), time.monotonic() - begun
    proxy = server_cpu(front) - proxy if front else 0.0
    stop.set()
    await asyncio.wait(tasks, timeout=10)
    return Watched(len(where.tokens), audience, passed, after.since(before), proxy)


async def beside_nginx(where: Hall, seconds: float) -> dict[str, float]:
    """CPU seconds for each GB of the same finished segments: ours with leave and audit, nginx with neither."""
    # The last of each track is being written.
    finished = [each for track in TRACKS for each in sorted((where.root / "lecture" / track).glob("seg-*.m4s"))[:-1]]
    files = [str(each.relative_to(where.root)) for each in finished]
    ours, before = Audience(where.port, where.cookie), await used(where.server)
    await ours.fetch([f"/media/{file}" for file in files], where.tokens[0], seconds)
    mine = (await used(where.server)).since(before).cpu / (ours.received / 1e9)
    with nginx.serving(where.root) as (port, running):
        theirs, begun = Audience(port, where.cookie), server_cpu(running)
        await theirs.fetch([f"/{file}" for file in files], where.tokens[0], seconds)
        their = (server_cpu(running) - begun) / (theirs.received / 1e9)
    return {
        "cpu_s_per_gb": round(mine, 2),
        "nginx_cpu_s_per_gb": round(their, 2),
        "ratio_vs_nginx": round(mine / their, 2),
    }


async def behind_cache(where: Hall, seconds: float) -> dict[str, float]:
    """The same audience before the nginx of config/nginx.conf: what is left for the server to do."""
    with nginx.caching(where.port) as (port, running):
        seen = await watch(where, seconds, port=port, front=running)
    figures = _figures(seen)
    return {
        **{f"cached_{name}": figures[name] for name in _BOTH},
        "nginx_core": round(seen.nginx / seen.seconds, 3),
        "origin_media_per_second": round(seen.used.media / seen.seconds, 1),
        "origin_leave_per_second": round(seen.used.leave / seen.seconds, 1),
    }


_BOTH = (
    "requests_per_second",
    "failed",
    "core",
    "cpu_us_per_viewer_second",
    "reload_late_p50_ms",
    "reload_late_p99_ms",
)


def _figures(seen: Watched) -> dict[str, float]:
    late, viewers, cpu = seen.audience.lateness, seen.viewers, seen.used.cpu
    return {
        "megabits_per_viewer": round(seen.audience.received * 8 / seen.seconds / viewers / 1e6, 2),
        "requests_per_second": round(seen.audience.requests / seen.seconds),
        "failed": seen.audience.failed,
        "core": round(cpu / seen.seconds, 3),
        "cpu_us_per_viewer_second": round(cpu / seen.seconds / viewers * 1e6),
        "viewers_per_core": round(viewers * seen.seconds / cpu),
        "reload_late_p50_ms": round(percentile(late, 0.5) * 1000, 1),
        "reload_late_p99_ms": round(percentile(late, 0.99) * 1000, 1),
    }


async def measure(viewers: int, seconds: float, *, vs: str | None = None) -> dict[str, Any]:
    """The whole run."""
    async with hall(viewers) as where:
        seen = await watch(where, seconds, port=where.port)
        result = {"viewers": viewers, "seconds": round(seen.seconds, 1), **_figures(seen)}
        if vs == "nginx":
            result |= await beside_nginx(where, seconds / 2)
        elif vs == "cache":
            result |= await behind_cache(where, seconds)
    return result


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Run it, print a table and the result as one line of JSON; returns the result."""
    parser = argparse.ArgumentParser(prog="tele bench viewers", description=__doc__)
    parser.add_argument("--viewers", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=20, help="how long it is measured (default 20)")
    parser.add_argument(
        "--vs", choices=("nginx", "cache"),
        help="nginx: then the finished files through both, CPU for each GB; cache: then once more with nginx in front",
    )  # fmt: skip
    arguments = parser.parse_args(argv)
    if arguments.vs and nginx.installed() is None:
        print("nginx is not installed: apt-get install nginx", file=sys.stderr)
        raise SystemExit(2)
    result = asyncio.run(measure(max(1, arguments.viewers), max(2.0, arguments.seconds), vs=arguments.vs))
    for name, value in result.items():
        print(f"{name:<32}{value:>12}")
    return conclude(result)


if __name__ == "__main__":
    main(sys.argv[1:])
