"""What one subscriber's line carries: an estimate in bit/s from its feedback, by delay first and by loss where it must.

After draft-ietf-rmcat-gcc-02 §5 (delay) with a loss part of its own (`loss.py`); the why is in docs/media-plane.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple


class Acked(NamedTuple):
    """One packet that the subscriber's transport-cc feedback speaks of."""

    sent: float
    """Seconds, by our clock."""
    size: int
    """Bytes on the wire, IP and UDP headers included: with small audio packets these are half of the traffic."""
    arrived: float | None
    """Seconds, by the subscriber's clock (any epoch, the same for all packets); None when reported missing."""


@dataclass(frozen=True, slots=True)
class BandwidthSettings:
    """Bounds of an estimate in bit/s, times in seconds."""

    start: float = 300_000.0
    least: float = 30_000.0
    most: float = 8_000_000.0
    silence: float = 1.0
    """No feedback for this long (beyond a round trip) although packets were sent: the line is gone."""
    fallback_after: float = 3.0
    """Without transport-cc feedback for this long, REMB and receiver reports count."""


Cause = Literal["start", "growing", "holding", "delay", "loss", "silence", "remb", "probe"]
"""Why the estimate is what it is."""


class Estimator:
    """The estimate for one subscriber. Pure; bitrates in bit/s, times in seconds."""

    def __init__(self, now: float, settings: BandwidthSettings | None = None) -> None:
        self.bitrate: float = (settings or BandwidthSettings()).start
        """What the line carries."""
        self.cause: Cause = "start"
        self.loss = 0.0
        """Fraction of the packets reported missing in the last second or so."""
        self.trend = 0.0
        """Milliseconds by which the delay grows, as the filter weighs it; compared with an adaptive threshold."""
        self.queueing = 0.0
        """Seconds that packets wait in queues, above the least seen in the last 10 to 20 s."""
        self.round_trip: float | None = None
        """Seconds from sending to feedback, the reporting interval included."""
        self.acked_bitrate: float | None = None
        """What arrived in the last half second; None while unknown."""

    def feedback(self, packets: Sequence[Acked], now: float) -> None:
        """One transport-cc message, in order of transport-wide numbers. Numbers whose send time is forgotten are left
        out by the caller."""

    def receiver_report(self, fraction_lost: float, now: float) -> None:
        """Loss (0 to 1) from a receiver report; used only where there is no transport-cc feedback."""

    def remb(self, bitrate: float, now: float) -> None:
        """The subscriber's own estimate; used only where there is no transport-cc feedback."""

    def probed(self, bitrate: float, now: float) -> None:
        """A probe showed that at least `bitrate` passes."""

    def tick(self, sent: int, now: float) -> None:
        """Time has passed; `sent` counts the packets sent to this subscriber so far. Notices silence."""

    def moved(self, now: float) -> None:
        """Another network path: delays begin anew, the estimate starts low again."""
