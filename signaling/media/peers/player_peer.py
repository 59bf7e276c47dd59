"""The peer of a player that made its own offer (WHEP): a fixed number of slots, filled with what there is to see."""

from __future__ import annotations

from collections.abc import Iterable

from signaling.media.packets import rtcp
from signaling.media.packets.rtcp import RtcpPart
from signaling.media.peers.feed import Feed
from signaling.media.peers.peer import Surroundings
from signaling.media.peers.sending_peer import SendingPeer
from signaling.media.peers.subscription import Own
from signaling.media.policy.placement import Candidate, Place, place
from signaling.media.sdp import whep
from signaling.media.sdp.parse import RemoteDescription
from signaling.media.sdp.whep import PlayerSection


class PlayerPeer(SendingPeer):
    """Nothing is negotiated after its one answer: feeds take the places of others, under the same SSRC."""

    def __init__(self, around: Surroundings, room: str, participant: str, session: str) -> None:
        super().__init__(around, room, participant, session)
        self.stream = f"{around.random.getrandbits(64):016x}"
        """Stream id and CNAME of all that goes there."""
        self._sections: tuple[PlayerSection, ...] = ()
        self._ssrcs: dict[str, tuple[int, int]] = {}

    def accept(self, offer: RemoteDescription) -> str:
        """The answer to its offer. Raises UnacceptableSdpError, changing nothing."""
        self._sections = whep.sections(offer)
        random = self._around.random
        self._ssrcs = {each.mid: (random.getrandbits(32), random.getrandbits(32)) for each in self._sections}
        self.remote_ufrag = offer.ufrag
        text, setup = whep.answer(offer, self._sections, self._ssrcs, self.stream, self._transport())
        self._secure(offer.fingerprints, "client" if setup == "active" else "server")
        return text

    def wish(self, feeds: Iterable[Feed]) -> None:
        """All that there is to receive; what fits into the slots is sent from now on."""
        known = {feed.id: feed for feed in feeds}
        places = [Place(each.mid, each.kind, frozenset(each.forms)) for each in self._sections]
        before = {mid: fitting.feed.id for mid, fitting in self.fittings.items() if fitting.accepted}
        candidates = [
            Candidate(feed.id, feed.kind, feed.codec, feed.source, feed.participant) for feed in known.values()
        ]
        now = place(places, before, candidates)
        for section in self._sections:
            feed, fitting = known.get(now.get(section.mid, "")), self.fittings.get(section.mid)
            if fitting is not None:
                fitting.feed, fitting.accepted = feed or fitting.feed, feed is not None
            elif feed is not None:
                made = self._fit(section.mid, feed, Own(self._ssrcs[section.mid], self.stream, section.forms))
                made.accepted = made.subscription.retransmission = True
        self._attach(self._around.clock())

    def offer(self, now: float) -> None:
        """A player is offered nothing: it made the offer."""

    def _payload_feedback(self, part: RtcpPart, now: float) -> None:
        """Without REMB, which our answer does not take up and some send all the same: see `sdp/whep.py`."""
        if part.format != rtcp.APPLICATION:
            super()._payload_feedback(part, now)
