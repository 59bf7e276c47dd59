"""A subscriber behind a bottleneck, in virtual time: media as allocated, a queue, feedback as browsers send it."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from signaling.media.policy.allocation import Allocation, Layer, Wish
from signaling.media.policy.bandwidth import Acked
from signaling.media.policy.downlink import Downlink
from signaling.media.policy.probing import Probe

SOUND_PACKET = 105
"""Bytes every 20 ms: 24 kbit/s of Opus and its headers, 42 kbit/s together."""
LOW, HIGH = 100_000.0, 1_200_000.0
MICROPHONE = Wish("a", "microphone", (Layer("plain", SOUND_PACKET * 8 / 0.02),))
CAMERA = Wish("v", "camera", (Layer("low", LOW), Layer("high", HIGH)))
CALL = (MICROPHONE, CAMERA)


@dataclass
class Link:
    """One way to the subscriber, in bit/s (0: no limit) and seconds. What would wait longer than `queue` is dropped."""

    rate: float = 0.0
    queue: float = 0.3
    delay: float = 0.02
    jitter: float = 0.0
    loss: float = 0.0
    burst: float = 1.0
    dead: bool = False
    cross: float = 0.0
    """bit/s that others send through the same bottleneck."""
    free_at: float = 0.0
    losing: bool = False

    def arrival(self, size: int, now: float, chance: random.Random) -> float | None:
        """When a packet comes out; None when it does not."""
        if self.dead:
            return None
        if self.burst > 1:
            leave = 1 / self.burst
            enter = leave * self.loss / (1 - self.loss)
            self.losing = chance.random() >= leave if self.losing else chance.random() < enter
            if self.losing:
                return None
        elif chance.random() < self.loss:
            return None
        at = now
        if self.rate:
            start = max(now, self.free_at)
            if start - now > self.queue:
                return None
            self.free_at = at = start + size * 8 / max(1.0, self.rate - self.cross)
        return at + self.delay + chance.uniform(0, self.jitter)


@dataclass
class Moment:
    """What was so at one tick."""

    at: float
    bitrate: float
    allocation: Allocation
    queueing: float
    loss: float
    cause: str


@dataclass
class Simulation:
    """Run with `until`; read `moments` and `sound`."""

    link: Link
    wishes: Sequence[Wish] = CALL
    seed: int = 1
    interval: float = 0.1
    back: float = 0.02
    """Seconds that feedback takes."""
    clock: float = 1_000.0
    """The subscriber's clock is ahead by this."""
    peaks: float = 0.3
    """Frames vary by this part of their mean."""
    spacing: float = 0.001
    """Seconds between the packets of one frame."""
    down: Downlink = field(default_factory=lambda: Downlink(0.0))
    now: float = 0.0
    moments: list[Moment] = field(default_factory=list)
    probes: list[Probe] = field(default_factory=list)
    sound: list[tuple[float, float | None]] = field(default_factory=list)
    """Sent, and seconds on the way (None: lost) of each sound packet."""
    sent_at: list[float] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    arrived: dict[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._told: set[int] = set()
        self._reported = 0
        self._waiting: set[int] = set()
        self._at(0.0, self._sound)
        self._at(0.003, self._frame)
        self._at(0.05, self._tick)
        self._at(self.interval, self._report)

    def until(self, end: float) -> Simulation:
        """Let time pass."""
        while self._due and self._due[0][0] <= end:
            self.now, _, run = heapq.heappop(self._due)
            run()
        self.now = end
        return self

    def _at(self, when: float, run: Callable[[], None]) -> None:
        heapq.heappush(self._due, (when, next(self._order), run))

    def _send(self, size: int) -> float | None:
        number = len(self.sent_at)
        self.sent_at.append(self.now)
        self.sizes.append(size)
        at = self.link.arrival(size, self.now, self._chance)
        if at is not None:
            self._at(at, lambda: self._arrive(number))
        return at

    def _arrive(self, number: int) -> None:
        self.arrived[number] = self.now
        self._waiting.add(number)

    def _sound(self) -> None:
        for wish in self.wishes:
            if wish.source in ("microphone", "screen-audio"):
                at = self._send(int(SOUND_PACKET * (1.6 if self.moments and self.moments[-1].allocation.red else 1)))
                self.sound.append((self.now, None if at is None else at - self.now))
        self._at(self.now + 0.02, self._sound)

    def _frame(self) -> None:
        """25 frames a second, in packets of 1,200 bytes, paced as publishers do it or sent in one go."""
        if self.moments:
            chosen = self.moments[-1].allocation.layers
            for wish in self.wishes:
                layer = next((each for each in wish.layers if each.key == chosen.get(wish.slot)), None)
                if layer is None or wish.source in ("microphone", "screen-audio"):
                    continue
                octets = int(layer.bitrate / 8 / 25 * self._chance.uniform(1 - self.peaks, 1 + self.peaks))
                for index in range(0, octets, 1200):
                    size = max(80, min(1200, octets - index))
                    self._at(self.now + index * self.spacing / 1_200, lambda size=size: self._send(size) and None)
        self._at(self.now + 0.04, self._frame)

    def _tick(self) -> None:
        decision = self.down.decide(self.wishes, len(self.sent_at), self.now)
        estimator = self.down.estimator
        self.moments.append(
            Moment(
                self.now,
                estimator.bitrate,
                decision.allocation,
                estimator.queueing,
                estimator.loss,
                estimator.cause,
            )
        )
        if decision.probe is not None:
            self._probe(decision.probe)
        self._at(self.now + 0.1, self._tick)

    def _probe(self, probe: Probe) -> None:
        self.probes.append(probe)
        for index in range(probe.packets):
            self._at(self.now + index * probe.interval, lambda: self._send(probe.size) and None)
        first, last = self.now, self.now + (probe.packets - 1) * probe.interval
        self._at(last, lambda: self.down.probe_sent(probe.id, first, last))

    def _report(self) -> None:
        """Transport-cc as browsers write it: everything from the oldest untold arrival on, late ones told again."""
        if self._waiting and not self.link.dead:
            first = min(self._reported, *self._waiting)
            last = max(self._waiting)
            packets = []
            for number in range(first, last + 1):
                at = self.arrived.get(number)
                if number in self._told:
                    continue
                if at is not None:
                    self._told.add(number)
                    at += self.clock
                packets.append(Acked(self.sent_at[number], self.sizes[number], at, number))
            self._reported = max(self._reported, last + 1)
            self._waiting.clear()
            self._at(self.now + self.back, lambda: self.down.feedback(packets, self.now))
        self._at(self.now + self.interval, self._report)

    # --- what a test asks ---------------------------------------------------------------------------------------------

    def between(self, begin: float, end: float) -> list[Moment]:
        """The moments of a stretch of time."""
        return [moment for moment in self.moments if begin <= moment.at < end]

    def share(self, key: str | None, begin: float, end: float, slot: str = "v") -> float:
        """The part of the time in which the slot had this layer."""
        moments = self.between(begin, end)
        return sum(moment.allocation.layers[slot] == key for moment in moments) / len(moments)

    def changes(self, begin: float, end: float) -> int:
        """How often any layer changed."""
        moments = self.between(begin, end)
        return sum(a.allocation.layers != b.allocation.layers for a, b in itertools.pairwise(moments))

    def heard(self, begin: float, end: float, within: float) -> float:
        """The part of the sound that arrived within so many seconds."""
        ways = [way for at, way in self.sound if begin <= at < end]
        return sum(way is not None and way <= within for way in ways) / len(ways)
