"""Sender and receiver reports of one stream: loss and jitter as seen here, and the sender's clock carried on."""

from __future__ import annotations

from typing import Final, NamedTuple

from signaling.media.packets.rtcp import ReportBlock, SenderReport

MAX_CLOCK_AGE: Final = 60.0
"""Seconds for which a sender's last report is carried on; ±100 ppm drift is then 6 ms."""


class SenderClock(NamedTuple):
    """The last sender report of a stream and when it came (seconds of the worker's clock)."""

    ntp: int
    rtp: int
    arrival: float
    rate: int
    """RTP ticks per second."""

    def at(self, now: float) -> tuple[int, int] | None:
        """NTP time and RTP timestamp of this moment by the sender's clock; None when its report is too old.

        Both go forward by the same time, so the pair stays on the sender's own line whatever the network's jitter.
        """
        elapsed = now - self.arrival
        if not 0 <= elapsed <= MAX_CLOCK_AGE:
            return None
        return (self.ntp + int(elapsed * 2**32)) & 0xFFFFFFFFFFFFFFFF, (
            self.rtp + int(elapsed * self.rate)
        ) & 0xFFFFFFFF


def rewritten(
    clock: tuple[int, int], ssrc: int, timestamp_offset: int, packets: int, octets: int, behind: float = 0.0
) -> SenderReport:
    """A sender's clock as one subscriber must hear it: its own SSRC, timestamps and counts.

    The NTP time stays the sender's, so audio and video of one participant keep the relation that makes lips match.
    Pictures that are meant to be seen `behind` the sound, in seconds, are told to be as much younger: what plays both
    in step (RFC 3550 §6.4.1) then makes no sound wait for them.
    """
    ntp, rtp = clock
    ntp = ntp + int(behind * 2**32) & 0xFFFFFFFFFFFFFFFF
    return SenderReport(ssrc, ntp, (rtp + timestamp_offset) & 0xFFFFFFFF, packets, octets)


class ReceiverStatistics:
    """Loss and jitter of one stream (RFC 3550 §6.4.1, appendices A.3 and A.8). Numbers are extended ones."""

    __slots__ = (
        *("_base", "_expected_before", "_jitter", "_rate", "_received_before", "_transit"),
        *("expected", "highest", "loss", "lost", "received"),
    )

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._base = 0
        self.highest = 0
        self.received = 0
        self.lost = 0
        """As of the last report; doubles can make it negative."""
        self.expected = 0
        self.loss = 0.0
        """Packets that the last report was about, and the fraction of them that was lost."""
        self._jitter = 0.0
        self._transit: float | None = None
        self._expected_before = 0
        self._received_before = 0

    def add(self, number: int, timestamp: int, now: float) -> None:
        """Count one packet that arrived at `now`."""
        if self.received == 0:
            self._base = self.highest = number
        self.received += 1
        if number <= self.highest and self.received > 1:
            return
        self.highest = number
        transit = now * self._rate - timestamp
        if self._transit is not None:
            difference = abs(transit - self._transit)
            # A wrapped timestamp, or a pause, would spoil the average for minutes.
            if difference < self._rate:
                self._jitter += (difference - self._jitter) / 16
        self._transit = transit

    @property
    def jitter(self) -> float:
        """Seconds."""
        return self._jitter / self._rate

    def block(self, ssrc: int, clock: SenderClock | None, now: float) -> ReportBlock:
        """The report block for the time since the last call."""
        expected = self.highest - self._base + 1 if self.received else 0
        expected_interval = expected - self._expected_before
        lost_interval = expected_interval - (self.received - self._received_before)
        self._expected_before, self._received_before = expected, self.received
        self.lost, self.expected = expected - self.received, max(0, expected_interval)
        self.loss = max(0, lost_interval) / expected_interval if expected_interval > 0 else 0.0
        fraction = (
            min(255, lost_interval * 256 // expected_interval) if expected_interval > 0 and lost_interval > 0 else 0
        )
        last_report = delay = 0
        if clock is not None:
            last_report = clock.ntp >> 16 & 0xFFFFFFFF
            delay = min(int((now - clock.arrival) * 65_536), 0xFFFFFFFF)
        return ReportBlock(
            ssrc, fraction, expected - self.received, self.highest, int(self._jitter), last_report, delay
        )
