"""What a peer's silence means: connecting, connected, disconnected, failed, closed. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

PeerState = Literal["connecting", "connected", "disconnected", "failed", "closed"]


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds of silence until a peer is disconnected, failed, and closed (the last counted from failing)."""

    silent: float = 3.0
    """After a stream of packets."""
    consent: float = 30.0
    seat: float = 120.0
    idle: float = 7.0
    """Until a peer with nothing to send is disconnected: Chromium checks it every 2.5 s, others every 4 to 6 (RFC 7675
    §5.1), and one check may be lost."""


STREAMING: Final = 1.0
"""Seconds between two signs of life below which a peer is sending a stream."""


class Liveness:
    """One peer's state. Each method returns the new state when it changed, else None."""

    __slots__ = ("_heard", "_patience", "_secured", "_streams", "state")

    def __init__(self, patience: Patience, now: float) -> None:
        self._patience = patience
        self._heard = now
        self._secured = False
        self._streams = False
        self.state: PeerState = "connecting"

    def heard(self, now: float) -> PeerState | None:
        """Something authentic came (RFC 7675: any check or packet that proves the peer wants us to go on)."""
        self._streams = now - self._heard < STREAMING
        self._heard = now
        if self.state in ("disconnected", "failed") and self._secured:
            return self._enter("connected")
        return None

    def secured(self, now: float) -> PeerState | None:
        """DTLS is done."""
        self._heard = now
        self._secured = True
        return self._enter("connected")

    def closed(self) -> PeerState | None:
        """The peer said good-bye, or was put out."""
        return self._enter("closed")

    def tick(self, now: float) -> PeerState | None:
        """Time has passed."""
        silence = now - self._heard
        patience = self._patience
        if silence >= patience.consent + patience.seat:
            return self._enter("closed")
        if silence >= patience.consent:
            return self._enter("failed")
        if silence >= (patience.silent if self._streams else patience.idle) and self.state == "connected":
            return self._enter("disconnected")
        return None

    def _enter(self, state: PeerState) -> PeerState | None:
        if self.state in (state, "closed"):
            return None
        self.state = state
        return state
