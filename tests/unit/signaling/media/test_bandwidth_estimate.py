"""The parts of the estimate by themselves: delay trend, loss, what arrives, probes; and any feedback at all."""

from __future__ import annotations

import itertools
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from signaling.media.policy.acked_rate import AckedRate
from signaling.media.policy.bandwidth import Acked, BandwidthSettings, Estimator
from signaling.media.policy.delay_trend import DelayTrend
from signaling.media.policy.loss import LossWindow
from signaling.media.policy.probing import FIRST_PAUSE, LONGEST_PAUSE, Probe, Prober

START, LEAST, MOST = 300_000, 30_000, 8_000_000


def steady(estimator: Estimator, begin: float, end: float, *, rate: float = 200_000, lost: float = 0) -> float:
    """Feedback as from a line in order, ten times a second; `lost` of the packets missing, evenly."""
    now, size, number = begin, 500, round(begin * 1_000)
    count = round(rate / 8 / size / 10)
    seen = 0.0
    while now < end:
        packets = []
        for index in range(count):
            sent = now + index * 0.1 / count
            seen += lost
            missing = seen >= 1
            seen -= missing
            packets.append(Acked(sent, size, None if missing else sent + 5_000.02, number))
            number += 1
        now += 0.1
        estimator.feedback(packets, now + 0.02)
    return now


def test_a_delay_that_grows_is_overuse_and_one_that_jitters_is_not() -> None:
    growing, jittery, chance = DelayTrend(), DelayTrend(), random.Random(1)
    verdicts = set()
    for index in range(600):
        sent = index * 0.01
        growing.add(sent, sent + 3 + max(0, index - 100) * 0.002)
        jittery.add(sent, sent + 3 + chance.uniform(0, 0.05))
        if index % 10 == 9:
            growing.judge(sent)
            verdicts.add(jittery.judge(sent))
            if index > 130:
                assert growing.usage == "over"
    assert "over" not in verdicts
    assert 0.8 < growing.queueing < 1.0
    assert jittery.queueing < 0.02


def test_packets_held_back_and_let_go_at_once_are_one_group() -> None:
    """A radio that stalls for 60 ms now and then builds no queue."""
    trend = DelayTrend()
    for index in range(400):
        sent = index * 0.01
        stall = 0.06 - (index % 40) * 0.01 if index % 40 < 6 else 0.0
        trend.add(sent, sent + 1 + stall)
        if index % 10 == 9:
            assert trend.judge(sent) != "over"


def test_a_clock_that_is_set_starts_the_trend_anew() -> None:
    trend = DelayTrend()
    for index in range(100):
        trend.add(index * 0.02, index * 0.02 + 1)
    trend.judge(2.0)
    trend.add(2.02, 5_000.0)
    assert trend.usage == "normal"
    assert trend.queueing == 0


def test_what_arrives_is_counted_by_the_subscribers_clock() -> None:
    rate = AckedRate()
    assert rate.bitrate is None
    for index in range(20):
        rate.add(9_000 + index * 0.1, 1_250)
    assert rate.bitrate is not None
    assert abs(rate.bitrate - 100_000) < 1_000
    rate.add(8_000.0, 1_250)
    assert rate.bitrate is None, "a clock that was set back"


def test_loss_is_believed_when_there_is_enough_of_it() -> None:
    window = LossWindow()
    window.add(10, 5, 5, 1_000, 0.0)
    assert window.fraction == 0.5
    assert window.surely == 0, "ten packets prove nothing"
    for index in range(10):
        window.add(20, 10, 10, 2_000, 0.1 * index)
    assert window.surely > 0.4
    window.add(0, -5, 0, 0, 1.0)
    assert window.fraction < 0.5, "what arrived after all was not lost"


def test_growth_ends_near_what_arrives() -> None:
    estimator = Estimator(0.0)
    steady(estimator, 0.0, 60.0, rate=400_000)
    assert 450_000 < estimator.bitrate < 400_000 * 1.25 + 20_000


def test_less_sent_does_not_lower_the_estimate() -> None:
    estimator = Estimator(0.0)
    now = steady(estimator, 0.0, 30.0, rate=1_000_000)
    high = estimator.bitrate
    steady(estimator, now, now + 30, rate=50_000)
    assert estimator.bitrate == high


def test_a_line_that_always_lost_a_tenth_is_not_lowered() -> None:
    estimator = Estimator(0.0)
    steady(estimator, 0.0, 30.0, rate=1_000_000, lost=0.1)
    assert estimator.bitrate > 1_000_000
    assert abs(estimator.loss - 0.1) < 0.03


def test_packets_told_as_missing_and_then_as_arrived_are_not_lost() -> None:
    estimator = Estimator(0.0)
    for index in range(100):
        now = index * 0.1
        first = [Acked(now + k * 0.01, 500, None if k == 8 else now + k * 0.01 + 9, index * 10 + k) for k in range(10)]
        estimator.feedback(first, now + 0.12)
        estimator.feedback([Acked(now + 0.08, 500, now + 9.1, index * 10 + 8)], now + 0.16)
    assert estimator.loss < 0.02


