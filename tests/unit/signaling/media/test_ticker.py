"""Rounds of feedback come with packets while they flow, and by the clock when nothing comes."""

from __future__ import annotations

import asyncio

from signaling.media.ticker import LATE, Ticker


class Bench:
    """A ticker on the loop's own clock; `rounds` are the times at which it worked."""

    def __init__(self, every: float) -> None:
        self.clock = asyncio.get_running_loop().time
        self.began = self.clock()
        self.rounds: list[float] = []
        self.worked = asyncio.Event()
        self.ticker = Ticker(every, self._work, self.clock)

    def _work(self, now: float) -> None:
        self.rounds.append(now - self.began)
        self.worked.set()


async def test_without_packets_the_clock_does_it() -> None:
    bench = Bench(0.02)
    bench.ticker.start()
    while len(bench.rounds) < 3:
        bench.worked.clear()
        await bench.worked.wait()
    bench.ticker.stop()
    assert bench.rounds[0] >= 0.02
    assert all(later - before >= 0.02 - LATE for before, later in zip(bench.rounds, bench.rounds[1:], strict=False))


async def test_packets_bring_a_round_along_when_it_is_due_and_only_then() -> None:
    bench = Bench(10.0)
    bench.ticker.passed(bench.clock())
    assert not bench.rounds  # it was not started
    bench.ticker.start()
    now = bench.clock()
    for seconds in (5.0, 10.5, 11.0, 20.3, 20.6):
        bench.ticker.passed(now + seconds)
    assert [round(each, 1) for each in bench.rounds] == [10.5, 20.3]
    bench.ticker.stop()
    bench.ticker.passed(now + 100.0)
    assert len(bench.rounds) == 2


async def test_after_a_pause_missed_rounds_are_not_made_up_for() -> None:
    bench = Bench(1.0)
    bench.ticker.start()
    now = bench.clock()
    for seconds in (100.0, 100.5, 101.1):
        bench.ticker.passed(now + seconds)
    assert [round(each, 1) for each in bench.rounds] == [100.0, 101.1]
    bench.ticker.stop()
