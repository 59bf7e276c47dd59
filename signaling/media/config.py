"""What one media worker is told when it starts: its port, the addresses it advertises, and its bounds."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MediaConfig:
    """Settings of one media plane.

    `port` serves UDP and (with `tcp`) TCP; 0 takes a free one. `bind` is one local address; "" or "::" listens on
    IPv4 and IPv6 together. `advertised` are the addresses put into candidates, best first. Times are in seconds.
    """

    port: int
    bind: str = "0.0.0.0"
    advertised: tuple[str, ...] = ("127.0.0.1",)
    tcp: bool = True
    red: bool = True
    """Ask publishers for redundant audio (RFC 2198), which heals single losses without a round trip."""
    max_peers: int = 2000
    max_rooms: int = 500
    max_participants: int = 200
    """Participants of one room."""
    max_handshakes: int = 400
    """Peers that have not finished DTLS: beyond this, new ones are refused."""
    silent_after: float = 3.0
    """Nothing heard for this long: the peer is "disconnected"."""
    consent_expires: float = 30.0
    """Nothing heard for this long: the peer is "failed" and nothing more is sent to it (RFC 7675 §5.1)."""
    seat_kept: float = 120.0
    """How long a failed peer keeps its keys and its seat, so that any authenticated packet revives it."""
    answer_within: float = 10.0
    """How long an offer may stay unanswered before a new one takes its place."""

    def __post_init__(self) -> None:
        """Refuse what could never work, with a sentence that names the setting."""
        if not 0 <= self.port <= 65_535:
            raise ValueError(f"media port {self.port} is not a port number")
        if not self.advertised:
            raise ValueError("no address to advertise: name at least one in media host")
        for address in self.advertised:
            try:
                ipaddress.ip_address(address)
            except ValueError:
                raise ValueError(f"media host {address!r} is not an IP address") from None
