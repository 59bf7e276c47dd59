"""When pictures are sent twice."""

from __future__ import annotations

from signaling.media.policy.doubling import KEPT, PAUSE, TWICE, Doubling

ONCE = 1_000_000.0


def test_a_long_lossy_line_with_room_gets_all_twice() -> None:
    doubling = Doubling()
    assert doubling.judge(0.03, 1.3, 1_500_000, ONCE, 1.0) == TWICE * ONCE, "first the room is to be shown"
    assert not doubling.active
    assert doubling.judge(0.03, 1.3, 2_200_000, ONCE, 2.0) == 0
    assert doubling.active


def test_a_good_line_a_short_one_and_a_full_one_get_it_once() -> None:
    for loss, trip, once in ((0.005, 1.3, ONCE), (0.05, 0.1, ONCE), (0.05, None, ONCE), (0.05, 1.3, 0.0)):
        doubling = Doubling()
        assert doubling.judge(loss, trip, 5_000_000, once, 1.0) == 0
        assert not doubling.active


def test_a_second_without_loss_ends_nothing_and_ten_do() -> None:
    doubling = Doubling()
    doubling.judge(0.03, 1.3, 5_000_000, ONCE, 1.0)
    doubling.judge(0.0, 1.3, 5_000_000, ONCE, 2.0)
    assert doubling.active
    doubling.judge(0.0, 1.3, 5_000_000, ONCE, 1.5 + KEPT)
    assert not doubling.active


def test_room_that_was_gone_is_not_tried_at_once_again() -> None:
    doubling = Doubling()
    doubling.judge(0.03, 1.3, 5_000_000, ONCE, 1.0)
    assert doubling.judge(0.03, 1.3, 1_800_000, ONCE, 2.0) == 0, "nor is it probed for"
    assert not doubling.active
    doubling.judge(0.03, 1.3, 5_000_000, ONCE, 1.0 + PAUSE)
    assert not doubling.active
    doubling.judge(0.03, 1.3, 5_000_000, ONCE, 2.5 + PAUSE)
    assert doubling.active
