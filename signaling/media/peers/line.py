"""How much a subscriber's line carries and what is sent of it: feedback in, choices and probes carried out."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from signaling.media.counters import Counters
from signaling.media.packets import rtcp, twcc
from signaling.media.packets.rtcp import RtcpPart
from signaling.media.packets.sequence import extend
from signaling.media.peers.feed import Feed
from signaling.media.peers.forward import NEVER, SENT_RING, Egress, Stamp
from signaling.media.peers.subscription import RESEND_AFTER, Subscription
from signaling.media.policy.allocation import Allocation, Layer, Quality, Wish
from signaling.media.policy.bandwidth import Acked
from signaling.media.policy.downlink import CROWDED, Downlink
from signaling.media.policy.probing import Probe
from signaling.media.policy.quality import Steady, judge_downlink
from signaling.media.transport.mux import Mux

DECIDE_EVERY: Final = 0.1
"""Seconds between two choices; those who receive many wait longer (`DECIDE_MORE` for each slot): it is work."""
DECIDE_CALMLY: Final = 0.5
"""The same while all is sent and the line would carry more; a lower estimate is looked at at once."""
DECIDE_MORE: Final = 0.005
REFERENCE_TICK: Final = 0.064
"""Seconds of a transport-cc reference time (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1)."""
LOSSY: Final = 0.01
"""Share of lost packets from which on repairs are sent twice, and what feedback misses is sent again unasked."""
REPORTED: Final = 0.1
"""Seconds of the estimator's round trip that are the reporting interval."""
SURELY: Final = 0.8
"""Of a round trip, within which an answer to a NACK cannot have arrived and a further NACK have come back."""
UNREAD: Final = 6
"""Messages of a calm line that are kept unread: what comes before a change tells what it is."""
CLUMP: Final = 0.02
"""Seconds of a probe whose packets are sent at once."""


@dataclass(slots=True)
class Fitting:
    """A feed in a slot, and what the browser said about it."""

    feed: Feed
    subscription: Subscription
    accepted: bool = False
    red: bool = False
    """Whether the browser takes redundant audio."""


