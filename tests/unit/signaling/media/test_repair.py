"""How long pictures are held for repairs, in virtual time: a publisher answers NACKs as browsers do, on a bad line."""

from __future__ import annotations

import heapq
import itertools
import random
from dataclasses import dataclass, field

import pytest

from signaling.media.counters import Counters
from signaling.media.packets import rtp_header
from signaling.media.peers.gate import MOST, Beginning, Gate
from signaling.media.peers.publication import TOLD_AGAIN, Publication
from signaling.media.peers.taps import Taps
from signaling.media.policy.nack import LossTracker
from signaling.media.policy.repair import RAMP, USUAL, WAITS, WINDOW, ahead, towards
from signaling.media.transport.batch import Outbox
from tele.domain.media import Track

PACKETS_A_SECOND = 100


@dataclass
class Uplink:
    """A publisher on a line of which `loss` is lost each way; `trip` seconds there and back.

    It sends the same packet again at most once in a round trip, as Chromium does.
    """

    loss: float
    trip: float
    losses: LossTracker = field(default_factory=LossTracker)
    late: list[float] = field(default_factory=list)
    """Seconds by which what was missed came late."""
    asked: int = 0
    now: float = 0.0
    _random: random.Random = field(default_factory=lambda: random.Random(5))
    _due: list[tuple[float, int, int, bool]] = field(default_factory=list)
    _sent: dict[int, float] = field(default_factory=dict)
    _answered: dict[int, float] = field(default_factory=dict)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def run(self, seconds: float) -> None:
        """Let time pass, 10 ms at a step."""
        for _ in range(round(seconds * PACKETS_A_SECOND)):
            self.now += 1 / PACKETS_A_SECOND
            number = next(self._numbers)
            if self._random.random() >= self.loss:
                self.losses.received(number, self.now)
            else:
                self._sent[number] = self.now
            while self._due and self._due[0][0] <= self.now:
                at, number, _, answer = heapq.heappop(self._due)
                if answer:
                    self.losses.received(number, at, again=True)
                    self.late.append(at - self._sent.pop(number, at))
                elif number in self._sent:
                    self._answer(number, at)
            for number in self.losses.due(self.now):
                self.asked += 1
                if self._random.random() >= self.loss:
                    self._put(self.now + self.trip / 2, number, answer=False)

    def _answer(self, number: int, at: float) -> None:
        before = self._answered.get(number, float("-inf"))
        if at - before < self.trip:
            return
        self._answered[number] = at
        if self._random.random() >= self.loss:
            self._put(at + self.trip / 2, number, answer=True)

    def _put(self, at: float, number: int, *, answer: bool) -> None:
        heapq.heappush(self._due, (at, number, self.asked, answer))

    @property
    def hold(self) -> float:
        return self.losses.repairs.hold(self.now)


@pytest.mark.parametrize(("loss", "trip"), [(0.0, 0.6), (0.01, 0.04), (0.05, 0.03)])
def test_pictures_are_not_held_where_repairs_are_quick_or_none_are_needed(loss: float, trip: float) -> None:
    line = Uplink(loss, trip)
    line.run(20)
    assert line.hold == 0.0


@pytest.mark.parametrize("trip", [0.3, 0.6, 1.25])
def test_on_a_long_line_pictures_are_held_for_what_is_asked_for_twice(trip: float) -> None:
    line = Uplink(0.03, trip)
    line.run(60)
    assert 2 * trip < line.hold <= max(USUAL + 0.1, 2.3 * trip + 0.1)
    before = len(line.late)
    line.run(60)
    late = line.late[before:]
    assert sum(each <= line.hold for each in late) / len(late) > 0.99


def test_sound_waits_a_little_and_no_longer() -> None:
    assert ahead(0.0) == ahead(WAITS) == 0.0
    assert ahead(2.7) == pytest.approx(2.7 - WAITS)


def test_on_a_short_line_that_loses_much_pictures_are_held_for_several_repairs() -> None:
    line = Uplink(0.10, 0.05)
    line.run(40)
    in_time = sum(late <= line.hold for late in line.late) / len(line.late)
    assert 0.2 <= line.hold <= USUAL + 0.1
    assert in_time > 0.99


def test_they_are_not_held_any_longer_than_the_line_is_bad() -> None:
    line = Uplink(0.03, 0.6)
    line.run(20)
    assert line.hold > 0
    line.loss = 0.0
    line.run(WINDOW + 2)
    assert line.hold == 0.0


def test_what_is_lost_twice_on_a_long_line_is_asked_for_when_browsers_answer_again() -> None:
    line = Uplink(0.03, 1.2)
    line.run(10)  # until the way is known
    asked, late = line.asked, len(line.late)
    line.run(40)
    assert line.losses.given_up == 0
    assert line.asked - asked < 2.3 * (len(line.late) - late), "asked too often before the answer can be there"


