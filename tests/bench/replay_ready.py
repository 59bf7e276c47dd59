"""How soon a lecture is its own replay: from the host's click to the first replayed picture in a viewer's browser.

The viewer is live, sees the lecture to its end, and the same page stands at the beginning of the replay: that picture
counts. The seconds in which an end can be taken back are not part of it; the click is the one that confirms.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from typing import Any, Final

from playwright.async_api import expect

from tests.bench.auditorium import Auditorium, auditorium
from tests.bench.ending import conclude
from tests.bench.process import percentile
from tests.browser import lecture as doing

PROMISED: Final = 1.5
"""Seconds."""
WITHIN_MS: Final = 20_000

TOLD = """
() => {
  const player = document.querySelector('[data-testid=player]');
  window.toldAt = 0;
  new MutationObserver(() => { if (player.dataset.state === 'replay') window.toldAt ||= Date.now(); })
    .observe(player, { attributeFilter: ['data-state'] });
}
"""
BACK_AT_THE_BEGINNING = """
() => window.seen.camera.find(([at, , media], index, all) => index > 0 && window.toldAt && at >= window.toldAt
  && media < 1 && media < all[index - 1][2])?.[0]
"""


async def once(hall: Auditorium, number: int, seconds: float) -> tuple[float, float]:
    """One lecture: seconds until the viewer's page is told, and until it shows the replay."""
    await hall.lecture(f"Round {number}")
    await hall.forget()
    await hall.viewer.page.evaluate(TOLD)
    await asyncio.sleep(seconds)
    await doing.end(hall.host)
    found = await hall.viewer.page.wait_for_function(BACK_AT_THE_BEGINNING, timeout=WITHIN_MS, polling=20)
    shown, told = float(await found.json_value()), float(await hall.viewer.page.evaluate("window.toldAt"))
    clicked = float(await hall.host.page.evaluate("window.endedAt"))
    await expect(hall.viewer.part("player")).to_have_attribute("data-state", "replay")
    return (told - clicked) / 1000, (shown - clicked) / 1000


async def measure(rounds: int, seconds: float) -> dict[str, Any]:
    async with auditorium() as hall:
        load = os.getloadavg()[0]
        taken = [await once(hall, number + 1, seconds) for number in range(rounds)]
    told, shown = [each for each, _ in taken], [each for _, each in taken]
    return {
        "benchmark": "replay-ready",
        "rounds": rounds,
        "told_p50_s": round(percentile(told, 0.5), 2),
        "p50_s": round(percentile(shown, 0.5), 2),
        "most_s": round(max(shown), 2),
        "all_s": [round(each, 2) for each in shown],
        "load": round(load, 1),
    }


def main(argv: Sequence[str] = ()) -> dict[str, Any]:
    """Run the benchmark; print a table and, as the last line, the JSON object that is returned."""
    parser = argparse.ArgumentParser(prog="tele bench replay-ready", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="lectures (5)")
    parser.add_argument("--seconds", type=float, default=8.0, help="length of each (8)")
    options = parser.parse_args(list(argv))
    result = asyncio.run(measure(max(1, options.rounds), options.seconds))
    for name, value in result.items():
        print(f"{name:<12} {value}")
    return conclude(result, [f"promised are {PROMISED} s"] if result["most_s"] > PROMISED else [])


if __name__ == "__main__":
    main(sys.argv[1:])
