"""Joining and leaving ten thousand times: what a whole server holds afterwards that it did not hold before."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from tests.bench import crowd
from tests.bench.crowd import Gauges, Pair
from tests.bench.ending import conclude
from tests.server import running_server

PAIRS: Final = 4
"""Calls at a time."""
JOINS_A_CALL: Final = 40
WARM_UP: Final = 0.1
"""Share of the joins that come before the baseline."""
SETTLE: Final = 6.0
"""Seconds after everybody has left: connections are closed, files are sealed."""
MORE_FILES, MORE_TASKS = 4, 4
"""What may differ from the baseline: a database connection more or less, an answer under way."""


class Round:
    """Counts joins down, over all pairs."""

    def __init__(self, joins: int) -> None:
        self.left = joins
        self.failed = 0

    async def play(self, pair: Pair, on_call: asyncio.Lock) -> None:
        """Calls, one after the other, in each of which both come and go."""
        while self.left > 0:
            try:
                await self._call(pair, on_call)
            except (TimeoutError, AssertionError, RuntimeError) as error:
                self.failed += 1
                print(f"a join failed: {error!r}", file=sys.stderr)
                await pair.abandon()

    async def _call(self, pair: Pair, on_call: asyncio.Lock) -> None:
        await pair.begin(on_call)
        for _ in range(JOINS_A_CALL // 2):
            if self.left <= 0:
                break
            self.left -= 2
            await pair.join()
            for step in range(3):
                pair.gp.send(step)
                pair.specialist.send(step)
            await pair.leave()
        await pair.end()


async def held(gauges: Gauges, pair: Pair) -> dict[str, dict[str, float]]:
    """What each process holds, now that nobody is in a call."""
    await asyncio.sleep(SETTLE)
    gauges.sample()
    metrics = await gauges.metrics(pair.gp.caller.http)
    found: dict[str, dict[str, float]] = {}
    for name, samples in gauges.samples.items():
        part = "front" if name == "_front" else "worker"
        found[name] = {
            "megabytes": round(samples[-1].resident / 1e6, 1),
            "files": samples[-1].files,
            "threads": samples[-1].threads,
            "tasks": metrics[f"tele_{part}_tasks"],
        }
    found["tables"] = {name: value for name, value in metrics.items() if name.startswith("tele_media_port_")}
    found["tables"] |= {name: metrics[f"tele_media_{name}"] for name in ("rooms", "peers", "publications", "tasks")}
    return found


async def measure(joins: int) -> dict[str, Any]:
    """The whole run."""
    with tempfile.TemporaryDirectory() as folder, running_server(Path(folder) / "data") as server:
        await asyncio.to_thread(crowd.make_accounts, server.data_dir, PAIRS)
        tasks = crowd.new_tasks()
        async with crowd.pairs(server, PAIRS, tasks) as pairs:
            on_call, gauges = asyncio.Lock(), Gauges(server)
            failed, began = 0, time.monotonic()
            reports = []
            for share in (int(joins * WARM_UP), joins - int(joins * WARM_UP)):
                turn = Round(share)
                await asyncio.gather(*(turn.play(pair, on_call) for pair in pairs))
                failed += turn.failed
                reports.append(await held(gauges, pairs[0]))
            elapsed = time.monotonic() - began
        await tasks.stop()
        running = server.children() == gauges.processes
    before, after = reports
    return {
        "benchmark": "joins",
        "joins": joins,
        "failed": failed,
        "seconds": round(elapsed),
        "restarted": not running,
        "before": before,
        "after": after,
    }


def kept(result: dict[str, Any]) -> list[str]:
    """What a result breaks of the promise; empty when it is kept."""
    broken = []
    for name, after in result["after"].items():
        before = result["before"][name]
        if name == "tables":
            broken += [f"{table} is not empty" for table, size in after.items() if size > before[table]]
            continue
        if after["files"] > before["files"] + MORE_FILES:
            broken.append(f"{name} holds more files")
        if after["tasks"] > before["tasks"] + MORE_TASKS:
            broken.append(f"{name} holds more tasks")
    if result["failed"]:
        broken.append("a join failed")
    if result["restarted"]:
        broken.append("a process was started again")
    return broken


def main(argv: Sequence[str] = ()) -> dict[str, Any]:
    """Run the benchmark; print a table and, as the last line, the JSON object that is returned."""
    parser = argparse.ArgumentParser(prog="tele bench joins", description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="joins, each with its leave")
    options = parser.parse_args(list(argv))
    result = asyncio.run(measure(options.count))
    print(f"{'process':<12}{'':<8}{'MB':>8}{'files':>8}{'threads':>9}{'tasks':>8}")
    for name in result["before"]:
        for when in ("before", "after") if name != "tables" else ():
            row = result[when][name]
            print(f"{name:<12}{when:<8}{row['megabytes']:>8}{row['files']:>8}{row['threads']:>9}{row['tasks']:>8.0f}")
    return conclude(result, kept(result))


if __name__ == "__main__":
    main(sys.argv[1:])
