"""Hours of calls on a whole server, recorded, with people who come and go: does anything grow?"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from tests.bench import crowd
from tests.bench.crowd import Gauges, Pair
from tests.bench.ending import conclude
from tests.bench.process import slope
from tests.server import running_server

CALL: Final = (240.0, 900.0)
"""Seconds that a call lasts, between these two."""
RELOAD_AFTER: Final = (60.0, 300.0)
"""Seconds after which one of the two loads the page anew."""
SAMPLE_EVERY: Final = 10.0
WARM_UP: Final = 0.3
"""Share of the time that does not count for the slope: caches fill, allocators settle."""
SLOPE: Final = 1.0
"""Megabytes an hour that each process may grow by."""
SETTLE: Final = 25.0
"""Seconds: unused HTTP connections of the people here are closed, too."""
MORE_FILES, MORE_TASKS = 4, 4


class House:
    """Pairs that hold calls of random length until told to stop."""

    def __init__(self, pairs: list[Pair], chance: random.Random) -> None:
        self.pairs = pairs
        self.calls = self.reloads = self.failed = 0
        self._chance = chance
        self._on_call = asyncio.Lock()

    async def play(self, pair: Pair, until: float, length: float) -> None:
        """Calls one after the other; within each, people reload their page now and then."""
        while time.monotonic() < until:
            try:
                await self._call(pair, min(until, time.monotonic() + length))
                self.calls += 1
            except (TimeoutError, AssertionError, RuntimeError) as error:
                self.failed += 1
                print(f"a call failed: {error!r}", file=sys.stderr, flush=True)
                await pair.abandon()
            length = self._chance.uniform(*CALL)

    async def _call(self, pair: Pair, until: float) -> None:
        await pair.begin(self._on_call)
        await pair.join()
        while (left := until - time.monotonic()) > 0:
            await asyncio.sleep(min(left, self._chance.uniform(*RELOAD_AFTER)))
            if time.monotonic() < until - 5:
                person = self._chance.choice((pair.gp, pair.specialist))
                await person.leave()
                await person.join(pair.room, first=False)
                self.reloads += 1
        await pair.end()


async def measure(hours: float, rooms: int, seed: int) -> dict[str, Any]:
    """The whole run."""
    with tempfile.TemporaryDirectory() as folder, running_server(Path(folder) / "data") as server:
        await asyncio.to_thread(crowd.make_accounts, server.data_dir, rooms)
        tasks = crowd.new_tasks()
        async with crowd.pairs(server, rooms, tasks) as pairs:
            chance = random.Random(seed)
            gauges, house = Gauges(server), House(pairs, chance)
            await asyncio.sleep(SETTLE)
            before = await _held(gauges, pairs[0])
            tasks.spawn(crowd.speak(pairs), "speak")
            sampling = tasks.spawn(_sample(gauges), "sample")
            until = time.monotonic() + hours * 3600
            # The first calls are of any length, so that later ones do not begin and end together.
            await asyncio.gather(*(house.play(pair, until, chance.uniform(30, CALL[1])) for pair in pairs))
            sampling.cancel()
            await asyncio.sleep(SETTLE)
            after = await _held(gauges, pairs[0])
            heard = sum(person.heard for pair in pairs for person in (pair.gp, pair.specialist))
        await tasks.stop()
        running = server.children() == gauges.processes
    begin = hours * 3600 * WARM_UP
    growth = {
        name: slope([(each.at / 3600, each.resident / 1e6) for each in samples[1:-1] if each.at > begin])
        for name, samples in gauges.samples.items()
    }
    return {
        "benchmark": "soak",
        "hours": hours,
        "rooms": rooms,
        "seed": seed,
        "calls": house.calls,
        "reloads": house.reloads,
        "failed": house.failed,
        "packets_heard": heard,
        "restarted": not running,
        "megabytes_an_hour": {name: round(value, 2) for name, value in growth.items()},
        "before": before,
        "after": after,
        "curve": {
            name: [
                (round(each.at), round(each.resident / 1e6, 1), each.files)
                for each in samples[:: len(samples) // 40 + 1]
            ]
            for name, samples in gauges.samples.items()
        },
    }


async def _sample(gauges: Gauges) -> None:
    while True:
        gauges.sample()
        await asyncio.sleep(SAMPLE_EVERY)


async def _held(gauges: Gauges, pair: Pair) -> dict[str, dict[str, float]]:
    gauges.sample()
    metrics = await gauges.metrics(pair.gp.caller.http)
    return {
        name: {
            "megabytes": round(samples[-1].resident / 1e6, 1),
            "files": samples[-1].files,
            "threads": samples[-1].threads,
            "tasks": metrics["tele_front_tasks" if name == "_front" else "tele_worker_tasks"],
        }
        for name, samples in gauges.samples.items()
    }


def kept(result: dict[str, Any]) -> list[str]:
    """What a result breaks of the promise; empty when it is kept."""
    broken = [
        f"{name} grows by {value} MB an hour" for name, value in result["megabytes_an_hour"].items() if value > SLOPE
    ]
    for name, after in result["after"].items():
        before = result["before"][name]
        if after["files"] > before["files"] + MORE_FILES:
            broken.append(f"{name} holds more files")
        if after["tasks"] > before["tasks"] + MORE_TASKS:
            broken.append(f"{name} holds more tasks")
    if result["failed"]:
        broken.append("a call failed")
    if result["restarted"]:
        broken.append("a process was started again")
    return broken


def main(argv: Sequence[str] = ()) -> dict[str, Any]:
    """Run the benchmark; print a table and, as the last line, the JSON object that is returned."""
    parser = argparse.ArgumentParser(prog="tele bench soak", description=__doc__)
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--rooms", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(list(argv))
    result = asyncio.run(measure(options.hours, options.rooms, options.seed))
    print(f"{'process':<12}{'':<8}{'MB':>8}{'files':>8}{'threads':>9}{'tasks':>8}{'MB/h':>8}")
    for name, before in result["before"].items():
        for when, row in (("before", before), ("after", result["after"][name])):
            grown = f"{result['megabytes_an_hour'][name]:>8}" if when == "after" else ""
            print(
                f"{name:<12}{when:<8}{row['megabytes']:>8}{row['files']:>8}{row['threads']:>9}{row['tasks']:>8.0f}{grown}"
            )
    return conclude(result, kept(result))


if __name__ == "__main__":
    main(sys.argv[1:])
