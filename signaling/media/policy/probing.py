"""Whether the line carries more than is sent: short bursts of padding, their size, their result, when to try again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil, sqrt
from statistics import fmean, pvariance
from typing import Final, NamedTuple

from signaling.media.policy.bandwidth import Acked, Estimator


class Probe(NamedTuple):
    """A burst to be sent beside the media: `packets` RTX padding packets, one every `interval` seconds."""

    id: int
    bitrate: float
    """bit/s that media and padding have together while it lasts."""
    packets: int
    size: int
    """Bytes of each packet on the wire, IP and UDP headers included. RTP padding alone holds at most 255 bytes."""
    interval: float
    """Seconds between two packets; sending them in clumps of up to 20 ms is fine."""

    @property
    def duration(self) -> float:
        """Seconds that it takes."""
        return self.packets * self.interval


BOLD, CAREFUL = 3.0, 1.5
"""A probe is at most this much of the estimate; careful after one that failed, until one succeeds."""
QUEUE, CAREFUL_QUEUE = 0.1, 0.06
"""Seconds of queue that a probe makes at most if the estimate is all there is: sound must get through in time."""
BEYOND, JUST_BEYOND = 1.5, 1.1
"""A probe aims this much above what is wanted: to be measured just below it would help nobody, and a sender that has
just begun wants more from second to second. After a failure it asks for what is needed alone.
"""
LEAST_STEP: Final = 1.1
SHORTEST, LONGEST = 0.05, 0.2
"""Seconds that a probe takes."""
SIZE: Final = 320
"""Bytes of one packet: 255 of padding and the headers."""
SMALLEST: Final = 100
FEWEST, MOST_PACKETS = 6, 120
MORE_LOSS: Final = 0.15
"""Loss above that of the time before, which a probe may have by chance."""
PASSED: Final = 0.9
"""Of the probe's bitrate, to be believed: jitter blurs the rest."""
FIRST_PAUSE, PAUSE_GROWTH, LONGEST_PAUSE = 1.0, 1.6, 4.0
"""Seconds until the next after one that failed. Never long: a cap may have been lifted meanwhile."""
BETWEEN: Final = 0.1
"""Seconds after one that succeeded."""
ANSWERED: Final = 0.5
"""Seconds beyond a round trip until a probe without feedback has failed."""


@dataclass(slots=True)
class _Outstanding:
    probe: Probe
    planned: float
    estimate: float
    loss: float
    """What was thought and lost when it was planned."""
    first: float | None = None
    last: float | None = None
    packets: list[Acked] = field(default_factory=list)


