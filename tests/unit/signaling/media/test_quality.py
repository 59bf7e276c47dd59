"""A line in words: nothing flickers, and losses that come and go are told once."""

from __future__ import annotations

from signaling.media.packets.rtcp import ReportBlock
from signaling.media.peers.totals import SourceTotals
from signaling.media.policy.quality import Steady, judge_downlink, judge_uplink
from signaling.media.policy.reports import ReceiverStatistics


def test_what_does_not_last_is_not_told() -> None:
    steady = Steady()
    assert steady.see("weak", 10.0) == "good"
    assert steady.see("weak", 14.9) == "good"
    assert steady.see("good", 15.0) == "good"
    assert steady.see("weak", 15.1) == "good"
    assert steady.see("weak", 20.2) == "weak"
    assert steady.see("sound", 20.3) == "weak"
    assert steady.see("sound", 20.8) == "sound", "no picture is noticed at once"
    assert steady.see("good", 21.0) == "sound"
    assert steady.see("good", 23.0) == "good"


def test_an_uplink_is_weak_by_loss_or_by_jitter_and_good_again_well_below() -> None:
    assert judge_uplink("good", 0.04, 0.0) == "good"
    assert judge_uplink("good", 0.05, 0.0) == "weak"
    assert judge_uplink("weak", 0.04, 0.0) == "weak"
    assert judge_uplink("weak", 0.01, 0.0) == "good"
    assert judge_uplink("good", 0.0, 0.06) == "weak"
    assert judge_uplink("weak", 0.0, 0.04) == "weak"


def test_a_downlink_is_what_is_sent_of_it_and_weak_by_loss_alone() -> None:
    assert judge_downlink("good", "sound", 0.0) == "sound"
    assert judge_downlink("sound", "weak", 0.0) == "weak"
    assert judge_downlink("good", "good", 0.04) == "good"
    assert judge_downlink("good", "good", 0.05) == "weak"
    assert judge_downlink("weak", "good", 0.04) == "weak"
    assert judge_downlink("sound", "good", 0.04) == "weak", "the picture is back, the losses are still there"
    assert judge_downlink("weak", "good", 0.01) == "good"


def test_statistics_tell_what_the_last_report_was_about() -> None:
    statistics = ReceiverStatistics(48_000)
    for number in (1, 2, 3, 5):
        statistics.add(number, number * 960, number * 0.02)
    block = statistics.block(1, None, 1.0)
    assert isinstance(block, ReportBlock)
    assert (statistics.expected, statistics.loss, statistics.lost) == (5, 0.2, 1)
    statistics.add(6, 6 * 960, 6 * 0.02 + 0.016)
    statistics.block(1, None, 2.0)
    assert (statistics.expected, statistics.loss, statistics.lost) == (1, 0.0, 1)
    assert abs(statistics.jitter - 0.001) < 1e-6, "a sixteenth of the 16 ms that one packet was late"


def test_totals_add_up_what_has_ended() -> None:
    totals = SourceTotals()
    totals.add("camera", {"packets": 3, "nacks": 0})
    totals.add("camera", {"packets": 4, "nacks": 2})
    assert totals.of("camera") == {"packets": 7, "nacks": 2}
    assert totals.of("screen") == {}
    assert totals.sources() == {"camera"}
