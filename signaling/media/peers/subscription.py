"""One publication as one subscriber receives it: its own SSRC, numbers and reports, and answers to its NACKs."""

from __future__ import annotations

from typing import Final

from signaling.media.counters import Counters
from signaling.media.packets import rtcp, rtp_header
from signaling.media.packets.history import History
from signaling.media.peers.forward import Egress, FanOut
from signaling.media.policy.reports import SenderClock, rewritten
from signaling.media.sdp import offer
from signaling.media.transport.batch import Outbox
from signaling.media.transport.dtls import protect, protect_rtcp
from signaling.media.transport.sealed import send_sealed
from tele.domain.media import Codec

RESEND_AFTER: Final = 0.02
"""Seconds within which the same packet is not sent again: browsers repeat a NACK before the answer can arrive."""
MAX_REMEMBERED: Final = 1_024
FIRST_MARGIN: Final = 1_024
"""The least first sequence number: what came before it out of order stays above 0."""


class Subscription:
    """Rewrite state of one slot of one subscriber. `first` is any random number."""

    def __init__(
        self,
        codec: Codec,
        ssrcs: tuple[int, int],
        mid: str,
        stream: str,
        first: int,
        outbox: Outbox,
        counters: Counters,
    ) -> None:
        self.ssrc, self.retransmission_ssrc = ssrcs
        self.retransmission = False
        """Whether the browser takes RTX."""
        self.red = False
        """Whether it takes redundant audio. Both are known from its answer, before anything is sent."""
        self.egress: Egress | None = None
        self._stream = stream
        self._repair_type = offer.RETRANSMISSION_TYPE.get(codec, 0)
        self._outbox = outbox
        self._counters = counters
        self._constant = rtp_header.constant_part(self.ssrc, mid.encode())
        self._repair_constant = rtp_header.constant_part(self.retransmission_ssrc, mid.encode())
        # Below 2^15, so that losing the first packets cannot make the receiver guess a wrong roll-over count
        # (RFC 3711 §3.3.1); from there on numbers are continuous, whatever happens upstream.
        self._next = FIRST_MARGIN + first % 0x3FFF
        self._repair_next = FIRST_MARGIN + first % 0x3FFF
        self._shift: int | None = None
        self._resent: dict[int, float] = {}
        self._sent_before = (0, 0)
        self._base = (0, 0)

    def begin(self, fan: FanOut, number: int) -> None:
        """The publication's packet of this number is the next one to be sent."""
        self._shift = self._next - number
        self._base = (fan.packets, fan.octets)
        self.begin_again(fan)

    def begin_again(self, fan: FanOut) -> None:
        """The path has changed, the numbers go on."""
        if self.egress is not None and self._shift is not None:
            fan.put(self, self.egress, self._shift, 0, self._constant)

    def pause(self, fan: FanOut, history: History) -> None:
        """Send no more for now."""
        fan.remove(self)
        self._sent_before = self._sent(fan)
        if self._shift is not None:
            # A late packet may still be forwarded after the next begin. The distance keeps it from getting a number
            # that was used: with GCM the same number over other bytes would give the key away (RFC 7714 §10.1).
            self._next = history.highest + 1 + self._shift + history.capacity
            self._shift = None
        self._resent.clear()

    def report(self, fan: FanOut, clock: SenderClock, now: float) -> None:
        """Tell the subscriber the publisher's clock, so that it plays audio and video in step."""
        instant = clock.at(now)
        if self.egress is None or instant is None:
            return
        packet = rtcp.sender_report(rewritten(instant, self.ssrc, 0, *self._sent(fan)), self._stream)
        path = self.egress.path
        if send_sealed(self._outbox, path, self.egress.session, protect_rtcp, packet, droppable=True):
            self._counters.add("sender_reports_out")

    def resend(self, numbers: list[int], history: History, now: float) -> None:
        """Answer a NACK from the publication's history, as RTX (RFC 4588).

        Without RTX nothing is sent: the same number again with another transport-wide number in its header would be
        another packet under the same GCM nonce.
        """
        if self._shift is None or self.egress is None or not self.retransmission:
            self._counters.add("nacks_unanswerable", len(numbers))
            return
        for number in numbers:
            if now - self._resent.get(number, float("-inf")) < RESEND_AFTER:
                continue
            packet = history.find(number - self._shift & 0xFFFF)
            if packet is None:
                self._counters.add("nacks_too_late")
                continue
            if len(self._resent) >= MAX_REMEMBERED:
                self._resent.clear()
            self._resent[number] = now
            repair = rtp_header.retransmission(
                packet,
                self._repair_type,
                self._repair_next,
                number,
                int.from_bytes(packet[4:8], "big"),
                self._repair_constant,
                self.egress.next_number((now, len(packet) + 2)),
                rtp_header.abs_send_time(now),
            )
            self._repair_next += 1
            if send_sealed(self._outbox, self.egress.path, self.egress.session, protect, repair, droppable=True):
                self._counters.add("nacks_answered")

    def _sent(self, fan: FanOut) -> tuple[int, int]:
        """Packets and payload bytes so far, as a sender report counts them."""
        packets, octets = self._sent_before
        if self._shift is None:
            return packets, octets
        return packets + fan.packets - self._base[0], octets + fan.octets - self._base[1]
