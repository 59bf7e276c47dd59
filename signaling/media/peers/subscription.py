"""What one slot of a subscriber receives: its own SSRC, numbers and reports over changing layers, answers to NACKs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from signaling.media.counters import Counters
from signaling.media.packets import rtcp, rtp_header
from signaling.media.packets.form import Form
from signaling.media.peers.forward import WIRE, Burst, Egress, FanOut, Stamp
from signaling.media.policy.continuity import Continuity, Shift
from signaling.media.policy.reports import SenderClock, rewritten
from signaling.media.sdp import offer
from signaling.media.transport.batch import Outbox
from signaling.media.transport.dtls import protect, protect_rtcp
from signaling.media.transport.sealed import send_sealed
from tele.domain.media import CLOCK_RATE, Codec

if TYPE_CHECKING:
    from signaling.media.peers.publication import Publication

RESEND_AFTER: Final = 0.02
"""Seconds that an answer to a NACK takes at least: browsers repeat theirs before it can arrive."""
REPAIR_AFTER: Final = 0.08
"""Seconds within which what was sent again is not repaired unasked: its arrival may not have been told yet."""
MAX_REMEMBERED: Final = 1_024
FIRST_MARGIN: Final = 1_024
"""The least first sequence number: what came before it out of order stays above 0."""
CHANGE_PATIENCE: Final = 3.0
"""Seconds that another layer may take until its keyframe; then the change is given up, to be decided anew."""


class Own(NamedTuple):
    """What a client that made its own offer was promised for a slot."""

    ssrcs: tuple[int, int]
    stream: str
    forms: Mapping[Codec, Form]


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
        forms: Mapping[Codec, Form] | None = None,
    ) -> None:
        self.ssrc, self.retransmission_ssrc = ssrcs
        self.retransmission = False
        """Whether the browser takes RTX."""
        self.holds = False
        """Whether the browser holds pictures for as long as we say."""
        self.red = False
        """Whether it is sent redundant audio."""
        self.twice = False
        """Whether each packet is followed by a copy: the line loses, and a repair would come too late."""
        self.egress: Egress | None = None
        self.source: Publication | None = None
        """What is sent now."""
        self.awaited: Publication | None = None
        """What will be sent from its next keyframe on."""
        self.begins = 0
        """The number of the source's first packet that was sent here; older ones that come late must not be."""
        self.ended = float("-inf")
        """When something was last sent here that is no longer."""
        self.patience = RESEND_AFTER
        """Seconds within which the same packet is not sent again: the answer to the last NACK is still on its way."""
        self.lossy = False
        """Whether its line loses packets at random, with room for repairs."""
        self.nacked = 0
        """Packets that the subscriber missed."""
        self._stream = stream
        self._repair_type = offer.RETRANSMISSION_TYPE.get(codec, 0)
        self._outbox = outbox
        self._counters = counters
        self._forms = forms
        """The forms in which the client wants each codec; None: in ours."""
        self._form: Form | None = None
        """That of the source."""
        constant = next(iter(forms.values())).constant if forms else rtp_header.constant_part
        self._constant = constant(self.ssrc, mid.encode())
        self._repair_constant = constant(self.retransmission_ssrc, mid.encode())
        # Below 2^15, so that losing the first packets cannot make the receiver guess a wrong roll-over count
        # (RFC 3711 §3.3.1); from there on numbers are continuous, whatever happens upstream.
        self._continuity: Continuity[Publication] = Continuity(FIRST_MARGIN + first % 0x3FFF, CLOCK_RATE[codec])
        self._repair_next = FIRST_MARGIN + first % 0x3FFF
        self._shift = Shift(0, 0)
        self._since = 0.0
        self._fan: FanOut | None = None
        self._resent: dict[int, float] = {}
        self._sent_before = (0, 0)
        self._base = (0, 0)

    # --- what is sent ---------------------------------------------------------------------------------------------

    def carry(self, publication: Publication | None, now: float) -> None:
        """Send this from its next keyframe on (audio: at once); what was sent goes on until then. None: nothing."""
        awaited = self.awaited
        if awaited is not None and awaited is not publication:
            awaited.detach(self)
            self.awaited = None
        if publication is None:
            self._end(now)
        elif publication is not self.source and self.awaited is None:
            self.awaited = publication
            self._since = now
            publication.attach(self, now)

    def begin(self, publication: Publication, number: int, timestamp: int, now: float) -> None:
        """The publication's packet of this number and timestamp is the next one to be sent here."""
        self._end(now)
        self.awaited = None
        self.source = publication
        if self._forms is not None:
            self._form = self._forms[publication.track.codec]
            self._repair_type = self._form.repair_type
        self.begins = number
        self._shift = self._continuity.begin(publication, number, timestamp, publication.clock, now)
        self.step_in()
        if publication.clock is not None:
            self.report(publication.clock, now)

    def catch_up(self, now: float) -> None:
        """Send what the source has sent from `begins` to now, to this subscriber alone."""
        if self.source is None or self.egress is None:
            return
        history, shift = self.source.history, self._shift
        fan = FanOut(self.source.track.publication, self._outbox, self._counters, droppable=True)
        fan.put(self, self.egress, shift.number, shift.timestamp, self._constant)
        for number in range(self.begins, history.highest + 1):
            packet = history.find(number & 0xFFFF)
            if packet is not None:
                timestamp = int.from_bytes(packet[4:8], "big")
                fan.forward(self._form.shape(packet) if self._form else packet, number, timestamp, now)
        fan.remove(self)
        packets, octets = self._sent_before
        self._sent_before = packets + fan.packets, octets + fan.octets
        self._counters.add("caught_up")

    def tick(self, now: float) -> None:
        """Another layer that does not come is not waited for while there is a picture."""
        if self.awaited is not None and self.source is not None and now - self._since > CHANGE_PATIENCE:
            self._counters.add("layer_changes_given_up")
            self.carry(self.source, now)

    def step_in(self) -> None:
        """Be among those who get the source's packets: again, by another path, or in another form."""
        if self.source is None or self.egress is None:
            return
        fan = self.source.fan(red=self.red, form=self._form)
        if self._fan is not fan:
            self.step_out()
            self._fan = fan
            self._base = (fan.packets, fan.octets)
        copies = self.retransmission and self._repair_type and self.twice
        again = self._send_again if copies else None
        fan.put(self, self.egress, self._shift.number, self._shift.timestamp, self._constant, again)

    def step_out(self) -> None:
        """Get no packet for a moment; numbers and counts are kept."""
        if self._fan is not None:
            self._sent_before = self._sent()
            self._fan.remove(self)
            self._fan = None
            if self._form is not None and self.source is not None:
                self.source.tidy(self._form)

    def _end(self, now: float) -> None:
        source = self.source
        if source is None:
            return
        self.step_out()
        source.detach(self)
        self.source = None
        self.ended = now
        self._continuity.end(source.history.highest, *source.last, source.clock)

    # --- what the subscriber asks for and is told -----------------------------------------------------------------

    def want_keyframe(self) -> None:
        """It cannot decode what it gets."""
        for publication in (self.source, self.awaited):
            if publication is not None:
                publication.want_keyframe()

    def report(self, clock: SenderClock, now: float) -> None:
        """Tell the subscriber the publisher's clock, so that it plays audio and video in step."""
        instant = clock.at(now)
        if self.egress is None or instant is None:
            return
        if self._forms is not None:
            # One stream for sources of several people, each with a clock of their own: ours is the one they have in
            # common, and each moment is as long ago as it takes to come here.
            instant = int(now * 2**32) & 0xFFFFFFFFFFFFFFFF, instant[1]
        behind = self.source.behind if self.holds and self.source is not None else 0.0
        told = rewritten(instant, self.ssrc, self._shift.timestamp, *self._sent(), behind)
        packet = rtcp.sender_report(told, self._stream)
        path = self.egress.path
        if send_sealed(self._outbox, path, self.egress.session, protect_rtcp, packet, droppable=True):
            self._counters.add("sender_reports_out")

    def resend(self, numbers: list[int], now: float) -> None:
        """Answer a NACK as RTX (RFC 4588), from the history of whatever was sent under these numbers.

        Without RTX nothing is sent: the same number again with another transport-wide number in its header would be
        another packet under the same GCM nonce.
        """
        self.nacked += len(numbers)
        if self.source is None:
            # A picture that waits for a wider line must not come back through its repairs: the sound has the line.
            self._counters.add("nacks_paused", len(numbers))
            return
        if self.egress is None or not self.retransmission or not self._repair_type:
            self._counters.add("nacks_unanswerable", len(numbers))
            return
        highest = self.source.history.highest if self.source is not None else 0
        for number in numbers:
            if now - self._resent.get(number, float("-inf")) < self.patience:
                continue
            found = self._continuity.find(number, highest)
            packet = found[0].source.history.find(found[1] & 0xFFFF) if found is not None else None
            if found is None or packet is None:
                self._counters.add("nacks_too_late")
                continue
            self._note_resent(number, now)
            if self._repair(self.egress, packet, number, found[0].shift.timestamp, now):
                self._counters.add("nacks_answered")

    def repair(self, stamp: Stamp, now: float) -> None:
        """Send a packet again that feedback says the line has lost, without waiting for the NACK, which may be lost."""
        publication, number = stamp[2], stamp[3]
        if self.source is None or publication != self.source.track.publication or number < self.begins:
            return
        own = number + self._shift.number & 0xFFFF
        packet = self.source.history.find(number & 0xFFFF)
        asked = now - self._resent.get(own, float("-inf")) < REPAIR_AFTER
        if packet is None or asked or self.egress is None or not self.retransmission or not self._repair_type:
            return
        self._note_resent(own, now)
        if self._repair(self.egress, packet, own, self._shift.timestamp, now):
            self._counters.add("repairs_unasked")

    def _send_again(self, burst: Burst) -> None:
        """A copy of each packet, some packets later: what took the one may spare the other."""
        if self.egress is None:
            return
        for packet, _, number, _, stamp in burst:
            self._send_repair(
                self.egress, packet, number + self._shift.number & 0xFFFF, self._shift.timestamp, stamp[0]
            )
        self._counters.add("packets_doubled", len(burst))

    def _note_resent(self, number: int, now: float) -> None:
        if len(self._resent) >= MAX_REMEMBERED:
            self._resent.clear()
        self._resent[number] = now

    def probe(self, size: int, now: float) -> bool:
        """Send padding on the RTX stream (RFC 4588 §4: without an original number), `size` bytes on the wire.

        At most 255 of them are padding (RFC 3550 §5.1). False when nothing could be sent.
        """
        egress = self.egress
        if egress is None or not self.retransmission or not self._repair_type:
            return False
        padding = max(1, min(255, size - rtp_header.PAYLOAD_AT - WIRE))
        packet = rtp_header.padding(
            self._repair_type,
            self._repair_next,
            self._shift.timestamp + (self.source.last[0] if self.source is not None else 0),
            self._repair_constant,
            egress.next_number((now, rtp_header.PAYLOAD_AT + padding + WIRE, "", 0)),
            rtp_header.abs_send_time(now),
            padding,
        )
        self._repair_next += 1
        if self._form is not None:
            packet = self._form.shape(packet, self._repair_type)
        return send_sealed(self._outbox, egress.path, egress.session, protect, packet, droppable=True)

    def _repair(self, egress: Egress, packet: bytes, number: int, offset: int, now: float) -> bool:
        """As RTX; on a line that loses at random twice, since a second round trip is a picture that stands still."""
        done = self._send_repair(egress, packet, number, offset, now)
        if self.lossy:
            self._send_repair(egress, packet, number, offset, now)
        return done

    def _send_repair(self, egress: Egress, packet: bytes, number: int, offset: int, now: float) -> bool:
        repair = rtp_header.retransmission(
            packet,
            self._repair_type,
            self._repair_next,
            number,
            int.from_bytes(packet[4:8], "big") + offset,
            self._repair_constant,
            egress.next_number((now, len(packet) + 2 + WIRE, "", 0)),
            rtp_header.abs_send_time(now),
        )
        self._repair_next += 1
        if self._form is not None:
            repair = self._form.shape(repair, self._repair_type)
        return send_sealed(self._outbox, egress.path, egress.session, protect, repair, droppable=True)

    def _sent(self) -> tuple[int, int]:
        """Packets and payload bytes so far, as a sender report counts them."""
        packets, octets = self._sent_before
        if self._fan is None:
            return packets, octets
        return packets + self._fan.packets - self._base[0], octets + self._fan.octets - self._base[1]
