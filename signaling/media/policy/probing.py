"""Whether the line carries more than is sent: short bursts of padding, their size, their result, and when to try again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

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


class Prober:
    """Plans probes for one subscriber and reads their results from its feedback."""

    def __init__(self, now: float) -> None:
        self.failures = 0
        """Probes in a row that found nothing more."""

    def plan(self, estimator: Estimator, wanted: float, now: float) -> Probe | None:
        """A probe to send now, when `wanted` bit/s are more than the estimate shows and the line is calm."""
        return None

    def sent(self, probe: int, first: float, last: float) -> None:
        """The probe's packets left between these times (as noted for transport-cc)."""

    def feedback(self, packets: Sequence[Acked], now: float) -> float | None:
        """Read one transport-cc message; returns the bitrate that a finished probe has shown, if it has."""
        return None