class Line:
    """The line of one subscriber. `decide` is to be called on every tick and whenever something changed."""

    def __init__(self, mux: Mux, counters: Counters, clock: Callable[[], float]) -> None:
        self.downlink = Downlink(clock())
        self.quality: Quality = "good"
        """As of now."""
        self.told: Quality = "good"
        """What the subscriber is to be told: what lasts."""
        self._steady = Steady()
        self._mux = mux
        self._counters = counters
        self._clock = clock
        self.due = 0.0
        """When the next choice is."""
        self._needed = 0.0
        """bit/s below which the estimate makes a new choice due."""
        self._epoch = 0
        """The last reference time of its feedback, in 64 ms, not wrapping."""
        self._probing: asyncio.TimerHandle | None = None
        self._calm = False
        """All is sent and the line is in order: feedback is only glanced at."""
        self._unread: deque[tuple[bytes, int, float]] = deque(maxlen=UNREAD)
        """Feedback that was only glanced at: body, its first number, when it came."""
        self._sent: dict[str, tuple[Layer, ...]] = {}
        """The layers that there were in each slot at the last choice."""

    # --- feedback -------------------------------------------------------------------------------------------------

    def transport_feedback(self, body: bytes, egress: Egress, now: float) -> list[Stamp]:
        """Arrival times of what was sent (transport-cc). -> what was lost and should be sent again unasked"""
        if self._calm:
            self._look_closely(egress)
        return self._read(body, egress, now)

    @property
    def hurried(self) -> bool:
        """Whether a choice is due at once: less is carried than is sent."""
        return self.downlink.estimator.bitrate < self._needed

    def moved(self, now: float) -> None:
        """Another network path."""
        self._calm = False
        self._unread.clear()
        self.downlink.moved(now)

    def glance(self, body: bytes, egress: Egress, now: float) -> bool:
        """Whether transport-cc feedback says no more than that all is well; else it has to be read.

        It costs a tenth of reading, and on a calm line this is nearly all that comes.
        """
        seen = twcc.outline(body) if self._calm else None
        if seen is None:
            return False
        count = egress.number
        number = extend(seen[0], count - 1)
        newest = number + seen[1] - 1
        if not count - SENT_RING <= number <= newest < count:
            return False
        arrived = seen[2] + self._unwrap(body)
        sent = egress.sent[newest & (SENT_RING - 1)][0]
        if not self.downlink.estimator.glance(number, seen[1], sent, arrived, now):
            return False
        self._unread.append((body, number, now))
        return True

    def _look_closely(self, egress: Egress) -> None:
        """The line is not as calm as it was: read what was only glanced at, so that the change has a past."""
        self._calm = False
        if self._unread:
            self.downlink.estimator.look_closely(self._unread[0][1])
        for body, _, then in self._unread:
            self._read(body, egress, then)
        self._unread.clear()

    def _unwrap(self, body: bytes) -> float:
        """Seconds to add to a message's times: its reference time has 24 bits and wraps after twelve days of the
        browser's clock."""
        reference = int.from_bytes(body[12:15], "big")
        self._epoch += (reference - self._epoch + 0x800000 & 0xFFFFFF) - 0x800000
        return (self._epoch - reference) * REFERENCE_TICK

    def _read(self, body: bytes, egress: Egress, now: float) -> list[Stamp]:
        """One message, packet by packet."""
        try:
            _, first, arrivals = twcc.decode(body)
        except ValueError:
            self._counters.add("dropped_malformed_rtcp")
            return []
        number = extend(first, egress.number - 1)
        if not egress.number - SENT_RING <= number <= egress.number - len(arrivals):
            # About packets that were never sent, or that are forgotten.
            self._counters.add("transport_feedback_strange")
            return []
        epoch = self._unwrap(body)
        ring, last = egress.sent, SENT_RING - 1
        # As the constructor does, without a Python call for each of thousands of packets a second.
        acked = tuple.__new__
        packets: list[Acked] = []
        lost: list[Stamp] = []
        for index, arrival in enumerate(arrivals, number):
            stamp = ring[index & last]
            if stamp is NEVER:
                continue  # its arrival was told before
            if arrival is None:
                packets.append(acked(Acked, (stamp[0], stamp[1], None, index)))
                lost.append(stamp)
            else:
                ring[index & last] = NEVER
                packets.append(acked(Acked, (stamp[0], stamp[1], arrival + epoch, index)))
        self.downlink.feedback(packets, now)
        return lost if self.lossy else []

    @property
    def lossy(self) -> bool:
        """Whether packets are lost at random, and there is room to send them again. Browsers that only receive know no
        round trip time and repeat a NACK after 100 ms: on such a line one that is lost is a picture that stands still.
        """
        estimator = self.downlink.estimator
        return estimator.loss > LOSSY and estimator.queueing < CROWDED

    def receiver_report(self, part: RtcpPart, now: float) -> None:
        """Losses, for browsers without transport-cc."""
        blocks = rtcp.read_blocks(part)
        if blocks:
            self.downlink.receiver_report(sum(block.fraction_lost for block in blocks) / len(blocks) / 256, now)

    def remb(self, part: RtcpPart, now: float) -> None:
        """What the browser estimates itself, for browsers without transport-cc."""
        bitrate = rtcp.read_remb(part)
        if bitrate is not None:
            self.downlink.remb(bitrate, now)

    # --- choices --------------------------------------------------------------------------------------------------

    def decide(self, fittings: Mapping[str, Fitting], egress: Egress, now: float, *, changed: bool = False) -> None:
        """Send what the line carries. `changed`: the fittings are others than before, so at once."""
        if now < self.due and not changed and not self.hurried:
            return
        if self._calm and not changed and not self.hurried and self._stays(fittings, egress, now):
            self.told = self._steady.see(self.quality, now)
            self.due = now + DECIDE_CALMLY + DECIDE_MORE * len(fittings)
            return
        for fitting in fittings.values():
            fitting.subscription.tick(now)
        taken = [(mid, fitting.feed) for mid, fitting in fittings.items() if fitting.accepted]
        wishes = [Wish(mid, feed.source, feed.layers) for mid, feed in taken]
        allocation, probe, twice = self.downlink.decide(wishes, egress.number, now)
        # What fits may yet be waited for: only when it is there, the same choice would be made again.
        complete = allocation.quality == "good" and not self.downlink.opening
        calm = complete and not allocation.wanted and self.downlink.estimator.bitrate >= allocation.everything
        self.due = now + (DECIDE_CALMLY if calm else DECIDE_EVERY) + DECIDE_MORE * len(taken)
        self._needed = allocation.everything if calm else 0.0
        rests = calm and allocation.red and probe is None and self.downlink.at_rest(now)
        if self._calm and not rests:
            self._look_closely(egress)
        self._calm = rests
        self._sent = {mid: feed.layers for mid, feed in taken}
        self._apply(allocation, fittings, twice, now)
        if probe is not None:
            self._begin_probe(probe, [fitting.subscription for fitting in fittings.values()])

    def _stays(self, fittings: Mapping[str, Fitting], egress: Egress, now: float) -> bool:
        """Whether the last choice, all that there is, would be made again."""
        self.downlink.estimator.tick(egress.number, now)
        for mid, fitting in fittings.items():
            layers = self._sent.get(mid) if fitting.accepted else None
            if layers is not fitting.feed.layers or fitting.subscription.awaited is not None:
                return False
        return self.downlink.at_rest(now)

    def _apply(self, allocation: Allocation, fittings: Mapping[str, Fitting], twice: bool, now: float) -> None:
        self.quality = judge_downlink(self.quality, allocation.quality, self.downlink.estimator.loss)
        self.told = self._steady.see(self.quality, now)
        lossy = self.lossy
        trip = self.downlink.estimator.round_trip or 0.0
        patience = max(RESEND_AFTER, SURELY * (trip - REPORTED))
        for mid, key in allocation.layers.items():
            fitting = fittings[mid]
            subscription = fitting.subscription
            subscription.lossy = lossy
            subscription.patience = patience
            subscription.carry(fitting.feed.publication(key), now)
            red = fitting.red and allocation.red
            twice_here = twice and fitting.feed.kind == "video"
            if (subscription.red, subscription.twice) != (red, twice_here):
                subscription.red, subscription.twice = red, twice_here
                subscription.step_in()

    # --- probes ---------------------------------------------------------------------------------------------------

    def _begin_probe(self, probe: Probe, subscriptions: list[Subscription]) -> None:
        carrier = next((each for each in subscriptions if each.retransmission and each.egress is not None), None)
        if carrier is not None and self._probing is None:
            self._counters.add("probes_out")
            self._send_probe(probe, carrier, 0, self._clock())

    def _send_probe(self, probe: Probe, carrier: Subscription, done: int, began: float) -> None:
        """Send what is due of a probe, and the rest by and by."""
        now = self._clock()
        due = probe.packets if probe.interval <= 0 else 1 + int((now - began + CLUMP) / probe.interval)
        with self._mux.batch():
            while done < min(due, probe.packets):
                carrier.probe(probe.size, now)
                done += 1
        if done < probe.packets:
            loop = asyncio.get_running_loop()
            self._probing = loop.call_later(CLUMP, self._send_probe, probe, carrier, done, began)
            return
        self._probing = None
        self.downlink.probe_sent(probe.id, began, now)

    def stop(self) -> None:
        """Nothing more is sent."""
        if self._probing is not None:
            self._probing.cancel()
            self._probing = None
