"""What two hundred people who come back at the same moment cost those who are in calls on the same media worker.

Three processes: the worker behind its link, on a core of its own as far as the benchmark decides; calls whose packets
are timed, by the kernel's stamps; and the crowd, at a lower priority. Its people are silent: their coming back counts.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from signaling.media.counters import Counters
from signaling.media.tasks import Tasks
from tests.bench.ending import conclude, leave_a_core
from tests.bench.gathering import Gathering, stamped
from tests.bench.linked import Linked, worker
from tests.bench.load import server_cpu
from tests.bench.process import percentile
from tests.media_client import MediaClient
from tests.server import REPOSITORY

ALLOWED: Final = 20.0
"""Milliseconds by which a packet of a running call may be later."""
QUIET: Final = 8.0
"""Seconds without the crowd, before each round and after the last."""
PACKETS, SIZE = 3, 900
"""Of each picture of those who are in calls."""
SLOWLY: Final = 8
"""People who come at a time when there is no haste."""
BACK_WITHIN: Final = 60.0
QUANTILES: Final = {"p50": 0.5, "p99": 0.99, "most": 1.0}


# --- the crowd, a process of its own ------------------------------------------------------------------------------


@dataclass
class Guest:
    """Somebody with both connections, who vanishes and comes back with new ones."""

    number: int
    clients: list[MediaClient] = field(default_factory=list)
    _comings: int = 0

    @property
    def seat(self) -> dict[str, str]:
        """Where: two share a room."""
        return {"room": f"crowd-{self.number // 2}", "name": f"guest-{self.number % 2}"}

    def prepare(self) -> tuple[MediaClient, MediaClient]:
        """The connections of the next coming."""
        return MediaClient(decrypt=False), MediaClient(decrypt=False)

    async def come(self, linked: Linked, up: MediaClient, down: MediaClient) -> None:
        """Join, publish, subscribe, as a page does that lost its connections. Raises what a page would try again."""
        old, self.clients = self.clients, [up, down]
        before, session = f"s{self._comings}", f"s{self._comings + 1}"
        self._comings += 1
        linked.forget(**self.seat, session=before)
        for client in old:
            await client.close()  # without a word
        await linked.publish(up, **self.seat, audio=True, ssrc=0x20000001 + 16 * self.number, session=session)
        await linked.subscribe(down, self.number, **self.seat, session=session)

    def check(self) -> None:
        """Keep consent alive."""
        for client in self.clients:
            if client.keys is not None:
                client.check()


async def stay(guests: Sequence[Guest]) -> None:
    """A check of everybody now and then, until cancelled."""
    while True:
        for guest in guests:
            guest.check()
            await asyncio.sleep(10.0 / len(guests))


async def crowd(path: Path, pid: int, count: int) -> None:
    """Come slowly; then all at once for each line that is read, and say how that went."""
    linked, tasks = Linked(path, pid), Tasks(Counters())
    await linked.ready()
    guests, at_a_time = [Guest(number) for number in range(count)], asyncio.Semaphore(SLOWLY)

    async def slowly(guest: Guest) -> None:
        async with at_a_time:
            up, down = guest.prepare()
            await linked.publish(up, **guest.seat, audio=True, ssrc=0x20000001 + 16 * guest.number, session="s0")
            guest.clients = [up]
        guest.clients.append(down)
        await linked.subscribe(down, guest.number, **guest.seat, session="s0")

    await asyncio.gather(*(slowly(guest) for guest in guests))
    tasks.spawn(stay(guests), "stay")
    print("here", flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        prepared = [(guest, *guest.prepare()) for guest in guests]
        began = time.monotonic()
        took: list[float] = []

        async def back(guest: Guest, up: MediaClient, down: MediaClient, began: float, took: list[float]) -> None:
            async with asyncio.timeout(BACK_WITHIN):
                await guest.come(linked, up, down)
            took.append(time.monotonic() - began)

        ended = await asyncio.gather(*(back(*each, began, took) for each in prepared), return_exceptions=True)
        wrong = [repr(each) for each in ended if isinstance(each, Exception)]
        print(json.dumps({"back": len(took), "failed": wrong[:3], "seconds": took}), flush=True)
    await tasks.stop()
    await linked.close()


# --- the measurement ----------------------------------------------------------------------------------------------


def heard(everyone: Gathering) -> list[float]:
    """How long the packets took that came since the last look, in ms."""
    found = [delay * 1e3 for listener in everyone.listeners for delay in listener.delays]
    for listener in everyone.listeners:
        listener.delays.clear()
    return found


async def measure(count: int, rounds: int, rooms: int, core: int) -> dict[str, Any]:
    """Quiet and storm in turns, and quiet again."""
    tasks = Tasks(Counters())
    quiet: list[float] = []
    storm: list[float] = []
    cpu: list[float] = []
    told: list[dict[str, Any]] = []
    async with worker(core) as (path, linked):
        everyone = Gathering(linked, people=2, pictures=stamped(PACKETS, SIZE), sounds=[b"\x78" + bytes(79)])
        tasks.spawn(everyone.run(), "everyone")
        await everyone.add(rooms)
        process = await asyncio.create_subprocess_exec(
            *("nice", "-n", "5", sys.executable, "-m", "tests.bench.rejoins", "--count", str(count)),
            *("--crowd", str(path), "--worker", str(linked.pid)),
            cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, limit=1 << 20,
        )  # fmt: skip
        assert process.stdin is not None and process.stdout is not None
        try:
            assert await asyncio.wait_for(process.stdout.readline(), 30 + count) == b"here\n"
            settled = await everyone.settled()
            everyone.begin()
            for _ in range(rounds):
                heard(everyone)
                await asyncio.sleep(QUIET)
                quiet += heard(everyone)
                used, began = server_cpu(linked.pid), time.monotonic()
                process.stdin.write(b"\n")
                told.append(json.loads(await asyncio.wait_for(process.stdout.readline(), BACK_WITHIN + 30)))
                storm += heard(everyone)
                cpu.append((server_cpu(linked.pid) - used) / (time.monotonic() - began))
            await asyncio.sleep(QUIET)
            quiet += heard(everyone)
            delivered = everyone.delivered()
        finally:
            process.stdin.close()
            await process.wait()
            await tasks.stop()
    return _result(count, rooms, settled, delivered, quiet, storm, cpu, told)


def _result(
    count: int, rooms: int, settled: bool, delivered: float, quiet: Sequence[float], storm: Sequence[float],
    cpu: Sequence[float], told: Sequence[dict[str, Any]],
) -> dict[str, Any]:  # fmt: skip
    usual, seconds = percentile(quiet, 0.5), [value for each in told for value in each["seconds"]]
    return {
        "benchmark": "rejoins",
        "people": count,
        "rounds": len(told),
        "calls": rooms,
        "settled": settled,
        "delivered": round(delivered, 4),
        "back": [each["back"] for each in told],
        "failed": [reason for each in told for reason in each["failed"]],
        "back_s_p50": round(percentile(seconds, 0.5), 2),
        "back_s_most": round(max(seconds, default=0.0), 2),
        "core_meanwhile": [round(share, 2) for share in cpu],
        "packets": [len(quiet), len(storm)],
        "delay_ms_quiet": {name: round(percentile(quiet, part), 2) for name, part in QUANTILES.items()},
        "delay_ms_storm": {name: round(percentile(storm, part), 2) for name, part in QUANTILES.items()},
        "later_than_allowed": {
            "quiet": round(_late(quiet, usual), 5),
            "storm": round(_late(storm, usual), 5),
        },
        "added_ms_p99": round(percentile(storm, 0.99) - usual, 2),
        "allowed_ms": ALLOWED,
    }


def _late(delays: Sequence[float], usual: float) -> float:
    """Share of the packets that were later than usual by more than is allowed."""
    return sum(delay > usual + ALLOWED for delay in delays) / max(1, len(delays))


def kept(result: dict[str, Any]) -> list[str]:
    """What a result breaks of the promise, or why it says nothing; empty when the promise is kept."""
    broken = {
        "the calls did not settle": not result["settled"],
        "not everybody came back": min(result["back"]) < result["people"],
        "a call lost pictures": result["delivered"] < 0.999,
        "packets were later than allowed": result["added_ms_p99"] > ALLOWED,
    }
    return [what for what, is_so in broken.items() if is_so]


def main(argv: Sequence[str] = ()) -> dict[str, Any]:
    """Run the benchmark; print a table and, as the last line, the JSON object that is returned."""
    parser = argparse.ArgumentParser(prog="tele bench rejoins", description=__doc__)
    parser.add_argument("--count", type=int, default=200, help="people who come back at once, an even number")
    parser.add_argument("--rounds", type=int, default=3, help="how often they do")
    parser.add_argument("--rooms", type=int, default=4, help="calls of two that go on")
    parser.add_argument("--crowd", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(list(argv))
    if options.crowd:
        asyncio.run(crowd(options.crowd, options.worker, options.count))
        return {}
    core = leave_a_core()
    result = asyncio.run(measure(max(2, options.count // 2 * 2), max(1, options.rounds), options.rooms, core))
    print("a call's delay, ms      p50     p99    most   later than allowed")
    for name in ("quiet", "storm"):
        row = "".join(f"  {value:>6.2f}" for value in result[f"delay_ms_{name}"].values())
        print(f"{name:<18}{row}  {result['later_than_allowed'][name]:>8.3%}")
    return conclude(result, kept(result))


if __name__ == "__main__":
    main(sys.argv[1:])
