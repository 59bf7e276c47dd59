"""What one subscriber's line carries: an estimate in bit/s from its feedback, by delay first and by loss where it must.

After draft-ietf-rmcat-gcc-02 §5 (delay), with a loss part of its own (`loss.py`); docs/media-plane.md says why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from signaling.media.policy.acked_rate import AckedRate
from signaling.media.policy.delay_trend import DelayTrend
from signaling.media.policy.loss import NOTICED, InherentLoss, LossWindow


class Acked(NamedTuple):
    """One packet that the subscriber's transport-cc feedback speaks of.

    A packet is told as arrived once: the caller forgets its send time then. Missing may be told again, and corrected.
    """

    sent: float
    """Seconds, by our clock."""
    size: int
    """Bytes on the wire, IP and UDP headers included: with small audio packets these are half of the traffic."""
    arrived: float | None
    """Seconds, by the subscriber's clock (any epoch, the same for all packets); None when reported missing."""
    number: int
    """The transport-wide number, not wrapping."""


@dataclass(frozen=True, slots=True)
class BandwidthSettings:
    """Bounds of an estimate in bit/s, times in seconds."""

    start: float = 300_000.0
    least: float = 30_000.0
    most: float = 8_000_000.0
    restart: float = 150_000.0
    """What an estimate sinks to while nothing is heard: sound, and nearly a picture."""
    silence: float = 1.0
    """No feedback for this long (beyond a round trip) although packets were sent: the line is gone."""
    fallback_after: float = 3.0
    """Without transport-cc feedback for this long, REMB and receiver reports count."""


Cause = Literal["start", "growing", "holding", "delay", "loss", "silence", "reports", "probe"]
"""Why the estimate is what it is."""

BACK_OFF: Final = 0.85
"""Of what arrived, after overuse (§5.5): the rest drains the queue."""
TO_CAP: Final = 0.97
"""Of what was not lost, after loss without a queue: a policer has nothing to drain."""
GROWTH: Final = 1.08
"""Per second while the capacity is unknown (§5.5)."""
NEAR: Final = 0.15
"""This close to where overuse last was, growth is by a packet each response time."""
STEP: Final = 10_000.0
"""bit/s: one packet of 1,200 bytes; also what growth may exceed a factor by."""
UNPROVEN: Final = 1.25
"""The estimate grows to this part of what arrives and no further: more is for probes to show."""
LOSSY: Final = 1.15
"""The same while packets are lost: behind a policer more sent is not more arrived, so it ends there."""
CONFIRMED, GROSS = 0.7, 0.2
"""Seconds for which loss without a queue must be too much, or by how much beyond, to be more than a bad moment."""
QUEUED: Final = 0.1
"""Seconds of standing queue at which nothing grows, and loss is congestion."""
RESTLESS: Final = 0.015
"""Seconds of queue from which on feedback is read packet by packet again."""
FULL: Final = 0.35
"""Seconds of standing queue that are overuse without a gradient."""
MISSING_KEPT: Final = 512
"""Numbers for which a late arrival takes a loss back."""
AMPLE: Final = 1.2
"""A subscriber's own estimate of this many times what is sent to it is no bound."""
PATIENCE: Final = 0.3
"""Seconds (beyond a round trip) until a decrease shows in what is reported."""


