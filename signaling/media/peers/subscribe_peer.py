"""The peer that a participant receives with: offers as publications come and go, and what its RTCP asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from signaling.media.errors import BadSdpError
from signaling.media.packets import rtcp
from signaling.media.peers.forward import Egress
from signaling.media.peers.peer import Peer, Surroundings
from signaling.media.peers.publication import Publication
from signaling.media.peers.subscription import Subscription
from signaling.media.policy.liveness import PeerState
from signaling.media.policy.negotiation import Negotiation, Slot
from signaling.media.sdp import offer
from signaling.media.sdp.offer import OfferedSlot
from signaling.media.sdp.parse import RemoteDescription


@dataclass(slots=True)
class _Fitting:
    """A publication in a slot, and what the browser said about it."""

    publication: Publication
    subscription: Subscription
    accepted: bool = False


class SubscribePeer(Peer):
    """Sends. The room tells it what there is to receive; `find` looks a publication up by id."""

    direction = "subscribe"

    def __init__(
        self, around: Surroundings, room: str, participant: str, session: str, find: Callable[[str], Publication | None]
    ) -> None:
        super().__init__(around, room, participant, session)
        self._find = find
        self._negotiation = Negotiation(around.config.answer_within)
        self._fittings: dict[str, _Fitting] = {}
        """By mid."""
        self._by_ssrc: dict[int, _Fitting] = {}
        self._offered: tuple[OfferedSlot, ...] = ()
        self._egress: Egress | None = None

    # --- offers ---------------------------------------------------------------------------------------------------

    def wish(self, publications: Iterable[Publication]) -> None:
        """All that is to be received from now on. What is gone is stopped at once, offers follow by `offer`."""
        wanted = {publication.track.publication: publication.track.kind for publication in publications}
        for mid, fitting in list(self._fittings.items()):
            if fitting.publication.track.publication not in wanted:
                self._remove(mid)
        self._negotiation.wish(list(wanted.items()))

    def restart(self) -> None:
        """ICE restart: new credentials in a new offer, the rest goes on."""
        self.restart_ice()
        self._negotiation.again()

    def offer(self, now: float) -> None:
        """Emit the next offer if there is something new and none is outstanding."""
        if self.state == "closed":
            return
        timed_out = self._negotiation.outstanding
        version = self._negotiation.next_offer(now)
        if version is None:
            return
        if timed_out:
            self._around.counters.add("offers_unanswered")
        slots = self._negotiation.slots
        for slot in slots:
            self._fit(slot)
        self._offered = tuple(self._describe(slot) for slot in slots)
        self._around.counters.add("offers_sent")
        self._around.emit(
            {
                "event": "offer",
                "room": self.room,
                "participant": self.participant,
                "session": self.session,
                "version": version,
                "sdp": offer.offer(self._offered, self._transport(), red=self._around.config.red),
                "tracks": [self._track(mid, fitting) for mid, fitting in sorted(self._fittings.items())],
            }
        )

    def answer(self, version: int, description: RemoteDescription, now: float) -> bool:
        """Take the browser's answer; False when it is not to the outstanding offer. Raises BadSdpError."""
        if not self._negotiation.outstanding or version != self._negotiation.version:
            return False
        live = any(not media.rejected for media in description.media)
        if self._association is None and live and description.setup == "actpass":
            raise BadSdpError("An answer must choose the DTLS role.")
        answers = offer.read_answer(description, self._offered)
        self._negotiation.answered(version)
        for slot in self._negotiation.slots:
            said, fitting = answers.get(slot.mid), self._fittings.get(slot.mid)
            section = next((media for media in description.media if media.mid == slot.mid), None)
            if section is not None and section.rejected:
                slot.dead = True
            if said is None or fitting is None:
                continue
            fitting.accepted = said.accepted
            fitting.subscription.retransmission = said.retransmission
            if not self._sending(fitting):
                fitting.subscription.red = said.red
        if self._association is None and live:
            self._secure(description.fingerprints, "client" if description.setup == "passive" else "server")
        self._attach(now)
        return True

    def _fit(self, slot: Slot) -> None:
        """Make slot and fitting agree before they are offered."""
        fitting = self._fittings.get(slot.mid)
        if fitting is not None and fitting.publication.track.publication != slot.publication:
            self._remove(slot.mid)
            fitting = None
        publication = self._find(slot.publication) if slot.publication is not None else None
        if fitting is not None or publication is None:
            return
        random = self._around.random
        subscription = Subscription(
            publication.track.codec,
            (random.getrandbits(32), random.getrandbits(32)),
            slot.mid,
            publication.stream,
            random.getrandbits(14),
            self._around.mux.outbox,
            self._around.counters,
        )
        fitting = _Fitting(publication, subscription)
        self._fittings[slot.mid] = fitting
        self._by_ssrc[subscription.ssrc] = fitting
        self._by_ssrc[subscription.retransmission_ssrc] = fitting

    def _describe(self, slot: Slot) -> OfferedSlot:
        fitting = self._fittings.get(slot.mid)
        if fitting is None:
            # An empty section keeps its last codec: the browser could refuse another one for good.
            before = next((each.codec for each in self._offered if each.mid == slot.mid), None)
            return OfferedSlot(slot.mid, slot.kind, "dead" if slot.dead else "inactive", before or "opus")
        track = fitting.publication.track
        return OfferedSlot(
            slot.mid,
            slot.kind,
            "dead" if slot.dead else "active",
            track.codec,
            track.source,
            fitting.publication.stream,
            track.publication,
            fitting.subscription.ssrc,
            fitting.subscription.retransmission_ssrc,
        )

    def _track(self, mid: str, fitting: _Fitting) -> dict[str, Any]:
        track = fitting.publication.track
        return {
            "mid": mid,
            "participant": track.participant,
            "source": track.source,
            "kind": track.kind,
            "publication": track.publication,
        }

    def _remove(self, mid: str) -> None:
        fitting = self._fittings.pop(mid)
        fitting.publication.detach(fitting.subscription)
        for ssrc in (fitting.subscription.ssrc, fitting.subscription.retransmission_ssrc):
            self._by_ssrc.pop(ssrc, None)

    # --- sending --------------------------------------------------------------------------------------------------

    def _sending(self, fitting: _Fitting) -> bool:
        return fitting.accepted and fitting.subscription.egress is not None

    def _attach(self, now: float) -> None:
        """Send what was accepted, by the path of now; or nothing, without path, keys or consent."""
        path, keys = self.agent.path, self.keys
        if path is None or keys is None or self.state in ("connecting", "failed", "closed"):
            for fitting in self._fittings.values():
                fitting.publication.detach(fitting.subscription)
                fitting.subscription.egress = None
            return
        if self._egress is None:
            self._egress = Egress(keys.outbound, path)
        self._egress.path = path
        for fitting in self._fittings.values():
            if fitting.accepted:
                fitting.subscription.egress = self._egress
                fitting.publication.attach(fitting.subscription, now)

    def _rtcp(self, data: bytes, now: float) -> None:
        for part in rtcp.walk(data):
            if part.kind == rtcp.TRANSPORT_FEEDBACK and part.format == rtcp.NACK:
                fitting = self._by_ssrc.get(rtcp.feedback_about(part) or 0)
                numbers = rtcp.read_nack(part)
                self._around.counters.add("nacks_in", len(numbers))
                if fitting is not None:
                    fitting.subscription.resend(numbers, fitting.publication.history, now)
            elif part.kind == rtcp.PAYLOAD_FEEDBACK and part.format in (rtcp.PLI, rtcp.FIR):
                self._around.counters.add("plis_in")
                about = [rtcp.feedback_about(part) or 0] if part.format == rtcp.PLI else rtcp.read_fir(part)
                for ssrc in about:
                    fitting = self._by_ssrc.get(ssrc)
                    if fitting is not None:
                        fitting.publication.want_keyframe()
            elif part.kind == rtcp.TRANSPORT_FEEDBACK and part.format == rtcp.TRANSPORT_CC:
                # Arrival times of what `Egress.sent` remembers: where bandwidth estimation begins.
                self._around.counters.add("transport_feedback_in")

    # --- changes --------------------------------------------------------------------------------------------------

    def tick(self, now: float) -> None:
        """An offer that nobody answered is made again."""
        super().tick(now)
        self.offer(now)

    def _path_changed(self, now: float) -> None:
        self._attach(now)
        if self.agent.path is not None:
            for fitting in self._fittings.values():
                fitting.publication.want_keyframe()

    def _state_changed(self, state: PeerState, now: float) -> None:
        if state == "closed":
            for mid in list(self._fittings):
                self._remove(mid)
        elif state != "disconnected":
            self._attach(now)
