"""How long the recorder waits for what is missing: as long as repairs were seen to take, and no longer."""

from __future__ import annotations

import pytest

from recorder.jitter import REMEMBERED, TWICE, JitterBuffer
from recorder.rtp import Packet

WAIT, LONGEST = 0.8, 2.8


def packet(sequence: int, arrival: float) -> Packet:
    return Packet(sequence & 0xFFFF, 0, 1, False, b"x", arrival)


def numbers(released: list[tuple[int, Packet]]) -> list[int]:
    return [each.sequence for _, each in released]


@pytest.fixture
def buffer() -> JitterBuffer:
    made = JitterBuffer(wait=WAIT, longest=LONGEST, limit=2048)
    made.push(packet(0, 0.0))
    assert numbers(made.expire(0.2)) == [0]
    return made


def test_a_hole_that_stays_is_given_up_soon(buffer: JitterBuffer) -> None:
    buffer.push(packet(2, 1.0))
    assert buffer.expire(1.0 + WAIT - 0.01) == []
    assert numbers(buffer.expire(1.0 + WAIT)) == [2]
    assert buffer.lost == 1


def test_what_comes_after_it_was_given_up_teaches_patience(buffer: JitterBuffer) -> None:
    buffer.push(packet(2, 1.0))
    buffer.expire(2.0)
    assert buffer.push(packet(1, 2.2)) == []
    assert buffer.late == 1
    assert buffer.patience(2.2) == pytest.approx(TWICE * 1.2)
    buffer.push(packet(4, 3.0))
    assert buffer.expire(5.0) == []
    assert numbers(buffer.push(packet(3, 5.5))) == [3, 4]
    assert buffer.patience(5.5) == LONGEST
    assert buffer.patience(5.6 + REMEMBERED) == WAIT


def test_what_is_followed_live_is_held_evenly_where_repairs_are_late() -> None:
    live = JitterBuffer(wait=WAIT, longest=LONGEST, limit=2048, steady=True)
    live.push(packet(0, 0.0))
    assert numbers(live.expire(0.2)) == [0]
    assert numbers(live.push(packet(1, 1.0))) == [1], "nothing is held while nothing was late"
    live.push(packet(3, 1.1))
    assert numbers(live.push(packet(2, 1.6))) == [2, 3]
    delay = live.delay(1.6)
    assert delay == pytest.approx(TWICE * 0.5)

    assert live.push(packet(4, 2.0)) == []
    assert live.push(packet(6, 2.1)) == []
    assert live.push(packet(5, 2.9)) == []
    assert (live.delay(2.9), live.lost) == (pytest.approx(TWICE * 0.8), 0)
    assert numbers(live.expire(2.0 + TWICE * 0.8)) == [4]
    assert numbers(live.expire(2.1 + TWICE * 0.8)) == [5, 6], "what was repaired does not wait anew"

    live.push(packet(8, 5.0))
    assert live.expire(5.0 + TWICE * 0.8 - 0.01) == []
    assert [(lost, each.sequence) for lost, each in live.expire(5.0 + TWICE * 0.8)] == [(1, 8)]

    live.push(packet(9, 6.0))
    live.push(packet(10, 6.1))
    assert numbers(live.expire(3.0 + REMEMBERED)) == [9, 10], "what is over is forgotten"
    assert numbers(live.push(packet(11, 4.0 + REMEMBERED))) == [11]


def test_packets_that_overtake_one_another_teach_nothing_and_push_nothing_out(buffer: JitterBuffer) -> None:
    buffer.push(packet(2, 1.0))
    buffer.push(packet(1, 2.2))
    at, next_one = 2.3, 3
    for _ in range(500):
        buffer.push(packet(next_one + 1, at))
        assert len(buffer.push(packet(next_one, at + 0.02))) == 2
        at, next_one = at + 0.04, next_one + 2
    assert buffer.patience(at) == pytest.approx(TWICE * 1.2)


def test_what_is_remembered_of_what_was_given_up_is_bounded(buffer: JitterBuffer) -> None:
    sequence = 0
    for each in range(2_000):
        sequence += 50
        buffer.push(packet(sequence, float(each)))
        buffer.expire(each + WAIT)
    assert len(buffer._given_up) <= 256