class Estimator:
    """The estimate for one subscriber. Pure; bitrates in bit/s, times in seconds."""

    def __init__(self, now: float, settings: BandwidthSettings | None = None) -> None:
        self._settings = settings or BandwidthSettings()
        self.bitrate = self._settings.start
        """What the line carries."""
        self.cause: Cause = "start"
        self.round_trip: float | None = None
        """Seconds from sending to feedback, the reporting interval included."""
        self.restarts = 0
        """How often the line was gone and came back, or the path moved."""
        self.gone = False
        """Nothing is heard although packets are sent."""
        self._trend = DelayTrend()
        self._window = LossWindow()
        self._inherent = InherentLoss()
        self._acked = AckedRate()
        self._capacity: float | None = None
        """What arrived when the line was last overused."""
        self._following = 0
        """The first number that no feedback spoke of yet."""
        self._missing: set[int] = set()
        """Numbers counted as lost, of late; some may yet arrive."""
        self._counts_from = float("-inf")
        """Packets sent before this time say nothing about loss: a decrease or an outage lies between."""
        self._heard: float | None = None
        self._updated = now
        self._lowered = float("-inf")
        self._lossy_since: float | None = None
        self._pardoned = float("-inf")
        self._unanswered: float | None = None
        self._sent_at = now
        self._count = 0
        self._before = self.bitrate
        self._remb_at = float("-inf")

    @property
    def loss(self) -> float:
        """Fraction of the packets reported missing in the last second or so."""
        return self._window.fraction

    @property
    def trend(self) -> float:
        """Milliseconds by which the delay grows, as the filter weighs it; compared with an adaptive threshold."""
        return self._trend.trend

    @property
    def queueing(self) -> float:
        """Seconds that packets wait in queues, above the least seen in the last 10 to 20 s."""
        return self._trend.queueing

    @property
    def acked_bitrate(self) -> float | None:
        """What arrived in the last half second; None while unknown."""
        return self._acked.bitrate

    def calm(self, now: float) -> bool:
        """Whether the line is in order and listened to, so that a probe may disturb it."""
        return (
            not self.gone
            and self._heard is not None
            and now - self._heard < self._settings.silence
            and self._trend.usage != "over"
            and self._trend.queueing < QUEUED / 2
            and not self._inherent.trying
            and now - self._lowered > PATIENCE + (self.round_trip or 0.0)
        )

    # --- what comes in --------------------------------------------------------------------------------------------

    def feedback(self, packets: Sequence[Acked], now: float) -> None:
        """One transport-cc message, in order of transport-wide numbers. Numbers whose send time is forgotten are left
        out by the caller."""
        if self.gone:
            self._return(packets)
        self._heard = now
        if self._unanswered is not None and now >= self._unanswered:  # it may be one that was kept for a while
            self._unanswered = None
        counted = lost = runs = late = octets = arrived_octets = 0
        losing = False
        following, missing = self._following, self._missing
        counts_from = self._counts_from
        newest = float("-inf")
        latest: float | None = None
        add = self._trend.add
        for sent, size, arrived, number in packets:
            if arrived is None:
                if number < following:
                    continue
                following = number + 1
                if sent >= counts_from:
                    missing.add(number)
                    counted += 1
                    octets += size
                    lost += 1
                    if not losing:
                        losing = True
                        runs += 1
                continue
            arrived_octets += size
            if number < following:
                # Told before as missing, but only late.
                if number in missing:
                    missing.remove(number)
                    late += 1
                continue
            following = number + 1
            losing = False
            if sent >= counts_from:
                counted += 1
                octets += size
            newest = sent
            if latest is None or arrived > latest:
                latest = arrived
            add(sent, arrived)
        self._following = following
        if counted or late:
            self._window.add(counted, lost - late, runs, octets, now)
        if len(missing) > MISSING_KEPT:
            self._missing = {number for number in missing if number >= following - MISSING_KEPT}
        if latest is None:
            self._judge_loss(now)
            return
        trip = now - newest
        self.round_trip = trip if self.round_trip is None else self.round_trip + 0.1 * (trip - self.round_trip)
        self._acked.add(latest, arrived_octets)
        usage = self._trend.judge(now)
        if now < self._pardoned and self._trend.queueing < FULL:
            self._judge_loss(now)
        elif usage == "over" or self._trend.queueing > FULL:
            self._lower("delay", now)
        elif self._trend.queueing > QUEUED and self._window.surely > NOTICED + self._inherent.inherent:
            self._lower("loss", now)
        elif not self._judge_loss(now) and usage == "normal" and self._trend.queueing < QUEUED:
            self._grow(now)
        self._updated = now

    def glance(self, first: int, count: int, sent: float, arrived: float, now: float) -> bool:
        """One message of which everything arrived in order, by its last packet alone; False: it has to be read.

        For a line that carries all there is, at little cost. Nothing is lowered or raised by it.
        """
        if self.gone or first != self._following or self._trend.glance(sent, arrived, now) > RESTLESS:
            return False
        self._following = first + count
        self._heard = now
        self._unanswered = None
        trip = now - sent
        self.round_trip = trip if self.round_trip is None else self.round_trip + 0.1 * (trip - self.round_trip)
        return True

    def look_closely(self, following: int) -> None:
        """After glances: messages from this number on are read, those before are forgotten."""
        self._following = following
        self._acked.clear()

    def receiver_report(self, fraction_lost: float, now: float) -> None:
        """Loss (0 to 1) from a receiver report; used only where there is no transport-cc feedback."""
        if not self._fallback(now) or not 0.0 <= fraction_lost <= 1.0:
            return
        if fraction_lost > 0.1:
            self._set(self.bitrate * (1 - fraction_lost / 2), "reports")
        elif fraction_lost < NOTICED and now - self._remb_at > self._settings.fallback_after:
            self._set(self.bitrate * GROWTH, "reports")

    def remb(self, bitrate: float, sending: float, now: float) -> None:
        """The subscriber's own estimate; used only where there is no transport-cc feedback.

        It grows no further than half as much again as what is received. Where `sending` does not fill it, it says
        nothing about the line: the estimate then grows by itself, until what is sent for it shows.
        """
        if not self._fallback(now) or bitrate <= 0:
            return
        if bitrate >= AMPLE * sending:
            bitrate = max(bitrate, self.bitrate * GROWTH ** min(1.0, now - self._remb_at))
        self._remb_at = now
        self._set(bitrate, "reports")

    def probed(self, bitrate: float, now: float) -> None:
        """A probe showed that at least `bitrate` passes."""
        if not self.gone and bitrate > self.bitrate:
            self._set(bitrate, "probe")
            if self._capacity is not None and bitrate > self._capacity:
                self._capacity = None

    def pardon(self, until: float) -> None:
        """A probe is under way: the queue that it makes is expected and lowers nothing until then."""
        self._pardoned = until

    def moved(self, now: float) -> None:
        """Another network path: delays begin anew, and a high estimate is not carried over."""
        self._begin_again(now)
        self._set(min(self.bitrate, self._settings.start), "start")

    def tick(self, sent: int, now: float) -> None:
        """Time has passed; `sent` counts the packets sent to this subscriber so far. Notices silence."""
        if self._heard is None or now - self._remb_at < self._settings.fallback_after:
            self._count = sent
            return
        if sent > self._count:
            self._sent_at = now
            if self._unanswered is None:
                self._unanswered = now
        self._count = sent
        if self._unanswered is None or self._sent_at - self._unanswered < self._settings.silence / 2:
            # One lost message about the last packets before everybody fell silent is no outage.
            return
        silent = now - self._unanswered - min(self.round_trip or 0.0, 1.0)
        if silent < self._settings.silence:
            return
        if not self.gone:
            self.gone = True
            self._before = self.bitrate
        halvings = silent - self._settings.silence + 1
        floor = min(self._before, self._settings.restart)
        self._set(max(floor, self._before * 0.5 ** min(halvings, 30.0)), "silence")

    # --- what follows ---------------------------------------------------------------------------------------------

    def _fallback(self, now: float) -> bool:
        return self._heard is None or now - self._heard > self._settings.fallback_after

    def _return(self, packets: Sequence[Acked]) -> None:
        # What was lost meanwhile is the outage's; only what is sent from now on tells of the line.
        newest = max((packet.sent for packet in packets if packet.arrived is not None), default=None)
        if newest is not None:
            self._begin_again(newest)

    def _begin_again(self, counts_from: float) -> None:
        self.gone = False
        self.restarts += 1
        self._trend.reset()
        self._window.clear()
        self._missing.clear()
        self._acked.clear()
        self._inherent.forget()
        self._capacity = None
        self._unanswered = None
        self._counts_from = counts_from

    def _judge_loss(self, now: float) -> bool:
        """True when loss lowered the estimate, or is being examined."""
        restored = self._inherent.judge(self._window, now)
        if restored is not None:
            self._set(max(self.bitrate, restored), "growing")
        surely, tolerated = self._window.surely, self._inherent.tolerated
        if self._inherent.trying or surely <= tolerated:
            self._lossy_since = None
            return self._inherent.trying
        if self._lossy_since is None:
            self._lossy_since = now
        if now - self._lossy_since >= CONFIRMED or surely > tolerated + GROSS:
            self._lossy_since = None
            self._lower_for_loss(now)
        return True

    def _lower(self, cause: Cause, now: float) -> None:
        """A queue grows or stands: what arrives is what the line carries."""
        if now - self._lowered < PATIENCE + (self.round_trip or 0.0):
            return
        self._lowered = now
        acked = self._acked.bitrate
        if acked is None:
            self._set(BACK_OFF * self.bitrate, cause)
            return
        self._capacity = acked if self._capacity is None else self._capacity + 0.3 * (acked - self._capacity)
        self._set(min(self.bitrate, BACK_OFF * acked), cause)

    def _lower_for_loss(self, now: float) -> None:
        """Packets are lost though none wait: perhaps a policer. The next second shows whether less is better."""
        before, loss = self.bitrate, self._window.fraction
        sent = self._window.bitrate or before
        self._lowered = now
        self._inherent.lowered(before, loss, sent, now)
        self._set(min(before, UNPROVEN * sent) * (1 - loss) * TO_CAP, "loss")
        self._window.clear()
        self._missing.clear()
        self._counts_from = now

    def _grow(self, now: float) -> None:
        acked = self._acked.bitrate
        if acked is None:
            return
        if self._capacity is not None and acked > self._capacity * (1 + NEAR):
            self._capacity = None
        lossy = self._window.fraction > NOTICED + self._inherent.inherent
        limit = acked * (LOSSY if lossy else UNPROVEN) + (0.0 if lossy else STEP)
        if self.bitrate >= limit:
            self.cause = "holding"
            return
        elapsed = min(now - self._updated, 1.0)
        near = self._capacity is not None and abs(self.bitrate - self._capacity) < NEAR * self._capacity
        response = 0.1 + (self.round_trip or 0.0)
        higher = self.bitrate + STEP * elapsed / response if near else self.bitrate * GROWTH**elapsed
        self._set(min(limit, higher), "growing")

    def _set(self, bitrate: float, cause: Cause) -> None:
        self.bitrate = min(self._settings.most, max(self._settings.least, bitrate))
        self.cause = cause
