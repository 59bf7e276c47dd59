"""One outgoing stream made of several: no number twice, no hole, time that only goes forward, lost packets found."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signaling.media.policy.continuity import Continuity
from signaling.media.policy.rates import RateMeter
from signaling.media.policy.reports import SenderClock

RATE = 90_000


class Layer:
    """An incoming stream: frames every 1/30 s, its own numbers, timestamps and clock."""

    def __init__(self, number: int, timestamp: int) -> None:
        self.number = number
        self.highest = number - 1
        self.start = timestamp
        self.clock: SenderClock | None = None

    def at(self, now: float) -> int:
        """The timestamp of a picture taken now."""
        return self.start + int(now * RATE) & 0xFFFFFFFF

    def report(self, now: float) -> None:
        """Its sender report: NTP time is the time of the day, the same for both layers."""
        self.clock = SenderClock(int((now + 3_000_000_000) * 2**32), self.at(now), now, RATE)


steps = st.lists(
    st.tuples(st.sampled_from(["send", "send", "send", "lose", "switch", "pause", "report"]), st.floats(0.001, 0.2)),
    min_size=1,
    max_size=120,
)


@settings(max_examples=200)
@given(steps, st.integers(0, 0x7FFF), *[st.integers(0, 2**32 - 1)] * 2, *[st.integers(100, 2**18)] * 2)
def test_whatever_is_switched_the_stream_is_one(
    steps: list[tuple[str, float]], first: int, time_a: int, time_b: int, number_a: int, number_b: int
) -> None:
    layers = [Layer(number_a, time_a), Layer(number_b, time_b)]
    line: Continuity[Layer] = Continuity(first, RATE)
    sent: dict[int, tuple[Layer, int]] = {}
    current, now, shift = -1, 0.0, None
    last_time: int | None = None
    last_arrival = (0, 0.0)
    for kind, wait in steps:
        now += wait
        if kind == "report":
            for layer in layers:
                layer.report(now)
            continue
        if kind in ("switch", "pause"):
            if shift is not None:
                layer = layers[current]
                line.end(layer.highest, *last_arrival, layer.clock)
                shift = None
            if kind == "pause":
                continue
            current = (current + 1) % 2
            layer = layers[current]
            shift = line.begin(layer, layer.number, layer.at(now), layer.clock, now)
        elif shift is None:
            continue
        layer = layers[current]
        if kind == "lose":
            layer.number += 1
        number, timestamp = layer.number, layer.at(now)
        layer.highest, layer.number = number, number + 1
        last_arrival = (timestamp, now)
        out = number + shift.number
        assert out not in sent, "a number is never used twice"
        assert not sent or out == max(sent) + (2 if kind == "lose" else 1)
        sent[out] = (layer, number)
        told = timestamp + shift.timestamp & 0xFFFFFFFF
        if last_time is not None:
            ahead = (told - last_time + 2**31 & 0xFFFFFFFF) - 2**31
            assert 0 <= ahead <= 90_000 * 30, "time goes on, and at no other pace than the clock's"
        last_time = told
    if not sent:
        return
    highest = layers[current].highest
    newest = max(sent)
    for out in [number for number in sent if newest - number < 3]:
        found = line.find(out & 0xFFFF, highest)
        assert found is not None
        assert (found[0].source, found[1]) == sent[out]


def test_two_layers_that_told_their_clocks_keep_the_same_time_however_late_one_arrives() -> None:
    high, low = Layer(100, 5_000), Layer(7_000, 4_000_000_000)
    for layer in (high, low):
        layer.report(0.5)
    line: Continuity[Layer] = Continuity(1, RATE)
    assert line.begin(high, 100, high.at(1.0), high.clock, 1.02).timestamp == 0
    line.end(130, high.at(2.0), 2.02, high.clock)
    # The low layer's picture of 2.033 s comes 80 ms later than one would expect.
    shift = line.begin(low, 7_000, low.at(2.033), low.clock, 2.133)
    assert (low.at(2.033) + shift.timestamp & 0xFFFFFFFF) - high.at(2.033) == pytest.approx(0, abs=2)
    assert 7_000 + shift.number == 1 + 31


def test_without_clocks_the_arrival_tells_and_two_pictures_of_one_moment_stay_two() -> None:
    line: Continuity[str] = Continuity(1, RATE)
    line.begin("high", 100, 5_000, None, 1.0)
    line.end(100, 5_000, 1.0, None)
    assert 77 + line.begin("low", 9, 77, None, 1.5).timestamp & 0xFFFFFFFF == 5_000 + 45_000
    line.end(9, 77, 1.5, None)
    assert 8_000 + line.begin("high", 130, 8_000, None, 1.5).timestamp & 0xFFFFFFFF != 50_000


def test_clocks_that_contradict_the_arrivals_are_not_believed() -> None:
    line: Continuity[str] = Continuity(1, RATE)
    line.begin("high", 100, 5_000, None, 1.0)
    line.end(100, 5_000, 1.0, SenderClock(50 << 32, 5_000, 1.0, RATE))
    shift = line.begin("low", 1, 0, SenderClock(9_000 << 32, 0, 1.0, RATE), 1.1)
    assert shift.timestamp == 5_000 + 9_000


def test_after_an_outage_old_pictures_that_come_first_do_not_set_the_time_back() -> None:
    high, low = Layer(100, 5_000), Layer(7_000, 4_000_000_000)
    for layer in (high, low):
        layer.report(0.5)
    line: Continuity[Layer] = Continuity(1, RATE)
    line.begin(high, 100, high.at(1.0), high.clock, 1.02)
    # The line was gone from 2 to 7 s; a picture of 2.3 s comes at 7.05, and then the low layer's of 7.06.
    line.end(130, high.at(2.3), 7.05, high.clock)
    shift = line.begin(low, 7_000, low.at(7.06), low.clock, 7.09)
    assert (low.at(7.06) + shift.timestamp & 0xFFFFFFFF) - high.at(7.06) == pytest.approx(0, abs=2)


def test_what_was_sent_too_long_ago_is_not_found() -> None:
    line: Continuity[str] = Continuity(1_000, RATE)
    assert line.find(1_000, 0) is None
    for turn in range(8):
        line.begin(f"layer {turn % 2}", 50 * turn, 0, None, float(turn))
        line.end(50 * turn + 9, 0, float(turn), None)
    found = line.find(1_079, 0)
    assert found is not None
    assert found[1] == 359
    assert line.find(1_005, 0) is None


def test_a_rate_is_that_of_the_last_two_seconds_and_ends_with_the_stream() -> None:
    meter = RateMeter()
    total = 0
    for tick in range(200):
        total += 6_250 if tick < 100 else 0
        meter.sample(total, tick * 0.05)
        if tick == 99:
            assert meter.bitrate == pytest.approx(1_000_000, rel=0.05)
    assert meter.bitrate == 0


def test_the_first_picture_does_not_pass_for_a_rate() -> None:
    meter = RateMeter()
    meter.sample(0, 0.0)
    meter.sample(50_000, 0.25)
    assert meter.bitrate == 400_000
