"""Which stream an SSRC of a publisher is: by what its offer announced, by the MID of the packet, or by payload type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from signaling.media.packets.sequence import extend
from signaling.media.peers.publication import Publication
from signaling.media.policy.nack import LossTracker
from signaling.media.policy.reports import ReceiverStatistics, SenderClock
from signaling.media.sdp import lines as sdp_lines
from signaling.media.sdp.answer import AcceptedMedia
from tele.domain.media import CLOCK_RATE

MAX_STREAMS: Final = 128
"""SSRCs known of one publisher: each m-section has two, more come only after restarts."""


class InboundStream:
    """One SSRC that a publisher sends with."""

    __slots__ = ("clock", "losses", "media", "publication", "repairs", "ssrc", "statistics")

    def __init__(self, ssrc: int, media: AcceptedMedia, publication: Publication, repairs: bool) -> None:
        self.ssrc = ssrc
        self.media = media
        self.publication = publication
        self.repairs = repairs
        """Whether it carries retransmissions (RFC 4588)."""
        rate = CLOCK_RATE[media.codec]
        self.statistics = ReceiverStatistics(rate)
        self.clock: SenderClock | None = None
        self.losses = LossTracker() if media.retransmission_type is not None and not repairs else None

    def extended(self, sequence: int) -> int:
        """The packet's number without wrapping. It begins above 2^16, so that a late one is never negative."""
        statistics = self.statistics
        return extend(sequence, statistics.highest if statistics.received else sequence + 0x10000)


class InboundStreams:
    """The streams of one publisher, learned as they come."""

    def __init__(self) -> None:
        self._by_ssrc: dict[int, InboundStream] = {}
        self._main: dict[str, InboundStream] = {}
        self._media: dict[str, tuple[AcceptedMedia, Publication]] = {}
        self._announced: dict[int, tuple[str, bool]] = {}
        self._mid_extension = 0

    def __contains__(self, ssrc: int) -> bool:
        return ssrc in self._by_ssrc

    def route(self, media: AcceptedMedia, publication: Publication) -> None:
        """Packets of this m-section go to this publication from now on."""
        self.unroute(media.mid)
        self._media[media.mid] = (media, publication)
        for ssrc in media.ssrcs:
            self._announced[ssrc] = (media.mid, False)
        for ssrc in media.retransmission_ssrcs:
            self._announced[ssrc] = (media.mid, True)
        self._mid_extension = media.extensions.get(sdp_lines.URI_MID, self._mid_extension)

    def unroute(self, mid: str) -> None:
        """Packets of this m-section are of no interest any more."""
        self._media.pop(mid, None)
        self._main.pop(mid, None)
        self._announced = {ssrc: known for ssrc, known in self._announced.items() if known[0] != mid}
        self._by_ssrc = {ssrc: stream for ssrc, stream in self._by_ssrc.items() if stream.media.mid != mid}

    def get(self, ssrc: int) -> InboundStream | None:
        """A stream that was heard before."""
        return self._by_ssrc.get(ssrc)

    def main(self, mid: str) -> InboundStream | None:
        """The stream that carries this m-section's media now, not its retransmissions."""
        return self._main.get(mid)

    def mains(self) -> list[InboundStream]:
        """All streams of media."""
        return list(self._main.values())

    def learn(self, ssrc: int, payload_type: int, extensions: Callable[[], dict[int, bytes]]) -> InboundStream | None:
        """Find out what a new SSRC is (RFC 9143 §9.2); None when nothing tells, or too many came."""
        if len(self._by_ssrc) >= MAX_STREAMS:
            return None
        announced = self._announced.get(ssrc)
        if announced is not None:
            mid, repairs = announced
        else:
            mid = extensions().get(self._mid_extension, b"").decode("ascii", "replace")
            if mid not in self._media:
                # The last resort, for senders that announce no SSRC: a section of its own payload types.
                users = [m for m, _ in self._media.values() if payload_type in _types(m) and not m.ssrcs]
                if len(users) != 1:
                    return None
                mid = users[0].mid
            repairs = payload_type == self._media[mid][0].retransmission_type
        media, publication = self._media[mid]
        stream = InboundStream(ssrc, media, publication, repairs)
        self._by_ssrc[ssrc] = stream
        if not repairs:
            before = self._main.get(mid)
            if before is not None:
                self._by_ssrc.pop(before.ssrc, None)
                publication.splice()
            self._main[mid] = stream
        return stream


def _types(media: AcceptedMedia) -> tuple[int | None, ...]:
    return media.payload_type, media.retransmission_type, media.red_type
