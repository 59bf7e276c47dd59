"""Where a request really comes from: the caller's address, our own origin, and what another site made it send."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from aiohttp import web

from tele.domain.refusals import Forbidden

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Edge:
    """How this server is reached. `public_url` is its address as browsers see it; empty: whatever Host says."""

    public_url: str = ""
    tls: bool = False
    trusted_proxies: tuple[Network, ...] = field(default=())

    @property
    def secure(self) -> bool:
        """Whether browsers reach us by HTTPS: cookies are then `__Host-` and Secure."""
        return self.tls or self.public_url.startswith("https://")

    @property
    def cookie(self) -> str:
        """Name of the session cookie."""
        return "__Host-tele_session" if self.secure else "tele_session"

    def address(self, request: web.Request) -> str:
        """The caller's IP address; a trusted proxy's word is taken, nobody else's."""
        address = request.remote or ""
        for hop in reversed(request.headers.get("X-Forwarded-For", "").split(",")):
            if not self._trusts(address) or not hop.strip():
                break
            address = hop.strip()
        return address

    def origin(self, request: web.Request) -> str:
        """Our own origin (RFC 6454) as the caller should know it."""
        if self.public_url:
            parts = urlsplit(self.public_url)
            return f"{parts.scheme}://{parts.netloc}".lower()
        return f"{'https' if self.tls else 'http'}://{request.host}".lower()

    def is_own(self, request: web.Request) -> bool:
        """Whether our own page, or something that is no browser, sent this.

        Browsers say Sec-Fetch-Site on each request and Origin on each that changes something (Fetch §3.2); what says
        neither is no browser and carries nobody's cookies against their will.
        """
        origin = request.headers.get("Origin")
        if origin is not None:
            return origin.lower() == self.origin(request)
        return request.headers.get("Sec-Fetch-Site", "none") in ("same-origin", "none")

    def refuse_foreign(self, request: web.Request) -> None:
        """Raise Forbidden for a state-changing request that another site caused."""
        if request.method not in SAFE and not self.is_own(request):
            raise Forbidden("cross-site")

    def _trusts(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self.trusted_proxies)
