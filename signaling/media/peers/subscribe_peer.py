"""The peer that a participant receives with: offers to it as feeds come and go, and its answers to them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from signaling.media.errors import BadSdpError
from signaling.media.peers.feed import Feed
from signaling.media.peers.line import Fitting
from signaling.media.peers.peer import Surroundings
from signaling.media.peers.sending_peer import SendingPeer
from signaling.media.policy.negotiation import Negotiation, Slot
from signaling.media.sdp import offer
from signaling.media.sdp.offer import OfferedSlot
from signaling.media.sdp.parse import RemoteDescription


class SubscribePeer(SendingPeer):
    """The room tells it what there is to receive; `find` looks a feed up by id."""

    def __init__(
        self, around: Surroundings, room: str, participant: str, session: str, find: Callable[[str], Feed | None]
    ) -> None:
        super().__init__(around, room, participant, session)
        self._find = find
        self._negotiation = Negotiation(around.config.answer_within)
        self._offered: tuple[OfferedSlot, ...] = ()

    def wish(self, feeds: Iterable[Feed]) -> None:
        """All that is to be received from now on. What is gone is stopped at once, offers follow by `offer`."""
        wanted = {feed.id: feed.kind for feed in feeds}
        for mid, fitting in list(self.fittings.items()):
            if fitting.feed.id not in wanted:
                self._remove(mid)
        self._negotiation.wish(list(wanted.items()))
        self.due = self._around.clock()
        self._decide(self._around.clock(), changed=True)  # a layer may have come or gone without an offer

    def restart(self) -> None:
        """ICE restart: new credentials in a new offer, the rest goes on."""
        self.restart_ice()
        self._negotiation.again()
        self.due = self._around.clock()

    def repeat(self) -> None:
        """Make an offer that is not answered once more, under a new version: its receiver may not have heard it."""
        if self._negotiation.outstanding:
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
            self._arrange(slot)
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
                "tracks": [_track(mid, fitting.feed) for mid, fitting in sorted(self.fittings.items())],
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
            said, fitting = answers.get(slot.mid), self.fittings.get(slot.mid)
            section = next((media for media in description.media if media.mid == slot.mid), None)
            if section is not None and section.rejected:
                slot.dead = True
            if said is not None and fitting is not None:
                _heard(fitting, said)
        if self._association is None and live:
            self._secure(description.fingerprints, "client" if description.setup == "passive" else "server")
        self._attach(now)
        return True

    def tick(self, now: float) -> None:
        """An offer that nobody answered is made again."""
        super().tick(now)
        self.offer(now)

    def _arrange(self, slot: Slot) -> None:
        """Make slot and fitting agree before they are offered."""
        fitting = self.fittings.get(slot.mid)
        if fitting is not None and fitting.feed.id == slot.publication:
            return
        if fitting is not None:
            self._remove(slot.mid)
        feed = self._find(slot.publication) if slot.publication is not None else None
        if feed is not None:
            self._fit(slot.mid, feed)

    def _describe(self, slot: Slot) -> OfferedSlot:
        fitting = self.fittings.get(slot.mid)
        if fitting is None:
            # An empty section keeps its last codec: the browser could refuse another one for good.
            before = next((each.codec for each in self._offered if each.mid == slot.mid), None)
            return OfferedSlot(slot.mid, slot.kind, "dead" if slot.dead else "inactive", before or "opus")
        feed = fitting.feed
        return OfferedSlot(
            slot.mid,
            slot.kind,
            "dead" if slot.dead else "active",
            feed.codec,
            feed.source,
            feed.stream,
            feed.id,
            fitting.subscription.ssrc,
            fitting.subscription.retransmission_ssrc,
        )


def _heard(fitting: Fitting, said: offer.SlotAnswer) -> None:
    """Note what the browser takes in this slot."""
    if not fitting.accepted:
        fitting.subscription.red = said.red
    fitting.accepted, fitting.red = said.accepted, said.red
    fitting.subscription.retransmission, fitting.subscription.holds = said.retransmission, said.holds


def _track(mid: str, feed: Feed) -> dict[str, Any]:
    return {
        "mid": mid,
        "participant": feed.participant,
        "source": feed.source,
        "kind": feed.kind,
        "publication": feed.id,
    }
