"""Which stream an SSRC of a publisher is: by what its offer announced, by MID and RID of the packet, or by its type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from signaling.media.packets.sequence import extend
from signaling.media.peers.gate import Gate
from signaling.media.peers.publication import Publication
from signaling.media.policy.nack import LossTracker
from signaling.media.policy.reports import ReceiverStatistics, SenderClock
from signaling.media.sdp import lines as sdp_lines
from signaling.media.sdp.answer import AcceptedMedia
from tele.domain.media import CLOCK_RATE

Key = tuple[str, str]
"""MID and RID: what tells the media of one publisher apart."""

MAX_STREAMS: Final = 128
"""SSRCs known of one publisher: each m-section has two, more come only after restarts."""


class InboundStream:
    """One SSRC that a publisher sends with."""

    __slots__ = ("clock", "gate", "losses", "media", "publication", "repairs", "ssrc", "statistics")

    def __init__(self, ssrc: int, media: AcceptedMedia, publication: Publication, repairs: bool) -> None:
        self.ssrc = ssrc
        self.media = media
        self.publication = publication
        self.repairs = repairs
        """Whether it carries retransmissions (RFC 4588)."""
        rate = CLOCK_RATE[media.codec]
        self.statistics = ReceiverStatistics(rate)
        self.clock: SenderClock | None = None
        self.gate = Gate()
        self.losses = LossTracker() if media.retransmission_type is not None and not repairs else None

    def extended(self, sequence: int) -> int:
        """The packet's number without wrapping. It begins above 2^16, so that a late one is never negative."""
        statistics = self.statistics
        return extend(sequence, statistics.highest if statistics.received else sequence + 0x10000)


class InboundStreams:
    """The streams of one publisher, learned as they come."""

    def __init__(self) -> None:
        self._by_ssrc: dict[int, InboundStream] = {}
        self._main: dict[Key, InboundStream] = {}
        self._media: dict[Key, tuple[AcceptedMedia, Publication]] = {}
        self._announced: dict[int, tuple[Key, bool]] = {}
        self._extensions: dict[str, int] = {}
        """Header extension ids by URI: the same in all sections of a bundle (RFC 9143 §9)."""

    def __contains__(self, ssrc: int) -> bool:
        return ssrc in self._by_ssrc

    def route(self, media: AcceptedMedia, publication: Publication) -> None:
        """Packets of this m-section, or of this layer of it, go to this publication from now on."""
        self.unroute(media.key)
        self._media[media.key] = (media, publication)
        for ssrc in media.ssrcs:
            self._announced[ssrc] = (media.key, False)
        for ssrc in media.retransmission_ssrcs:
            self._announced[ssrc] = (media.key, True)
        self._extensions.update(media.extensions)

    def unroute(self, key: Key) -> None:
        """These packets are of no interest any more."""
        self._media.pop(key, None)
        self._main.pop(key, None)
        self._announced = {ssrc: known for ssrc, known in self._announced.items() if known[0] != key}
        self._by_ssrc = {ssrc: stream for ssrc, stream in self._by_ssrc.items() if stream.media.key != key}

    def get(self, ssrc: int) -> InboundStream | None:
        """A stream that was heard before."""
        return self._by_ssrc.get(ssrc)

    def main(self, key: Key) -> InboundStream | None:
        """The stream that carries these media now, not their retransmissions."""
        return self._main.get(key)

    def mains(self) -> list[InboundStream]:
        """All streams of media."""
        return list(self._main.values())

    def learn(self, ssrc: int, payload_type: int, extensions: Callable[[], dict[int, bytes]]) -> InboundStream | None:
        """Find out what a new SSRC is (RFC 9143 §9.2, RFC 8852 §3); None when nothing tells, or too many came."""
        if len(self._by_ssrc) >= MAX_STREAMS:
            return None
        announced = self._announced.get(ssrc)
        if announced is not None:
            key, repairs = announced
        else:
            found = self._told(payload_type, extensions())
            if found is None:
                return None
            key, repairs = found.key, payload_type == found.retransmission_type
        media, publication = self._media[key]
        stream = InboundStream(ssrc, media, publication, repairs)
        self._by_ssrc[ssrc] = stream
        if not repairs:
            before = self._main.get(key)
            if before is not None:
                self._by_ssrc.pop(before.ssrc, None)
                publication.splice()
            self._main[key] = stream
        return stream

    def _told(self, payload_type: int, extensions: dict[int, bytes]) -> AcceptedMedia | None:
        """The media that a packet says it belongs to."""
        mid, rid, repaired = (
            extensions.get(self._extensions.get(uri, 0), b"").decode("ascii", "replace")
            for uri in (sdp_lines.URI_MID, sdp_lines.URI_RID, sdp_lines.URI_REPAIRED_RID)
        )
        every = [media for media, _ in self._media.values()]
        users = [media for media in every if media.mid == mid]
        if not users:
            # The last resort, for senders that announce no SSRC: a section of its own payload types.
            users = [media for media in every if payload_type in _types(media) and not media.ssrcs]
        if len(users) > 1 or any(media.rid for media in users):
            users = [media for media in users if media.rid and media.rid == (repaired or rid)]
        return users[0] if len(users) == 1 else None


def _types(media: AcceptedMedia) -> tuple[int | None, ...]:
    return media.payload_type, media.retransmission_type, media.red_type
