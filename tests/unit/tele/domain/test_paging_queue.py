"""The order of the queue, the traffic light and the wait that is foretold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tele.domain.paging_queue import SAMPLE, expected_wait, light, queue_order

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_the_most_pressing_comes_first_and_then_the_oldest() -> None:
    waiting = [("routine", 0), ("urgent", 2), ("emergency", 9), ("urgent", 1), ("routine", 3)]
    ordered = sorted(waiting, key=lambda one: queue_order(one[0], NOON + timedelta(minutes=one[1]), "id"))
    assert ordered == [("emergency", 9), ("urgent", 1), ("urgent", 2), ("routine", 0), ("routine", 3)]


def test_the_light_turns_at_half_and_at_the_whole_of_the_promise() -> None:
    assert [light(seconds, 60) for seconds in (0, 29, 30, 59, 60, 600)] == [
        "green", "green", "amber", "amber", "red", "red",
    ]  # fmt: skip


@given(st.lists(st.floats(0, 1e6), max_size=60))
def test_the_wait_is_foretold_from_recent_ones_alone(recent: list[float]) -> None:
    wait = expected_wait(recent)
    if len(recent) < 3:
        assert wait is None
    else:
        assert wait is not None
        assert round(min(recent[:SAMPLE])) <= wait <= round(max(recent[:SAMPLE]))
