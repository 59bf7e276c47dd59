"""A room while it runs: who is in it, with which peers, which codec, and what is published."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from signaling.media.errors import NoSuchParticipantError, NoSuchSessionError
from signaling.media.peers.feed import Feed, FeedKey, feed_key
from signaling.media.peers.peer import Peer, Surroundings
from signaling.media.peers.player_peer import PlayerPeer
from signaling.media.peers.publication import Publication
from signaling.media.peers.publish_peer import PublishPeer
from signaling.media.peers.subscribe_peer import SubscribePeer
from signaling.media.peers.taps import Taps
from signaling.media.sdp.answer import AcceptedMedia, AnswerPolicy, check_sources
from signaling.media.sdp.parse import RemoteDescription
from tele.domain.media import Codec, Source, Track

VIDEO_CODECS: Final[tuple[Codec, ...]] = ("H264", "VP9")
"""Best first: every player knows H264, Debian's Firefox cannot send it. VP8 plays in no MP4."""


def choose_codec(current: Codec, members: Iterable[frozenset[Codec]]) -> Codec:
    """The codec that all members can take; the current one when it is, or when there is none for all.

    Members without any video codec have no say: they hear.
    """
    capable = [codecs for codecs in members if codecs]
    for codec in (current, *VIDEO_CODECS):
        if all(codec in codecs for codecs in capable):
            return codec
    return current


@dataclass(slots=True)
class Participant:
    """One member of the room and its two peers."""

    codecs: frozenset[Codec]
    publish: PublishPeer | None = None
    subscribe: SubscribePeer | None = None
    play: PlayerPeer | None = None
    """Of one that made its own offer to receive."""

    def peers(self) -> list[Peer]:
        """Those that are open."""
        return [peer for peer in (self.publish, self.subscribe, self.play) if peer is not None]


