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
OPENING: Final = 2_000_000.0
"""bit/s that a line is asked for as soon as there is a large picture, though that is still small: encoders grow for
seconds, and a line that is asked for each step anew shows a blurred face for all of them."""
OPENS_WITHIN, HEARS_WITHIN = 5.0, 1.5
"""Seconds in which it is, and in which it must have said anything at all."""


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
        self._opened: float | None = None
        self.opening = False
        """Whether the line is still new, and asked for more than there is to be sent."""

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
        asked = self._open(wishes, now)
        # Who is asked how much they carry is not given more before they have answered: it would be taken back again.
        allocation = self._allocator.allocate(estimator.bitrate, wishes, now, ready=not self.opening)
        self._sending = allocation.bitrate
        wanted, everything = allocation.wanted, allocation.everything
        once = allocation.bitrate if estimator.queueing < CROWDED else 0.0
        room = self._doubling.judge(estimator.loss, estimator.round_trip, estimator.bitrate, once, now)
        probe = self._prober.plan(estimator, max(wanted, room, asked), max(everything, room, asked), now)
        return Decision(allocation, probe, self._doubling.active)

    def _open(self, wishes: Sequence[Wish], now: float) -> float:
        """What a new line is asked for; 0 once it has shown that, or that it has not."""
        if self._opened is None and any(len(wish.layers) > 1 for wish in wishes):
            self._opened = now
            self.opening = True
        if self.opening and self._opened is not None:
            estimator, since = self.estimator, now - self._opened
            shown = estimator.bitrate >= OPENING
            failed = self._prober.failures > 0 or estimator.cause in ("delay", "loss", "silence")
            late = since > OPENS_WITHIN or (since > HEARS_WITHIN and estimator.round_trip is None)
            self.opening = not (shown or failed or late)
        return OPENING if self.opening else 0.0

    def probe_sent(self, probe: int, first: float, last: float) -> None:
        """The probe's packets left between these times, as noted for transport-cc. Without this call it has failed."""
        self._prober.sent(probe, first, last)

    def moved(self, now: float) -> None:
        """Another network path."""
        self.estimator.moved(now)
        self._prober.forget(now)
        self._opened = None
