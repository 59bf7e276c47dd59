"""What forwarding costs: the server's CPU per RTP packet sent to one subscriber, at several numbers of subscribers.

With `--vs janus` or `--vs relay` another server is measured in turns with ours, under the same load.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from tests.bench.ending import conclude, leave_a_core
from tests.bench.load import (
    FRAMES_A_SECOND,
    PACKETS_A_FRAME,
    PAYLOAD,
    Result,
    measure,
    synthetic,
)
from tests.bench.worker import Server

SUBSCRIBERS = "1,10,50,100"


def table(results: Sequence[Result]) -> str:
    """The results for people."""
    lines = ["subscribers  sent  delivered  verified  CPU µs/packet  CPU µs/received  core"]
    lines += [
        f"{each.subscribers:>11}  {each.sent:>4}  {each.delivery:>9.2%}  {each.verified:>8.2%}"
        f"  {each.cpu_us_per_packet:>13.2f}  {each.cpu_us_per_received:>15.1f}  {each.core:>4.2f}"
        for each in results
    ]
    return "\n".join(lines)


def _numbers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", text)]


def main(argv: Sequence[str] = ()) -> dict[str, Any]:
    """Run the benchmark; print a table and, as the last line, the JSON object that is returned."""
    parser = argparse.ArgumentParser(prog="tele bench forward", description=__doc__)
    parser.add_argument("--subscribers", default="", help=f"numbers, separated by commas (default {SUBSCRIBERS})")
    parser.add_argument("--seconds", type=float, default=8.0, help="length of each measurement")
    parser.add_argument("--vs", choices=("janus", "relay"), help="compare with Janus, or with aiortc's MediaRelay")
    parser.add_argument("--rounds", type=int, default=2, help="with --vs: runs of each server per number")
    options = parser.parse_args(list(argv))
    core = leave_a_core()
    if options.vs:
        from tests.bench import versus

        return versus.run(options.vs, _numbers(options.subscribers), options.seconds, core, options.rounds)
    results = [
        asyncio.run(measure(Server.start, number, options.seconds, core, frames=synthetic()))
        for number in _numbers(options.subscribers or SUBSCRIBERS)
    ]
    outcome = {
        "benchmark": "forward",
        "mbit_per_second": round(FRAMES_A_SECOND * PACKETS_A_FRAME * PAYLOAD * 8 / 1e6, 2),
        "cpu_us_per_packet": {str(each.subscribers): each.cpu_us_per_packet for each in results},
        "results": [asdict(each) for each in results],
    }
    print(table(results))
    return conclude(outcome)


if __name__ == "__main__":
    main(sys.argv[1:])