@dataclass(slots=True)
class Room:
    """Everybody receives every publication of the others."""

    name: str
    around: Surroundings
    taps: Taps
    on_publications: Callable[[Room], None]
    """Called when the set of publications or subscribers changed: offers are due."""
    codec: Codec = VIDEO_CODECS[0]
    participants: dict[str, Participant] = field(default_factory=dict)
    publications: dict[str, Publication] = field(default_factory=dict)
    feeds: dict[str, Feed] = field(default_factory=dict)
    """By id."""
    _by_key: dict[FeedKey, Feed] = field(default_factory=dict)

    def join(self, name: str, codecs: frozenset[Codec]) -> None:
        """Let someone in, or learn new capabilities; when the codec changes, those who publish are told.

        Who joins again may have missed an offer: one that is not answered is made once more.
        """
        participant = self.participants.setdefault(name, Participant(codecs))
        participant.codecs = codecs
        if participant.subscribe is not None:
            participant.subscribe.repeat()
        codec = choose_codec(self.codec, (each.codecs for each in self.participants.values()))
        if codec == self.codec:
            return
        self.codec = codec
        for other, each in self.participants.items():
            if other != name and each.publish is not None:
                self.around.emit({"event": "renegotiate", "room": self.name, "participant": other, "codec": codec})

    def publish(
        self,
        name: str,
        session: str,
        offer: RemoteDescription,
        sources: dict[str, Source],
        policy: AnswerPolicy | None = None,
    ) -> str:
        """Answer an offer; a new session takes the place of the old one once its offer was accepted."""
        participant = self._participant(name)
        check_sources(offer, sources)
        peer = participant.publish
        policy = policy or AnswerPolicy(video=self.codec, red=self.around.config.red)
        same_browser = peer is not None and (not peer.fingerprints or peer.fingerprints == offer.fingerprints)
        if peer is not None and peer.session == session and same_browser:
            return peer.accept(offer, sources, policy)
        peer = PublishPeer(self.around, self.name, name, session, self._open, self._close)
        peer.on_closed = self._peer_closed
        try:
            answer = peer.accept(offer, sources, policy)
        except BaseException:
            peer.close()  # its credentials are known to the port already
            raise
        old, participant.publish = participant.publish, peer
        if old is not None:
            old.close()
        return answer

    def subscribe(self, name: str, session: str) -> None:
        """Open, replace or ICE-restart the receiving peer; its offers follow as events."""
        participant = self._participant(name)
        peer = participant.subscribe
        if peer is not None and peer.session == session:
            peer.restart()
        else:
            participant.subscribe = SubscribePeer(self.around, self.name, name, session, self.feeds.get)
            participant.subscribe.on_closed = self._peer_closed
            if peer is not None:
                peer.close()
        self.on_publications(self)

    def play(self, name: str, session: str, offer: RemoteDescription) -> str:
        """Answer the offer of a player; it replaces the one that this participant had."""
        participant = self._participant(name)
        peer = PlayerPeer(self.around, self.name, name, session)
        peer.on_closed = self._peer_closed
        try:
            answer = peer.accept(offer)
        except Exception:
            peer.close()
            raise
        old, participant.play = participant.play, peer
        if old is not None:
            old.close()
        self.on_publications(self)
        return answer

    def answer(self, name: str, session: str, version: int, description: RemoteDescription, now: float) -> bool:
        """The browser's answer to an offer; False when it is stale."""
        peer = self._participant(name).subscribe
        if peer is None or peer.session != session:
            raise NoSuchSessionError("This subscription was replaced or never opened.")
        taken = peer.answer(version, description, now)
        peer.offer(now)
        return taken

    def leave(self, name: str) -> None:
        """Close someone's peers and forget them."""
        participant = self.participants.pop(name, None)
        if participant is not None:
            for peer in participant.peers():
                peer.close()

    def close(self) -> None:
        """Everybody out."""
        for name in list(self.participants):
            self.leave(name)

    def offer(self, now: float) -> None:
        """Bring every subscriber up to date."""
        for name, participant in self.participants.items():
            receiver = participant.subscribe or participant.play
            if receiver is not None:
                receiver.wish([feed for feed in self.feeds.values() if feed.participant != name])
                receiver.offer(now)

    def tick(self, now: float) -> None:
        """Time has passed: give every peer its turn."""
        for publication in self.publications.values():
            publication.measure(now)
        for feed in self.feeds.values():
            feed.measure()
        for peer in self.peers():
            if now < peer.due:
                continue
            try:
                peer.tick(now)
            except Exception as error:  # noqa: BLE001 - one peer's trouble must not stop the others' feedback
                self.around.counters.error("tick_errors", error)

    def peers(self) -> list[Peer]:
        """All peers of the room."""
        return [peer for participant in self.participants.values() for peer in participant.peers()]

    def snapshot(self) -> dict[str, Any]:
        """The room as plain values."""
        return {
            "codec": self.codec,
            "participants": {
                name: {
                    "publish": each.publish.state if each.publish else None,
                    "subscribe": receiver.state if (receiver := each.subscribe or each.play) else None,
                    "sources": {
                        publication.track.source: publication.track.publication
                        for publication in (each.publish.publications.values() if each.publish else ())
                    },
                }
                for name, each in self.participants.items()
            },
        }

    # --- publications ---------------------------------------------------------------------------------------------

    def _open(self, peer: PublishPeer, media: AcceptedMedia, ask: Callable[[], None]) -> Publication:
        number = f"{self.around.random.getrandbits(128):032x}"
        track = Track(number, self.name, peer.participant, media.source, media.kind, media.codec)
        publication = Publication(track, peer.stream, self.taps, self.around.mux.outbox, self.around.counters, ask)
        self.publications[number] = publication
        feed = self._by_key.get(feed_key(publication))
        if feed is None:
            feed = self._by_key[feed_key(publication)] = Feed(publication)
            self.feeds[feed.id] = feed
        else:
            feed.add(publication)
        self.taps.opened(track)
        self._announce(track, "opened")
        return publication

    def _close(self, publication: Publication) -> None:
        track = publication.track
        self.publications.pop(track.publication, None)
        self.around.totals.add(track.source, publication.counts())
        feed = self._by_key[feed_key(publication)]
        feed.remove(publication)
        if not feed:
            del self._by_key[feed_key(publication)], self.feeds[feed.id]
        self.taps.closed(track.publication)
        self._announce(track, "closed")

    def _announce(self, track: Track, state: str) -> None:
        self.around.emit(
            {
                "event": "publication",
                "room": self.name,
                "participant": track.participant,
                "publication": track.publication,
                "source": track.source,
                "kind": track.kind,
                "state": state,
            }
        )
        self.on_publications(self)

    def _peer_closed(self, peer: Peer) -> None:
        participant = self.participants.get(peer.participant)
        if participant is None:
            return
        if participant.publish is peer:
            participant.publish = None
        elif participant.subscribe is peer:
            participant.subscribe = None
        elif participant.play is peer:
            participant.play = None

    def _participant(self, name: str) -> Participant:
        participant = self.participants.get(name)
        if participant is None:
            raise NoSuchParticipantError("This participant did not join the room.")
        return participant


def known_codecs(names: Iterable[str]) -> frozenset[Codec]:
    """The video codecs of the room's choice among what a client says it can send and receive."""
    wanted = {name.upper() for name in names}
    return frozenset(codec for codec in VIDEO_CODECS if codec in wanted)
