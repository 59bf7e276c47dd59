"""What a peer's silence means: connecting, connected, disconnected, failed, closed. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PeerState = Literal["connecting", "connected", "disconnected", "failed", "closed"]


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds of silence until a peer is disconnected, failed, and closed (the last counted from failing)."""

    silent: float = 3.0
    consent: float = 30.0
    seat: float = 120.0


class Liveness:
    """One peer's state. Each method returns the new state when it changed, else None."""

    __slots__ = ("_heard", "_patience", "_secured", "state")

    def __init__(self, patience: Patience, now: float) -> None:
        self._patience = patience
        self._heard = now
        self._secured = False
        self.state: PeerState = "connecting"

    def heard(self, now: float) -> PeerState | None:
        """Something authentic came (RFC 7675: any check or packet that proves the peer wants us to go on)."""
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
        if silence >= patience.silent and self.state == "connected":
            return self._enter("disconnected")
        return None

    def _enter(self, state: PeerState) -> PeerState | None:
        if self.state in (state, "closed"):
            return None
        self.state = state
        return state