def test_silence_while_packets_are_sent_sinks_to_the_restart_level_and_returns() -> None:
    estimator = Estimator(0.0)
    now = steady(estimator, 0.0, 30.0, rate=1_000_000)
    count = 1_000
    for _ in range(60):
        now += 0.1
        count += 5
        estimator.tick(count, now)
    assert estimator.gone
    assert estimator.bitrate == BandwidthSettings().restart
    restarts = estimator.restarts
    steady(estimator, now, now + 0.3)
    assert not estimator.gone
    assert estimator.restarts == restarts + 1
    assert estimator.bitrate <= 200_000


def calm() -> tuple[Estimator, Prober, float]:
    estimator, prober = Estimator(0.0), Prober(0.0)
    return estimator, prober, steady(estimator, 0.0, 2.0, rate=100_000)


def probe_packets(probe: Probe, now: float, passes: float) -> list[Acked]:
    """The probe's packets over a line that lets `passes` bit/s through, with nothing beside them."""
    free, packets = now, []
    for index in range(probe.packets):
        sent = now + index * probe.interval
        free = max(free, sent) + probe.size * 8 / passes
        packets.append(Acked(sent, probe.size, free + 5_000.02, 1_000_000 + index))
    return packets


def test_a_probe_that_passes_is_believed_and_followed_by_the_next() -> None:
    estimator, prober, now = calm()
    assert prober.plan(estimator, estimator.bitrate, 0.0, now) is None, "nothing is wanted"
    probe = prober.plan(estimator, 2_000_000, 2_000_000, now)
    assert probe is not None
    assert estimator.bitrate < probe.bitrate <= 3 * estimator.bitrate
    assert prober.plan(estimator, 2_000_000, 2_000_000, now + 0.05) is None, "one at a time"
    packets = probe_packets(probe, now, 10_000_000)
    prober.sent(probe.id, packets[0].sent, packets[-1].sent)
    shown = prober.feedback(packets, now + 0.3)
    assert shown is not None
    assert shown > 0.8 * probe.bitrate
    estimator.probed(shown, now + 0.3)
    assert estimator.bitrate == shown
    steady(estimator, now + 0.3, now + 0.6)
    assert prober.plan(estimator, 2_000_000, 2_000_000, now + 0.7) is not None


def test_a_probe_that_meets_the_end_of_the_line_says_where_it_is() -> None:
    estimator, prober, now = calm()
    probe = prober.plan(estimator, 2_000_000, 2_000_000, now)
    assert probe is not None
    packets = probe_packets(probe, now, probe.bitrate / 2)
    prober.sent(probe.id, packets[0].sent, packets[-1].sent)
    shown = prober.feedback(packets, now + 0.3)
    assert prober.failures == 1
    assert shown is not None
    assert shown < 0.6 * probe.bitrate


def test_failures_lengthen_the_pause_and_shrink_the_probe() -> None:
    estimator, prober, now = calm()
    times, sizes = [], []
    while now < 60:
        now = steady(estimator, now, now + 0.1, rate=100_000)
        probe = prober.plan(estimator, 2_000_000, 2_000_000, now)
        if probe is not None:
            times.append(now)
            sizes.append(probe.bitrate / estimator.bitrate)
    pauses = [b - a for a, b in itertools.pairwise(times)]
    assert sizes[0] > 2
    assert max(sizes[1:]) <= 1.51
    assert pauses[0] >= FIRST_PAUSE
    assert pauses[-1] >= LONGEST_PAUSE
    assert max(pauses) < LONGEST_PAUSE + 2, "never so long that a lifted cap stays unseen"


@settings(deadline=None)
@given(
    st.lists(
        st.lists(
            st.tuples(
                st.floats(-1, 1e4, allow_nan=False),
                st.integers(0, 65_535),
                st.none() | st.floats(-1e9, 1e9, allow_nan=False),
                st.integers(0, 200),
            ),
            max_size=20,
        ),
        max_size=30,
    ),
    st.lists(st.floats(0, 10), max_size=30),
)
def test_any_feedback_leaves_a_usable_estimate(
    messages: list[list[tuple[float, int, float | None, int]]], steps: list[float]
) -> None:
    estimator, prober, now = Estimator(0.0), Prober(0.0), 0.0
    for index, message in enumerate(messages):
        now += steps[index] if index < len(steps) else 0.05
        packets = [Acked(*packet) for packet in message]
        estimator.feedback(packets, now)
        shown = prober.feedback(packets, now)
        if shown is not None:
            estimator.probed(shown, now)
        probe = prober.plan(estimator, 1e6, 1e7, now)
        if probe is not None:
            assert 0 < probe.packets <= 120
            assert 0 < probe.size <= 320
            prober.sent(probe.id, now, now + probe.duration)
        estimator.tick(index * 10, now)
        assert LEAST <= estimator.bitrate <= MOST
        assert 0 <= estimator.loss <= 1
