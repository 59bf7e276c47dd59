"""How late a live lecture is, glass to glass: a clock before the presenter's camera, read in a viewer's picture.

Both browsers, the server and the clock are on this machine. The age of what stands on the viewer's screen is looked at
ten times a second, so a picture that stands still grows old. Then the viewer goes back and returns to the edge.
"""

from __future__ import annotations

import argparse
import asyncio
import bisect
import os
import sys
from collections.abc import Sequence
from typing import Any, Final

from tests.bench.auditorium import Auditorium, Shown, auditorium
from tests.bench.ending import conclude
from tests.bench.process import percentile
from tests.browser import lecture as doing

PROMISED: Final = {"p50": 1.5, "p95": 2.5}
"""Seconds."""
SHARES: Final = {"p50": 0.5, "p95": 0.95, "most": 1.0}
LOOK_EVERY: Final = 0.1
STEP: Final = 10
"""Seconds that the key J goes back."""
RETURNS_WITHIN_MS: Final = 30_000


def ages(shown: Sequence[Shown]) -> list[float]:
    """How old the newest picture on the screen was, looked at ten times a second."""
    clocks = [(at, age) for at, age, _ in shown if age is not None]
    if not clocks:
        return []
    times = [at for at, _ in clocks]
    found, now = [], times[0]
    while now <= times[-1]:
        at, age = clocks[bisect.bisect_right(times, now) - 1]
        found.append(age + now - at)
        now += LOOK_EVERY
    return found


def changes(shown: Sequence[Shown]) -> list[float]:
    """How old each clock was when it was first to be seen: for a picture that stands still in between."""
    found: list[tuple[float, float]] = []
    for at, age, _ in shown:
        if age is not None and (not found or abs(found[-1][0] - (at - age)) > 0.5):
            found.append((at - age, age))
    return [age for _, age in found[1:]]


async def rewind(hall: Auditorium, seconds: int, edge: float) -> tuple[float, float]:
    """Go back by so many seconds, and to where pictures are at most `edge` old: seconds until each was to be seen."""
    page = hall.viewer.page
    took = []
    for keys, reached in (("j" * (seconds // STEP), f"age > {(seconds - 5) * 1000}"), ("e", f"age < {edge * 1000}")):
        await hall.forget()
        pressed = float(await page.evaluate("Date.now()"))
        for key in keys:
            await page.keyboard.press(key)
        found = await page.wait_for_function(
            f"() => window.seen.camera.find(([, age]) => age !== null && {reached})?.[0]",
            timeout=RETURNS_WITHIN_MS, polling=20,
        )  # fmt: skip
        took.append((float(await found.json_value()) - pressed) / 1000)
        await asyncio.sleep(3)  # what is seen there is not measured: the player may settle
    return took[0], took[1]


async def measure(seconds: float, settle: float, back: int) -> dict[str, Any]:
    async with auditorium() as hall:
        await hall.lecture("How late is it?")
        await doing.share_screen(hall.host)
        await doing.follows(hall.viewer, pictures=2)
        await asyncio.sleep(settle)
        await hall.forget()
        load = os.getloadavg()[0]
        await asyncio.sleep(seconds)
        camera, screen = await hall.shown(), await hall.shown("screen")
        late, slides = ages(camera), changes(screen)
        there, again = await rewind(hall, back, max(PROMISED["p95"], percentile(late, 0.95)))
    return {
        "benchmark": "latency",
        "seconds": round(camera[-1][0] - camera[0][0], 1) if camera else 0.0,
        "pictures": len(camera),
        "unreadable": sum(age is None for _, age, _ in camera),
        **{f"{name}_s": round(percentile(late, share), 3) for name, share in SHARES.items()},
        "screen_p50_s": round(percentile(slides, 0.5), 3),
        "screen_p95_s": round(percentile(slides, 0.95), 3),
        "rewound_s": round(there, 2),
        "at_the_edge_again_s": round(again, 2),
        "load": round(load, 1),
    }


def kept(result: dict[str, Any]) -> list[str]:
    """What was promised and is not so."""
    return [f"{name} is {result[f'{name}_s']} s" for name, most in PROMISED.items() if result[f"{name}_s"] > most]


def main(argv: Sequence[str] = ()) -> dict[str, Any]:
    """Run the benchmark; print a table and, as the last line, the JSON object that is returned."""
    parser = argparse.ArgumentParser(prog="tele bench latency", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long it is measured (60)")
    parser.add_argument("--settle", type=float, default=20.0, help="seconds before (20)")
    parser.add_argument("--rewind", type=int, default=60, help="seconds that the viewer goes back (60)")
    options = parser.parse_args(list(argv))
    result = asyncio.run(measure(options.seconds, options.settle, options.rewind))
    for name, value in result.items():
        print(f"{name:<22}{value:>10}")
    return conclude(result, kept(result))


if __name__ == "__main__":
    main(sys.argv[1:])
