"""Session time: right though clocks are hours wrong and drift, never stepped, never thrown off by nonsense."""

from __future__ import annotations

import random

import pytest

from recorder.timeline import MAX_OFF, SLEW, SenderClock, SlidingMinimum, TrackClock
from tests.unit.recorder.synthetic import Clock

RATE = 90_000


class Line:
    """A sender with a clock of its own behind a network; hands frames and reports to a TrackClock."""

    def __init__(
        self, clock: Clock, *, delay: float = 0.05, jitter: float = 0.04, sender: SenderClock | None = None
    ) -> None:
        self.clock = clock
        self.delay = delay
        self.jitter = jitter
        self.chance = random.Random(5)
        self.track = TrackClock(RATE, sender or SenderClock())

    def arrival(self, true: float) -> float:
        return true + self.delay + self.chance.random() * self.jitter

    def timestamp(self, true: float) -> int:
        return round(self.clock.at(true) * RATE) % 2**32

    def frame(self, true: float) -> float:
        return self.track.time(self.timestamp(true), self.arrival(true))

    def report(self, true: float) -> None:
        self.track.report(self.clock.at(true) + 2_208_988_800, self.timestamp(true), self.arrival(true))


@pytest.mark.parametrize("ppm", [200, -200, 0])
@pytest.mark.parametrize("offset", [0, 30_000, 7_000_000])
def test_two_hours_of_drift(ppm: float, offset: float) -> None:
    line = Line(Clock(offset, ppm))
    worst, before, true, next_report = 0.0, None, 0.0, 2.3
    while true < 7200:
        if true >= next_report:
            line.report(true)
            next_report += 2.5
        at = line.frame(true)
        if true > 10:
            worst = max(worst, abs(at - true - 0.05))
        if before is not None:
            # Time flows at the sender's rate give or take the slew; while it settles, a little faster.
            limit = (SLEW if true > 12 else 0.02) + abs(ppm) * 2e-6 + 1e-5
            assert abs(at - before - 0.25) <= 0.25 * limit + 0.1 * limit + 2 / RATE
        before = at
        true += 0.25
    assert worst <= 0.02


def test_without_any_report_arrival_times_serve() -> None:
    line = Line(Clock(50_000, 150))
    errors = [line.frame(n / 10) - n / 10 - 0.05 for n in range(6000)]
    assert max(map(abs, errors[100:])) <= 0.03


def test_the_first_frame_counts_from_its_arrival_at_once() -> None:
    line = Line(Clock(1e6, 0), jitter=0.0)
    assert line.frame(0.0) == pytest.approx(0.05)
    assert line.frame(0.5) == pytest.approx(0.55, abs=1e-4)


def test_tracks_of_one_participant_are_aligned_though_one_of_them_is_held_up_at_the_start() -> None:
    sender = SenderClock()
    sound, picture = (
        Line(Clock(4000, 50), sender=sender, jitter=0.01),
        Line(Clock(4000, 50), sender=sender, jitter=0.01),
    )
    picture.delay = 0.2
    for n in range(30):
        sound.frame(n / 10)
        picture.frame(n / 10)
    picture.delay = 0.05
    offset = 0.0
    for n in range(30, 300):
        if n % 20 == 0:
            sound.report(n / 10)
            picture.report(n / 10 + 0.01)
        offset = abs(sound.frame(n / 10) - picture.frame(n / 10))
    assert offset <= 0.02


def test_a_sender_whose_clock_is_set_in_the_middle_is_followed_without_a_step() -> None:
    line = Line(Clock(1000, 0), jitter=0.01)
    before = None
    for n in range(1200):
        true = n / 10
        if n % 20 == 5:
            shift = 3600 if n > 600 else 0
            line.track.report(line.clock.at(true) + shift + 1e9, line.timestamp(true), line.arrival(true))
        at = line.frame(true)
        assert abs(at - true - 0.05) < 0.03
        if before is not None:
            assert abs(at - before - 0.1) < 0.004
        before = at


@pytest.mark.parametrize("sender", [0, -5, 1, 2**32, 1e9])
def test_reports_of_nonsense_do_not_move_anything(sender: float) -> None:
    line = Line(Clock(1000, 0), jitter=0.0)
    for n in range(100):
        if n % 10 == 5:
            line.track.report(sender + n * 37.0, (n * 123_456_789) % 2**32, n / 10)
        assert line.frame(n / 10) == pytest.approx(n / 10 + 0.05, abs=0.02)


def test_timestamps_that_jump_are_anchored_anew() -> None:
    clock = TrackClock(RATE, SenderClock())
    assert clock.time(5000, 1.0) == 1.0
    assert clock.time(5000 + round(RATE * (MAX_OFF + 10)), 1.1) == 1.1
    assert clock.reanchored == 1
    assert clock.time(5000 + round(RATE * (MAX_OFF + 10.5)), 1.6) == pytest.approx(1.6)


def test_the_sliding_minimum_forgets() -> None:
    least = SlidingMinimum(10.0)
    assert [least.add(v, t) for t, v in enumerate([5.0, 3.0, 4.0, 6.0])] == [5.0, 3.0, 3.0, 3.0]
    assert least.add(9.0, 11.5) == 4.0
    assert least.add(9.0, 30.0) == 9.0