class Prober:
    """Plans probes for one subscriber and reads their results from its feedback."""

    def __init__(self, now: float) -> None:
        self.failures = 0
        """Probes in a row that found nothing more."""
        self._next_at = now
        self._next_id = 1
        self._restarts = 0
        self._outstanding: _Outstanding | None = None

    @property
    def busy(self) -> bool:
        """Whether a probe's result is awaited."""
        return self._outstanding is not None

    def plan(self, estimator: Estimator, wanted: float, everything: float, now: float) -> Probe | None:
        """A probe to send now, when `wanted` bit/s are more than the estimate shows and the line is calm.

        `everything` is what there would be use for at most; it is aimed at while probes succeed.
        """
        if estimator.restarts != self._restarts:
            self._restarts = estimator.restarts
            self.forget(now)
        self._give_up(estimator, now)
        if self._outstanding is not None or now < self._next_at or not estimator.calm(now):
            return None
        if wanted <= estimator.bitrate:
            return None
        aim = wanted if self.failures else max(wanted, everything)
        bitrate = max(LEAST_STEP * estimator.bitrate, min(self._beyond * aim, self._steepness * estimator.bitrate))
        probe = self._shape(bitrate, estimator)
        self._next_id += 1
        self._outstanding = _Outstanding(probe, now, estimator.bitrate, estimator.loss)
        estimator.pardon(now + probe.duration + QUEUE + (estimator.round_trip or 0.0) + ANSWERED)
        return probe

    def forget(self, now: float) -> None:
        """Another line: what failed on the one before says nothing."""
        self._outstanding = None
        self.failures = 0
        self._next_at = now

    @property
    def _steepness(self) -> float:
        return CAREFUL if self.failures else BOLD

    @property
    def _beyond(self) -> float:
        return JUST_BEYOND if self.failures else BEYOND

    def _shape(self, bitrate: float, estimator: Estimator) -> Probe:
        excess = bitrate / estimator.bitrate - 1
        duration = min(LONGEST, max(SHORTEST, (CAREFUL_QUEUE if self.failures else QUEUE) / excess))
        # Media comes in frames, and just now there may be none: only half of it is counted on.
        rate = max(bitrate - (estimator.acked_bitrate or 0.0) / 2, bitrate / 2)
        padding = rate * duration / 8
        size = int(min(SIZE, max(SMALLEST, padding / FEWEST)))
        packets = min(MOST_PACKETS, max(FEWEST, ceil(padding / size)))
        # So many and no more: a fast line is asked more briefly, not more slowly.
        duration = min(duration, packets * size * 8 / rate)
        return Probe(self._next_id, bitrate, packets, size, duration / packets)

    def sent(self, probe: int, first: float, last: float) -> None:
        """The probe's packets left between these times (as noted for transport-cc)."""
        outstanding = self._outstanding
        if outstanding is not None and outstanding.probe.id == probe:
            outstanding.first, outstanding.last = first, last

    def feedback(self, packets: Sequence[Acked], now: float) -> float | None:
        """Read one transport-cc message; returns the bitrate that a finished probe has shown, if it has."""
        outstanding = self._outstanding
        if outstanding is None or not packets:
            return None
        # Kept from the planning on: feedback may overtake the word that all was sent.
        outstanding.packets += [packet for packet in packets if packet.sent >= outstanding.planned]
        if outstanding.first is None or outstanding.last is None or packets[-1].sent < outstanding.last:
            return None
        self._outstanding = None
        seen = _read(outstanding, outstanding.first, outstanding.last)
        shown = None if seen is None else seen.bitrate * seen.passed
        if seen is None or shown is None or seen.passed < PASSED or shown < outstanding.estimate:
            self._failed(now)
            return None if shown is None else shown * PASSED
        self.failures = 0
        self._next_at = now + BETWEEN
        return shown

    def _give_up(self, estimator: Estimator, now: float) -> None:
        outstanding = self._outstanding
        if outstanding is None:
            return
        patience = outstanding.probe.duration + (estimator.round_trip or 0.0) + ANSWERED
        if now - outstanding.planned > patience:
            self._outstanding = None
            self._failed(now)

    def _failed(self, now: float) -> None:
        self._next_at = now + min(LONGEST_PAUSE, FIRST_PAUSE * PAUSE_GROWTH**self.failures)
        self.failures += 1


class _Reading(NamedTuple):
    bitrate: float
    """bit/s that were sent while the probe took, at most its own."""
    passed: float
    """The part of it that the line took, 0 to 1."""


def _read(outstanding: _Outstanding, first: float, last: float) -> _Reading | None:
    """What a finished probe has shown; None when too little was told."""
    # What was told as missing may have arrived after all: the later word counts.
    seen = {packet.number: packet for packet in outstanding.packets if first <= packet.sent <= last}
    delays = sorted((sent, arrived - sent) for sent, _, arrived, _ in seen.values() if arrived is not None)
    count = len(delays)
    if count < FEWEST // 2:
        return None
    share = count / len(seen)
    kept = min(1.0, share / (1 - min(0.9, outstanding.loss + MORE_LOSS)))
    # What was sent in the first clump marks the beginning.
    begin = min(packet.sent for packet in seen.values())
    octets = sum(packet.size for packet in seen.values() if packet.sent > begin)
    bitrate = outstanding.probe.bitrate
    span = last - first
    if span < outstanding.probe.duration / 3:
        # Sent in one go: the line itself spaced the packets.
        arrivals = [sent + delay for sent, delay in delays]
        spread = max(arrivals) - min(arrivals)
        return _Reading(bitrate, min(1.0, octets * 8 / spread / bitrate if spread > 0 else 1.0) * kept)
    # While it lasts a queue grows by what does not pass. Means of halves, less what jitter may make of them.
    half = count // 2
    early, late = delays[:half], delays[-half:]
    apart = fmean(sent for sent, _ in late) - fmean(sent for sent, _ in early)
    waited = [delay for _, delay in early], [delay for _, delay in late]
    doubt = sqrt((pvariance(waited[0]) + pvariance(waited[1])) / half)
    growth = max(0.0, (fmean(waited[1]) - fmean(waited[0]) - doubt) / apart) if apart > 0 else 0.0
    rate = octets * 8 / span
    sent = min(bitrate, rate)
    return _Reading(sent, min(1.0, rate / (1 + growth) / sent) * kept if sent else 0.0)