def test_where_packets_overtake_one_another_most_are_not_asked_for() -> None:
    line = Uplink(0.03, 1.2)
    line.run(10)  # until the way is known
    losses, chance, asked, sent = line.losses, random.Random(1), 0, 2_000
    first = next(line._numbers) + 10
    packets = [(line.now + number * 0.01 + chance.random() * 0.03, first + number) for number in range(sent)]
    for at, number in sorted(packets):
        losses.received(number, at)
        asked += len(losses.due(at))
    assert asked < 0.04 * sent, "most of it for the ten that never come"
    losses.received(first + sent + 1, line.now + 60)
    assert first + sent in losses.due(line.now + 60), "a line that has long kept its order is asked at once"


def test_older_packets_that_may_still_come_are_known() -> None:
    losses = LossTracker()
    for number in (1, 2, 5, 7):
        losses.received(number, 0.0)
    assert losses.missing_before(5) and losses.missing_before(4)
    assert not losses.missing_before(3)
    losses.received(3, 0.1)
    losses.received(4, 0.1)
    assert not losses.missing_before(5)
    assert losses.missing_before(7)


def beginning(number: int, until: float) -> Beginning:
    return Beginning(number, 0, False, b"", until)


def test_keyframes_wait_for_what_is_older_in_their_order_and_not_for_ever() -> None:
    losses, gate = LossTracker(), Gate()
    for number in (1, 3, 5):
        losses.received(number, 0.0)
    early, late = beginning(3, 2.0), beginning(5, 9.0)
    gate.keep(early)
    gate.keep(late)
    assert gate.open(losses, 1.0) == []
    assert 3 in gate and 4 not in gate
    assert gate.open(losses, 2.0) == [early], "time is up"
    losses.received(4, 2.1)
    assert gate.open(losses, 2.1) == []
    losses.received(2, 2.2)
    assert gate.open(losses, 2.2) == [late]
    assert not gate
    for number in range(MOST):
        assert not gate.full
        gate.keep(beginning(number, 3.0))
    assert gate.full


def test_a_way_that_grows_longer_is_learned() -> None:
    line = Uplink(0.03, 0.1)
    line.run(20)
    line.trip = 0.8
    line.run(40)
    trip = line.losses.repairs.trip
    assert trip is not None and 0.6 < trip < 1.1


def test_how_long_they_are_held_changes_by_less_than_is_seen() -> None:
    held, steps = 0.0, [0.0]
    while held < 0.5:
        held = towards(held, 0.5)
        steps.append(held)
    assert held == 0.5
    assert max(later - sooner for sooner, later in itertools.pairwise(steps)) <= max(RAMP, 0.5 / 4) + 1e-9
    assert towards(0.05, 0.0) == 0.0


Told = tuple[float, float] | None
"""Seconds for which a packet says that its picture is to be held, at least and at most."""
BY_THEMSELVES = 10.0
"""What browsers take for no bound."""


@dataclass
class Camera:
    """A publication, a picture of two packets every half second."""

    publication: Publication
    number: int = -1
    now: float = 0.0

    @classmethod
    def make(cls) -> Camera:
        counters = Counters()
        track = Track("p", "room", "gp", "camera", "video", "H264")
        return cls(Publication(track, "stream", Taps(counters), Outbox(64, counters), counters, lambda: None))

    def until(self, now: float) -> list[Told]:
        """What the packets of the last picture say at that time."""
        while True:
            self.now = min(now, self.now + 0.5)
            told = [self._packet(self.now, marker=False), self._packet(self.now, marker=True)]
            if self.now >= now:
                return told

    def _packet(self, now: float, *, marker: bool) -> Told:
        self.number += 1
        timestamp = 3_000 * (self.number // 2)
        self.publication.packet(self.number, timestamp, marker, b"\x41picture", None, None, now)
        packet = self.publication.history.find(self.publication.history.highest & 0xFFFF)
        assert packet is not None
        found = rtp_header.extensions(packet, rtp_header.parse(packet)).get(rtp_header.EXTENSION_PLAYOUT_DELAY)
        value = int.from_bytes(found or b"", "big")
        return ((value >> 12) / 100, (value & 0xFFF) / 100) if found else None


def test_the_first_packet_of_each_picture_says_for_how_long_and_for_a_while_that_it_is_over() -> None:
    camera = Camera.make()
    assert camera.until(0.5) == [None, None]
    camera.publication.hold(1.35, 1.0)
    assert camera.until(1.0) == [(1.35, BY_THEMSELVES), None]
    camera.publication.hold(1.35, 60.0)
    assert camera.until(60.0) == [(1.35, BY_THEMSELVES), None]
    camera.publication.hold(0.0, 61.0)
    assert camera.until(61.0) == [(0.0, BY_THEMSELVES), None]
    assert camera.until(61.0 + TOLD_AGAIN) == [None, None]
