"""What the media server adds to a packet's way while its core is half busy with calls.

Calls are added until the worker uses half of its core. A packet carries the time at which it was sent; when it arrived
is the kernel's time stamp. What the same way takes between two sockets without a server is taken off.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from typing import Any, Final

from signaling.media.counters import Counters
from signaling.media.tasks import Tasks
from tests.bench.ending import conclude, leave_a_core
from tests.bench.gathering import Gathering, direct_delay, percentile, stamped
from tests.bench.load import server_cpu
from tests.bench.worker import Server

TOLERANCE: Final = 0.12
"""Half busy is a share of the core between 0.44 and 0.56."""
FIRST: Final = 8
"""Rooms to begin with."""
ATTEMPTS: Final = 6
PACKETS, SIZE = 5, 1_000
"""Of each picture: 1.2 Mbit/s."""
PROMISED: Final = {"p50": 0.001, "p99": 0.005}


async def busy(server: Server, everyone: Gathering, seconds: float) -> tuple[float, int]:
    """The share of its core that the server uses, and the packets that came in meanwhile."""
    everyone.begin()
    cpu, began = server_cpu(server.pid), time.monotonic()
    await asyncio.sleep(seconds)
    return (server_cpu(server.pid) - cpu) / (time.monotonic() - began), everyone.sent()


async def load(server: Server, everyone: Gathering, share: float) -> None:
    """Add rooms until this share of the core is busy, or nearly so."""
    await everyone.add(FIRST)
    for _ in range(ATTEMPTS):
        await everyone.settled()
        core, _ = await busy(server, everyone, 2.0)
        if core >= share * (1 - TOLERANCE):
            return
        # Packets in company cost less: approached from below.
        await everyone.add(max(1, int(everyone.rooms * (share / core - 1) * 0.8)))
    await everyone.settled()


async def measure(people: int, seconds: float, wanted: float, core: int) -> dict[str, Any]:
    """Find the load at which the worker is as busy as `wanted`, and what it adds to the delay then."""
    direct = direct_delay()
    tasks = Tasks(Counters())
    server = await Server.start(core)
    try:
        everyone = Gathering(server, people=people, pictures=stamped(PACKETS, SIZE), sounds=[b"\x78" + bytes(79)])
        tasks.spawn(everyone.run(), "everyone")
        await load(server, everyone, wanted)
        before = await server.counts()
        share, sent = await busy(server, everyone, seconds)
        delivered = everyone.delivered()
        delays = [delay for listener in everyone.listeners for delay in listener.delays]
        counts = {name: count - before.get(name, 0) for name, count in (await server.counts()).items()}
    finally:
        await tasks.stop()
        await server.stop()
    quantiles = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "most": 1.0}
    added = {name: max(0.0, percentile(delays, part) - direct) for name, part in quantiles.items()}
    return {
        "benchmark": "delay",
        "people_per_room": people,
        "rooms": everyone.rooms,
        "core": round(share, 3),
        "as_busy_as_wanted": abs(share / wanted - 1) <= TOLERANCE,
        "packets_per_second": round(sent / seconds),
        "delivery": round(delivered, 4),
        "cpu_us_per_received": round(share * seconds / sent * 1e6, 1),
        "direct_ms": round(direct * 1e3, 3),
        "added_ms": {name: round(value * 1e3, 3) for name, value in added.items()},
        "promised_ms": {name: value * 1e3 for name, value in PROMISED.items()},
        "kept": all(added[name] <= most for name, most in PROMISED.items()),
        "counts": {name: count for name, count in counts.items() if count},
    }


def main(argv: Sequence[str] = ()) -> dict[str, Any]:
    """Run the benchmark; print a table and, as the last line, the JSON object that is returned."""
    parser = argparse.ArgumentParser(prog="tele bench delay", description=__doc__)
    parser.add_argument("--people", type=int, default=2, help="in each room; all send and receive (default 2)")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of the measurement")
    parser.add_argument("--share", type=float, default=0.5, help="of the core that is to be busy (default 0.5)")
    options = parser.parse_args(list(argv))
    core = leave_a_core()
    result = asyncio.run(measure(max(2, options.people), options.seconds, options.share, core))
    added = result["added_ms"]
    print("rooms  people  core  packets/s  delivered  added ms: p50    p90    p99   most")
    row = "{rooms:>5}  {people_per_room:>6}  {core:>4.2f}  {packets_per_second:>9}  {delivery:>9.2%}".format(**result)
    print(row + f"  {added['p50']:>14.2f}  {added['p90']:>5.2f}  {added['p99']:>5.2f}  {added['most']:>5.2f}")
    return conclude(result)


if __name__ == "__main__":
    main(sys.argv[1:])
