"""Two servers in turns under the same load: what ours costs as a share of what the other costs."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from tests.bench import janus, relay
from tests.bench.ending import conclude
from tests.bench.load import Frames, Result, Start, measure, synthetic
from tests.bench.worker import Server

DELIVERED = 0.999
"""A run in which less arrived does not count: a server that drops packets is cheap."""

ANSWERED = 0.9
"""Share of the packets asked for by NACK that must come again."""
MOVED = ("nacks_answered", "sender_reports_out", "transport_feedback_in")
"""Counters of ours that must have grown."""


class Unavailable(Exception):
    """The other server, or what it needs, is not on this machine."""


@dataclass
class Rival:
    """The other server and how to compare with it."""

    name: str
    start: Start
    frames: Frames
    unit: str
    """What is counted: "packet", or "frame" where the other server makes packets of its own."""
    subscribers: Sequence[int]

    def missing(self, name: str, result: Result) -> list[str]:
        """Why a run of this server does not count: too little arrived, or it left out what the other has to do."""
        if self.unit == "frame":
            return [] if result.frame_delivery >= DELIVERED else [f"only {result.frame_delivery:.2%} arrived"]
        found = []
        if min(result.delivery, result.verified) < DELIVERED:
            found.append(f"only {result.delivery:.2%} arrived, {result.verified:.2%} as they were sent")
        if result.resent < ANSWERED:
            found.append(f"only {result.resent:.0%} of what NACKs asked for came again")
        if not result.sender_reports:
            found.append("no sender reports came")
        if name == "tele":
            found += [f"{counter} did not move" for counter in MOVED if not result.counts.get(counter)]
        return found

    def counts(self, name: str, result: Result) -> bool:
        """Whether a run of this server counts."""
        return not self.missing(name, result)

    def cost(self, result: Result) -> float:
        """CPU µs per unit and subscriber."""
        return result.cpu_us_per_frame if self.unit == "frame" else result.cpu_us_per_packet


def rival(name: str) -> Rival:
    """The server of that name. Raises Unavailable."""
    if name == "relay":
        return Rival(name, relay.Relay.start, relay.camera(), "frame", (1, 3))
    try:
        installation = janus.find()
    except LookupError as missing:
        raise Unavailable(str(missing)) from missing
    return Rival(name, installation.start, synthetic(), "packet", (10, 100))


Row = tuple[str, Result, bool]
"""Server, what was measured, whether it counts."""


async def compare(other: Rival, subscribers: int, seconds: float, core: int, rounds: int) -> list[Row]:
    """Both servers in turns."""
    rows: list[Row] = []
    for _ in range(rounds):
        for name, start in (("tele", Server.start), (other.name, other.start)):
            result = await measure(start, subscribers, seconds, core, frames=other.frames)
            rows.append((name, result, other.counts(name, result)))
    return rows


def outcome(other: Rival, rows: Sequence[Row]) -> dict[str, Any]:
    """What is printed last. A ratio is null where one of the two has no run that counts."""
    ratios: dict[str, float | None] = {}
    costs: dict[str, dict[str, float | None]] = {"tele": {}, other.name: {}}
    for number in dict.fromkeys(result.subscribers for _, result, _ in rows):
        for name, column in costs.items():
            found = [other.cost(row) for who, row, good in rows if who == name and row.subscribers == number and good]
            column[str(number)] = round(median(found), 2) if found else None
        mine, theirs = costs["tele"][str(number)], costs[other.name][str(number)]
        ratios[str(number)] = round(mine / theirs, 3) if mine is not None and theirs else None
    return {
        "benchmark": "forward",
        f"ratio_vs_{other.name}": ratios,
        f"cpu_us_per_{other.unit}": costs,
        "delivery_required": DELIVERED,
        "results": [{"server": name, "counts": good, **_figures(other, result)} for name, result, good in rows],
    }


def _figures(other: Rival, result: Result) -> dict[str, Any]:
    """What means something for both servers: there is no packet of the publisher's in a picture encoded anew."""
    left_out = {"delivery", "verified", "cpu_us_per_packet"} if other.unit == "frame" else set()
    return {name: value for name, value in asdict(result).items() if name not in left_out}


def table(other: Rival, rows: Sequence[Row]) -> str:
    """The runs for people."""
    lines = [f"{'server':<8}  subscribers  delivered  CPU µs/{other.unit:<6}  core  counts"]
    for name, result, good in rows:
        delivered = result.frame_delivery if other.unit == "frame" else result.delivery
        lines.append(
            f"{name:<8}  {result.subscribers:>11}  {delivered:>9.2%}  {other.cost(result):>13.2f}"
            f"  {result.core:>4.2f}  {'yes' if good else 'no: ' + '; '.join(other.missing(name, result))}"
        )
    return "\n".join(lines)


def run(name: str, numbers: Sequence[int], seconds: float, core: int, rounds: int) -> dict[str, Any]:
    """Compare and print; exits with 2 when the other server is not here, with 1 when a ratio could not be had."""
    try:
        other = rival(name)
    except Unavailable as missing:
        print(f"tele bench forward --vs {name}: {missing}", file=sys.stderr)
        raise SystemExit(2) from missing
    # A SIGTERM must not leave the other server behind: like Ctrl-C it ends what was started.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    rows: list[Row] = []
    for number in numbers or other.subscribers:
        rows += asyncio.run(compare(other, number, seconds, core, max(1, rounds)))
    result = outcome(other, rows)
    print(table(other, rows))
    compared = None not in result[f"ratio_vs_{name}"].values()
    return conclude(result, [] if compared else [f"no ratio where less than {DELIVERED:.1%} arrived"])
