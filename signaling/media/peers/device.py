"""Devices and players that come by HTTP (RFC 9725): one offer, one answer, ICE changes, an end. Over a `Room`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from signaling.media.errors import NoSuchSessionError, StaleIceError
from signaling.media.peers.peer import Peer
from signaling.media.peers.room import Room
from signaling.media.sdp import fragment, whip
from signaling.media.sdp.parse import RemoteDescription


@dataclass(frozen=True, slots=True)
class Entrance:
    """How a device came in: the answer for it, what identifies its ICE session, and the kinds of media."""

    sdp: str
    ice: str
    kinds: tuple[str, ...]

    def plain(self) -> dict[str, Any]:
        """As the command returns it."""
        return {"sdp": self.sdp, "ice": self.ice, "kinds": list(self.kinds)}


Enter = Callable[[Room, str, str, RemoteDescription], Entrance]


def ingest(room: Room, name: str, session: str, offer: RemoteDescription) -> Entrance:
    """Let a device send; its offer is taken whole or not at all. Raises UnacceptableSdpError or BadSdpError."""
    sources = whip.sources(offer)
    policy = whip.policy(offer, room.codec, red=room.around.config.red)
    # No codecs: a device hears nothing, so that it has no say in what the others use.
    known = name in room.participants
    room.join(name, frozenset())
    try:
        answer = room.publish(name, session, offer, sources, policy)
    except Exception:
        if not known:
            room.leave(name)
        raise
    peer = _peer(room, name, session)
    return Entrance(whip.exclusive(answer), _ice(peer), tuple(media.kind for media in offer.media))


def play(room: Room, name: str, session: str, offer: RemoteDescription) -> Entrance:
    """Let a player receive what its offer has room for. Raises UnacceptableSdpError."""
    known = name in room.participants
    room.join(name, frozenset())
    try:
        answer = room.play(name, session, offer)
    except Exception:
        if not known:
            room.leave(name)
        raise
    return Entrance(answer, _ice(_peer(room, name, session)), tuple(media.kind for media in offer.media))


def patch(room: Room, name: str, session: str, match: list[str], change: fragment.Fragment) -> tuple[str, str | None]:
    """An ICE change: the name of the ICE session, and the fragment for the client when it is a new one.

    `match` are the names that the client takes for the present one; "*" is any. Raises StaleIceError when none fits.
    """
    peer = _peer(room, name, session)
    if "*" not in match and _ice(peer) not in match:
        raise StaleIceError("The ICE session has been replaced.")
    if not change.ufrag or change.ufrag == peer.remote_ufrag:
        return _ice(peer), None
    answer = fragment.make(peer.restart_by(change.ufrag), change.head)
    return _ice(peer), answer


def end(room: Room, name: str, session: str) -> None:
    """The client is done. Raises NoSuchSessionError for a session that was replaced or never was."""
    _peer(room, name, session)
    room.leave(name)


def _ice(peer: Peer) -> str:
    return peer.agent.credentials.ufrag


def _peer(room: Room, name: str, session: str) -> Peer:
    participant = room.participants.get(name)
    for peer in participant.peers() if participant is not None else ():
        if peer.session == session:
            return peer
    raise NoSuchSessionError("This session was replaced, has ended, or never was.")
