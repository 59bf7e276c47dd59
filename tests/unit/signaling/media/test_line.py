"""A calm line's feedback is only glanced at: what that changes, and what it must not."""

from __future__ import annotations

import random
from collections import deque
from types import SimpleNamespace
from typing import Any

import pytest

from signaling.media.config import MediaConfig
from signaling.media.counters import Counters
from signaling.media.packets import twcc
from signaling.media.peers.forward import Egress
from signaling.media.peers.line import Line
from signaling.media.policy.allocation import Layer
from signaling.media.policy.bandwidth import Estimator
from signaling.media.transport.directory import Path
from signaling.media.transport.dtls import SrtpKeys
from signaling.media.transport.mux import Mux

SIZE = 1_200
PACE = 0.01
"""Bytes, and seconds between two packets: 0.96 Mbit/s."""
FEEDBACK = 0.1


class Road:
    """Packets sent to one subscriber over a link of `rate` bit/s, and its feedback, in virtual time."""

    def __init__(self, *, glancing: bool, jitter: float = 0.0) -> None:
        counters = Counters()
        self.now = 100.0
        self.line = Line(Mux(MediaConfig(port=0), counters, self.clock), counters, self.clock)
        self.egress = Egress(SrtpKeys(None, None, ()), Path.__new__(Path))
        self.rate = 50e6
        self.delay = 0.02
        self.jitter = jitter
        self.read = self.glanced = 0
        self._glancing = glancing
        self._free = 0.0
        self._log = twcc.ArrivalLog()
        self._under_way: deque[tuple[float, int]] = deque()
        self._chance = random.Random(1)
        self._told = self.now
        self.fittings: dict[str, Any] = {}
        self.skip = 0
        """Packets that the link is to lose next."""

    def clock(self) -> float:
        return self.now

    @property
    def estimator(self) -> Estimator:
        return self.line.downlink.estimator

    def until(self, end: float) -> None:
        while self.now < end:
            self.now += PACE
            number = self.egress.next_number((self.now, SIZE, "", 0))
            if self.skip:
                self.skip -= 1
            else:
                self._free = max(self.now, self._free) + SIZE * 8 / self.rate
                self._under_way.append((self._free + self.delay + self._chance.random() * self.jitter, number))
            while self._under_way and self._under_way[0][0] <= self.now:
                self._log.add(self._under_way[0][1], self._under_way.popleft()[0])
            if self.now >= self._told + FEEDBACK:
                self._told = self.now
                packet = self._log.report(1, 2)
                if packet is not None:
                    self._hear(packet[4:])
            self.line.decide(self.fittings, self.egress, self.now)

    def _hear(self, body: bytes) -> None:
        if self._glancing and self.line.glance(body, self.egress, self.now):
            self.glanced += 1
        else:
            self.line.transport_feedback(body, self.egress, self.now)
            self.read += 1


def test_of_a_calm_line_little_is_read() -> None:
    road = Road(glancing=True, jitter=0.004)
    road.until(110)
    road.read = road.glanced = 0
    road.until(140)
    assert road.glanced > 280
    assert road.read < 10
    assert not road.estimator.gone


@pytest.mark.parametrize("rate", [800_000, 500_000, 200_000])
def test_a_queue_that_begins_is_noticed_as_soon_as_if_all_were_read(rate: float) -> None:
    noticed = []
    for glancing in (True, False):
        road = Road(glancing=glancing)
        road.until(130)
        # The estimate of a line that carries all there is rests where it is; here both begin from the same.
        road.estimator.bitrate = 2_000_000
        road.rate = rate
        road.until(130.5)
        while road.estimator.bitrate > 0.95 * rate:
            assert road.now < 135, "a full line must lower the estimate"
            road.until(road.now + PACE)
        noticed.append(road.now)
        assert (road.glanced > 200) is glancing
    assert noticed[0] <= noticed[1] + FEEDBACK


def test_losses_are_counted_whether_or_not_what_came_before_was_read() -> None:
    road = Road(glancing=True)
    road.until(120)
    road.skip = 3
    road.until(121)
    assert road.estimator.loss == pytest.approx(3 / 100, rel=0.5)
    before = road.read
    road.until(130)
    assert road.estimator.loss == 0
    assert road.glanced > 150
    assert before < road.read < before + 40, "and when it is over a glance is enough again"


def test_a_line_does_not_rest_before_all_that_fits_is_sent() -> None:
    road = Road(glancing=True)
    road.until(110)
    road.estimator.bitrate = 3_000_000
    carried: list[str | None] = []
    subscription = SimpleNamespace(
        tick=lambda now: None, carry=lambda key, now: carried.append(key), step_in=lambda: None,
        awaited=None, red=True, twice=False, retransmission=False, egress=None,
    )  # fmt: skip
    layers = (Layer("low", 100_000.0), Layer("high", 700_000.0))
    feed = SimpleNamespace(source="camera", kind="video", layers=layers, publication=lambda key: key)
    road.fittings = {"01": SimpleNamespace(feed=feed, subscription=subscription, accepted=True, red=False)}
    road.line.decide(road.fittings, road.egress, road.now, changed=True)
    assert carried == ["low"], "whoever is new begins small"
    road.until(115)
    assert carried[-1] == "high"
    choices = len(carried)
    road.until(125)
    assert len(carried) < choices + 5, "and then rests"


def test_an_outage_of_a_calm_line_is_noticed() -> None:
    road = Road(glancing=True)
    road.until(120)
    road.skip = 260
    road.until(122.5)
    assert road.estimator.gone
    road.until(126)
    assert not road.estimator.gone
    assert road.estimator.restarts == 1


def test_a_line_that_moved_is_looked_at_anew() -> None:
    road = Road(glancing=True)
    road.until(120)
    road.line.moved(road.now)
    road.delay = 0.2
    read = road.read
    road.until(121.5)
    assert road.read > read
    assert road.estimator.restarts == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        bytes(17),
        twcc.encode(1, 2, 0, 7, [1.0, None, 1.1])[4:],
        twcc.encode(1, 2, 0, 7, [1.0, 0.9])[4:],
        twcc.encode(1, 2, 0, 7, [1.0, 1.1])[4:18] + b"\x20\x03",
    ],
)
def test_what_is_not_in_order_has_no_outline(body: bytes) -> None:
    assert twcc.outline(body) is None


def test_the_outline_is_what_reading_it_tells() -> None:
    arrivals: list[float | None] = [5.0 + 0.01 * index for index in range(100)]
    body = twcc.encode(1, 2, 0, 65_500, arrivals)[4:]
    _, first, read = twcc.decode(body)
    assert twcc.outline(body) == (first, 100, pytest.approx(read[-1]))


def test_a_line_that_loses_is_weak_until_it_no_longer_does() -> None:
    road = Road(glancing=True)
    road.until(110)
    assert road.line.quality == "good"
    while road.now < 118:
        road.skip = 1
        road.until(road.now + 0.1)
    assert (road.line.quality, road.line.told) == ("weak", "weak")
    road.until(130)
    assert (road.line.quality, road.line.told) == ("good", "good")
    assert road.glanced > 0
