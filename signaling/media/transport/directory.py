"""Which peer an address, a user fragment or an SSRC belongs to, and by which ways a peer can be reached."""

from __future__ import annotations

from collections.abc import Hashable
from itertools import islice
from typing import Any, Final, Protocol

from signaling.media.packets import stun
from signaling.media.policy.ice import IceAgent
from signaling.media.transport import address
from signaling.media.transport.batch import PinnedAddress, Slot
from signaling.media.transport.tcp import TcpConnection

MAX_PATHS: Final = 16
"""Addresses remembered per peer: a browser has a handful of interfaces."""
MAX_SSRCS: Final = 128
"""SSRCs remembered per peer."""
MAX_RIVALS: Final = 4
"""Peers of one SSRC whose keys are tried. Two that meet are chance (2^-32 each); many are somebody's doing."""

Key = bytes | TcpConnection
"""What a datagram came from: a sockaddr, or a connection."""


class Way:
    """Where datagrams can be sent: a UDP address, or a TCP connection."""

    __slots__ = ("_pinned", "connection", "key", "mapped", "pointer")

    def __init__(self, key: Key) -> None:
        self.key = key
        if isinstance(key, bytes):
            self.connection: TcpConnection | None = None
            self._pinned: PinnedAddress | None = PinnedAddress(key)
            self.pointer = self._pinned.pointer
            host, port = address.decode(key)
        else:
            self.connection = key
            self._pinned = None
            self.pointer = 0
            host, port = key.host, key.port
        self.mapped = stun.mapped_address(host, port)
        """How checks from there are answered."""


class Path(Way):
    """One way to a peer."""

    __slots__ = ("peer",)

    def __init__(self, peer: MuxPeer, key: Key) -> None:
        super().__init__(key)
        self.peer = peer


class MuxPeer(Hashable, Protocol):
    """What the port needs to know of a peer."""

    agent: IceAgent[Path]
    keys: Any
    """None until the handshake is done."""

    def on_check(self, path: Path, nominated: bool, now: float) -> None:
        """An authentic connectivity check came."""

    def on_dtls(self, data: bytes) -> None:
        """A DTLS record came from an address that has passed a check."""

    def on_srtp(self, slot: Slot, size: int, path: Path, now: float) -> bool:
        """SRTP or SRTCP came; False when it is not authentic."""

    def on_path_lost(self, path: Path, now: float) -> None:
        """A TCP connection closed."""


class Directory:
    """Everything that leads from a datagram to a peer. Each peer's share of it is bounded."""

    def __init__(self) -> None:
        self.paths: dict[Key, Path] = {}
        self._keys: dict[MuxPeer, list[Key]] = {}
        self._ufrags: dict[str, MuxPeer] = {}
        self._ssrcs: dict[int, tuple[MuxPeer, ...]] = {}
        self._heard: dict[MuxPeer, dict[int, None]] = {}

    def add_ufrag(self, ufrag: str, peer: MuxPeer) -> None:
        """Checks that name this fragment are for this peer."""
        self._ufrags[ufrag] = peer

    def remove_ufrag(self, ufrag: str) -> None:
        """A generation of credentials is over."""
        self._ufrags.pop(ufrag, None)

    def by_ufrag(self, ufrag: str) -> MuxPeer | None:
        """Whom a check is for."""
        return self._ufrags.get(ufrag)

    def add_ssrc(self, ssrc: int, peer: MuxPeer) -> None:
        """This peer was heard to send with this SSRC."""
        heard = self._heard.setdefault(peer, {})
        if ssrc in heard:
            return
        if len(heard) >= MAX_SSRCS:
            self._remove_ssrc(next(iter(heard)), peer)
        heard[ssrc] = None
        self._ssrcs[ssrc] = (*self._ssrcs.get(ssrc, ()), peer)

    def by_ssrc(self, ssrc: int) -> tuple[MuxPeer, ...]:
        """Who may have sent media with this SSRC: those heard last, MAX_RIVALS at most. Only their keys tell."""
        return self._ssrcs.get(ssrc, ())[-MAX_RIVALS:]

    def reporting_as(self, ssrc: int, now: float) -> tuple[MuxPeer, ...]:
        """Who may have sent a report with this SSRC from an address that is nobody's: of those who use it (in Chromium
        every connection that only receives uses SSRC 1) the ones of whom nothing is heard where they were."""
        silent = (peer for peer in reversed(self._ssrcs.get(ssrc, ())) if peer.agent.silent(now))
        return tuple(islice(silent, 2 * MAX_RIVALS))

    def remember(self, path: Path) -> TcpConnection | None:
        """The peer proved that it is there. Returns a connection that is one too many for it and has to be closed."""
        self.paths[path.key] = path
        keys = self._keys.setdefault(path.peer, [])
        keys.append(path.key)
        if len(keys) <= MAX_PATHS:
            return None
        oldest = next(each for each in keys if self.paths.get(each) is not path.peer.agent.path)
        keys.remove(oldest)
        known = self.paths.get(oldest)
        if known is None or known.peer is not path.peer:
            return None
        del self.paths[oldest]
        return known.connection

    def lose(self, connection: TcpConnection) -> Path | None:
        """A connection is gone; returns the path that it was."""
        path = self.paths.pop(connection, None)
        if path is not None:
            keys = self._keys.get(path.peer, [])
            if connection in keys:
                keys.remove(connection)
        return path

    def forget(self, peer: MuxPeer) -> list[TcpConnection]:
        """A peer is gone: nothing leads to it any more. Returns its connections, to be closed."""
        for credentials in peer.agent.generations:
            self._ufrags.pop(credentials.ufrag, None)
        connections: list[TcpConnection] = []
        for key in self._keys.pop(peer, []):
            path = self.paths.get(key)
            if path is not None and path.peer is peer:
                del self.paths[key]
                if path.connection is not None:
                    connections.append(path.connection)
        for ssrc in list(self._heard.get(peer, ())):
            self._remove_ssrc(ssrc, peer)
        self._heard.pop(peer, None)
        return connections

    def sizes(self) -> dict[str, int]:
        """How much is remembered, by kind."""
        return {"paths": len(self.paths), "ufrags": len(self._ufrags), "ssrcs": len(self._ssrcs)}

    def _remove_ssrc(self, ssrc: int, peer: MuxPeer) -> None:
        self._heard[peer].pop(ssrc, None)
        rest = tuple(each for each in self._ssrcs.get(ssrc, ()) if each is not peer)
        if rest:
            self._ssrcs[ssrc] = rest
        else:
            self._ssrcs.pop(ssrc, None)
