"""One subscriber's line as a whole: feedback in, what to send and what to probe out. Joins the bandwidth policies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from signaling.media.policy.allocation import Allocation, AllocationSettings, Allocator, Wish
from signaling.media.policy.bandwidth import Acked, BandwidthSettings, Estimator
from signaling.media.policy.doubling import Doubling
from signaling.media.policy.probing import Probe, Prober

CROWDED: Final = 0.05
"""Seconds of queue in the line beyond which its losses are its own doing: repairs would make them worse."""


class Decision(NamedTuple):
    """What to send from now on, and a probe to send now, if any."""

    allocation: Allocation
    probe: Probe | None
    twice: bool
    """Whether pictures are worth sending twice."""


class Downlink:
    """Estimator, prober and allocator of one subscriber. Pure; bitrates in bit/s, times in seconds by one clock."""

    def __init__(
        self, now: float, bandwidth: BandwidthSettings | None = None, allocation: AllocationSettings | None = None
    ) -> None:
        self.estimator = Estimator(now, bandwidth)
        self._prober = Prober(now)
        self._allocator = Allocator(allocation)
        self._doubling = Doubling()
        self._sending = 0.0

    def feedback(self, packets: Sequence[Acked], now: float) -> None:
        """One transport-cc message (see `Estimator.feedback`)."""
        self.estimator.feedback(packets, now)
        shown = self._prober.feedback(packets, now)
        if shown is not None:
            self.estimator.probed(shown, now)

    def at_rest(self, now: float) -> bool:
        """Whether a glance at feedback is enough for now: nothing is lost, none waits, no probe is out."""
        return self.estimator.loss == 0 and self.estimator.calm(now) and not self._prober.busy

    def receiver_report(self, fraction_lost: float, now: float) -> None:
        """Loss (0 to 1) from a receiver report."""
        self.estimator.receiver_report(fraction_lost, now)

    def remb(self, bitrate: float, now: float) -> None:
        """The subscriber's own estimate."""
        self.estimator.remb(bitrate, self._sending, now)

    def decide(self, wishes: Sequence[Wish], sent: int, now: float) -> Decision:
        """Call every 100 ms or so, and when wishes change. `sent` counts all packets sent to this subscriber so far."""
        self.estimator.tick(sent, now)
        estimator = self.estimator
        allocation = self._allocator.allocate(estimator.bitrate, wishes, now)
        self._sending = allocation.bitrate
        wanted, everything = allocation.wanted, allocation.everything
        once = allocation.bitrate if estimator.queueing < CROWDED else 0.0
        room = self._doubling.judge(estimator.loss, estimator.round_trip, estimator.bitrate, once, now)
        probe = self._prober.plan(estimator, max(wanted, room), max(everything, room), now)
        return Decision(allocation, probe, self._doubling.active)

    def probe_sent(self, probe: int, first: float, last: float) -> None:
        """The probe's packets left between these times, as noted for transport-cc. Without this call it has failed."""
        self._prober.sent(probe, first, last)

    def moved(self, now: float) -> None:
        """Another network path."""
        self.estimator.moved(now)
