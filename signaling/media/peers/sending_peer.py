"""A peer that receives from us: feeds in slots, sent as its line allows, and what its RTCP asks for."""

from __future__ import annotations

from typing import Final

from signaling.media.packets import rtcp
from signaling.media.packets.rtcp import RtcpPart
from signaling.media.peers.feed import Feed
from signaling.media.peers.forward import Egress
from signaling.media.peers.line import Fitting, Line
from signaling.media.peers.peer import Peer, Surroundings
from signaling.media.peers.subscription import Own, Subscription
from signaling.media.policy.liveness import PeerState

LOOK_EVERY: Final = 0.25
"""Seconds between two looks at a peer from which nothing new was heard."""
_SENDING: Final = ("connected", "disconnected")
"""States in which something is sent."""


class SendingPeer(Peer):
    """Sends. How slots come to be, by our offers or by the client's, is for subclasses to say."""

    direction = "subscribe"

    def __init__(self, around: Surroundings, room: str, participant: str, session: str) -> None:
        super().__init__(around, room, participant, session)
        self.fittings: dict[str, Fitting] = {}
        """By mid."""
        self.line = Line(around.mux, around.counters, around.clock)
        self._by_ssrc: dict[int, Fitting] = {}
        self._egress: Egress | None = None

    # --- slots ----------------------------------------------------------------------------------------------------

    def _fit(self, mid: str, feed: Feed, own: Own | None = None) -> Fitting:
        """Put a feed into a slot, in the client's own terms if it has any. It is sent once it is accepted and `_attach`
        was called.
        """
        if mid in self.fittings:
            self._remove(mid)
        random = self._around.random
        subscription = Subscription(
            feed.codec,
            own.ssrcs if own else (random.getrandbits(32), random.getrandbits(32)),
            mid,
            own.stream if own else feed.stream,
            random.getrandbits(14),
            self._around.mux.outbox,
            self._around.counters,
            own.forms if own else None,
        )
        fitting = self.fittings[mid] = Fitting(feed, subscription)
        self._by_ssrc[subscription.ssrc] = fitting
        self._by_ssrc[subscription.retransmission_ssrc] = fitting
        return fitting

    def _remove(self, mid: str) -> None:
        """Empty a slot: nothing more is sent in it."""
        fitting = self.fittings.pop(mid)
        fitting.subscription.carry(None, self._around.clock())
        for ssrc in (fitting.subscription.ssrc, fitting.subscription.retransmission_ssrc):
            self._by_ssrc.pop(ssrc, None)

    # --- sending --------------------------------------------------------------------------------------------------

    def _attach(self, now: float) -> None:
        """Send what was accepted, by the path of now; or nothing, without path, keys or consent."""
        self.due = now
        path, keys = self.agent.path, self.keys
        if path is None or keys is None or self.state not in _SENDING:
            for fitting in self.fittings.values():
                fitting.subscription.carry(None, now)
                fitting.subscription.egress = None
            return
        if self._egress is None:
            self._egress = Egress(keys, path)
        self._egress.path = path
        for fitting in self.fittings.values():
            if fitting.accepted:
                fitting.subscription.egress = self._egress
                fitting.subscription.step_in()
            else:
                fitting.subscription.carry(None, now)
        self._decide(now, changed=True)

    def _decide(self, now: float, *, changed: bool = False) -> None:
        if self._egress is not None and self.state in _SENDING and self.agent.path is not None:
            self.line.decide(self.fittings, self._egress, now, changed=changed)
            self._tell_line(self.line.told)

    # --- what it asks for -----------------------------------------------------------------------------------------

    def _rtcp(self, data: bytes, now: float) -> None:
        if rtcp.is_transport_cc(data):
            self._arrivals(data[4:], now)
            return
        self._around.mux.add_ssrc(int.from_bytes(data[4:8], "big"), self)
        for part in rtcp.walk(data):
            if part.kind == rtcp.TRANSPORT_FEEDBACK:
                self._transport_feedback(part, now)
            elif part.kind == rtcp.PAYLOAD_FEEDBACK:
                self._payload_feedback(part, now)
            elif part.kind == rtcp.RECEIVER_REPORT:
                self.line.receiver_report(part, now)

    def _arrivals(self, body: bytes, now: float) -> None:
        """When what was sent has arrived."""
        self._around.counters.add("transport_feedback_in")
        if self._egress is None or self.line.glance(body, self._egress, now):
            return
        for stamp in self.line.transport_feedback(body, self._egress, now):
            for each in self.fittings.values():
                each.subscription.repair(stamp, now)
        if self.line.hurried:
            self.due = now

    def _transport_feedback(self, part: RtcpPart, now: float) -> None:
        if part.format == rtcp.TRANSPORT_CC:
            self._arrivals(part.body, now)
        elif part.format == rtcp.NACK:
            numbers = rtcp.read_nack(part)
            self._around.counters.add("nacks_in", len(numbers))
            fitting = self._by_ssrc.get(rtcp.feedback_about(part) or 0)
            if fitting is not None:
                fitting.subscription.resend(numbers, now)

    def _payload_feedback(self, part: RtcpPart, now: float) -> None:
        if part.format in (rtcp.PLI, rtcp.FIR):
            self._around.counters.add("plis_in")
            about = [rtcp.feedback_about(part) or 0] if part.format == rtcp.PLI else rtcp.read_fir(part)
            for ssrc in about:
                fitting = self._by_ssrc.get(ssrc)
                if fitting is not None:
                    fitting.subscription.want_keyframe()
        elif part.format == rtcp.APPLICATION:
            self.line.remb(part, now)

    # --- changes --------------------------------------------------------------------------------------------------

    def tick(self, now: float) -> None:
        """Choose anew what is sent, now and then."""
        super().tick(now)
        self._decide(now)
        self.due = min(now + LOOK_EVERY, self.line.due)

    def _path_changed(self, now: float) -> None:
        self.line.moved(now)
        self._attach(now)
        if self.agent.path is not None:
            for fitting in self.fittings.values():
                fitting.subscription.want_keyframe()

    def _state_changed(self, state: PeerState, now: float) -> None:
        if state == "closed":
            self.line.stop()
            for mid in list(self.fittings):
                self._remove(mid)
            self._egress = None
        elif state != "disconnected":
            self._attach(now)
