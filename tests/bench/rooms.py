"""Many small rooms: what a recorded consultation of two costs the media worker, with sound and pictures.

With `--vs janus` Janus gets the same rooms in turns with ours, its own recording on.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final, Protocol

from signaling.media.counters import Counters
from signaling.media.tasks import Tasks
from tests.bench import janus
from tests.bench.ending import conclude, leave_a_core
from tests.bench.gathering import Gathering, Host
from tests.bench.load import WARM_UP, server_cpu
from tests.bench.relay import camera
from tests.bench.worker import Server
from tests.unit.recorder.synthetic import Voice

BITRATE: Final = 370_000
"""Of the pictures; sound adds 32 kbit/s."""
PEOPLE: Final = 2
DELIVERED: Final = 0.995
"""Of all pictures: a run with less does not count."""
RECORDED: Final = 0.9
"""Bytes on disk for each byte of media sent, at least: both recorders keep every packet's payload."""


class Recording(Host, Protocol):
    """A server that records its rooms."""

    async def stop(self) -> None:
        """End it; what it recorded is on disk then."""
        ...


StartRecording = Callable[[int, str], Awaitable[Recording]]


@dataclass
class Result:
    """One run. CPU is user and system time of the process and all its threads, writing included."""

    server: str
    rooms: int
    core: float
    cpu_ms_per_room_second: float
    cpu_us_per_received: float
    packets_per_second: float
    delivery: float
    recorded: float
    """Bytes on disk for each byte of media that was sent."""

    @property
    def counts(self) -> bool:
        """Whether everything arrived and was written."""
        return self.delivery >= DELIVERED and self.recorded >= RECORDED


def voice() -> list[bytes]:
    """A second of speech-like sound: a tone in half of it."""
    encoder = Voice()
    return [encoder.encode(loud=number < 25) for number in range(50)]


async def measure(name: str, start: StartRecording, rooms: int, seconds: float, core: int) -> Result:
    """One run with a fresh server."""
    pictures, sounds, tasks = camera(BITRATE), voice(), Tasks(Counters())
    octets = sum(len(payload) for frame in range(300) for payload in pictures(frame)) / 10 + sum(map(len, sounds))
    with tempfile.TemporaryDirectory(prefix="bench-rooms-") as folder:
        server = await start(core, folder)
        began = time.monotonic()
        try:
            everyone = Gathering(server, people=PEOPLE, pictures=pictures, sounds=sounds)
            await everyone.add(rooms)
            talking, spoken = tasks.spawn(everyone.run(), "gathering"), time.monotonic()
            await asyncio.sleep(WARM_UP)
            await everyone.settled()
            everyone.begin()
            cpu, began = server_cpu(server.pid), time.monotonic()
            await asyncio.sleep(seconds)
            cpu, elapsed, sent = server_cpu(server.pid) - cpu, time.monotonic() - began, everyone.sent()
            delivery = everyone.delivered()
            talking.cancel()
            spoken = time.monotonic() - spoken
        finally:
            await tasks.stop()
            await server.stop()
        written = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    return Result(
        server=name,
        rooms=rooms,
        core=round(cpu / elapsed, 3),
        cpu_ms_per_room_second=round(cpu / elapsed / rooms * 1e3, 2),
        cpu_us_per_received=round(cpu / sent * 1e6, 1),
        packets_per_second=round(sent / elapsed),
        delivery=round(delivery, 4),
        recorded=round(written / (octets * spoken * rooms * PEOPLE), 2),
    )


def outcome(results: Sequence[Result]) -> dict[str, Any]:
    """What is printed last: medians of the runs that count, and ours as a share of the other's."""
    costs: dict[str, float | None] = {}
    for name in dict.fromkeys(each.server for each in results):
        found = [each.cpu_us_per_received for each in results if each.server == name and each.counts]
        costs[name] = round(median(found), 1) if found else None
    mine, theirs = costs.get("tele"), costs.get("janus")
    said: dict[str, Any] = {"benchmark": "rooms", "cpu_us_per_received": costs}
    if "janus" in costs:
        said["ratio_vs_janus"] = round(mine / theirs, 3) if mine and theirs else None
    said["results"] = [{**asdict(each), "counts": each.counts} for each in results]
    return said


def table(results: Sequence[Result]) -> str:
    """The runs for people."""
    lines = ["server  rooms  core  CPU ms/room·s  CPU µs/received  packets/s  delivered  recorded  counts"]
    lines += [
        f"{each.server:<6}  {each.rooms:>5}  {each.core:>4.2f}  {each.cpu_ms_per_room_second:>13.2f}"
        f"  {each.cpu_us_per_received:>15.1f}  {each.packets_per_second:>9.0f}  {each.delivery:>9.2%}"
        f"  {each.recorded:>8.2f}  {'yes' if each.counts else 'no'}"
        for each in results
    ]
    return "\n".join(lines)


def main(argv: Sequence[str] = ()) -> dict[str, Any]:
    """Run the benchmark; print a table and, as the last line, the JSON object that is returned."""
    parser = argparse.ArgumentParser(prog="tele bench rooms", description=__doc__)
    parser.add_argument("--rooms", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=10.0, help="length of each measurement")
    parser.add_argument("--vs", choices=("janus",), help="compare with Janus")
    parser.add_argument("--rounds", type=int, default=1, help="runs of each server")
    options = parser.parse_args(list(argv))
    servers: dict[str, StartRecording] = {"tele": Server.start}
    if options.vs:
        try:
            servers["janus"] = janus.find().start
        except LookupError as missing:
            print(f"tele bench rooms --vs janus: {missing}", file=sys.stderr)
            raise SystemExit(2) from missing
    core = leave_a_core()
    # A SIGTERM must not leave a server behind: like Ctrl-C it ends what was started.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    results = [
        asyncio.run(measure(name, start, max(1, options.rooms), options.seconds, core))
        for _ in range(max(1, options.rounds))
        for name, start in servers.items()
    ]
    result = outcome(results)
    print(table(results))
    return conclude(result)


if __name__ == "__main__":
    main(sys.argv[1:])
