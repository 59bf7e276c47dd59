"""Counting failed sign-ins, per account and per source address, in memory or in Redis."""

from __future__ import annotations

import ipaddress
import time

from limits import RateLimitItem, parse
from limits.aio.strategies import MovingWindowRateLimiter
from limits.storage import storage_from_string

from tele.domain.refusals import TooMany

FAILURES = "10 per 15 minutes"


class Attempts:
    """Says `too-many-attempts` when an account or an address has failed too often. Successes are not counted."""

    def __init__(self, redis_url: str = "", rate: str = FAILURES) -> None:
        storage = storage_from_string(f"async+{redis_url}" if redis_url else "async+memory://")
        self._limiter = MovingWindowRateLimiter(storage)
        self._rate: RateLimitItem = parse(rate)

    async def check(self, username: str, source: str) -> None:
        """Raises TooMany while either has used up its failures."""
        for key in self._keys(username, source):
            if not await self._limiter.test(self._rate, *key):
                window = await self._limiter.get_window_stats(self._rate, *key)
                raise TooMany("too-many-attempts", max(1, int(window.reset_time - time.time())))

    async def failed(self, username: str, source: str) -> None:
        """Count one failure against both."""
        for key in self._keys(username, source):
            await self._limiter.hit(self._rate, *key)

    async def succeeded(self, username: str) -> None:
        """The account's own count starts anew; the address's does not, or one valid account would open it again."""
        await self._limiter.clear(self._rate, "sign-in", "account", username)

    @staticmethod
    def _keys(username: str, source: str) -> tuple[tuple[str, str, str], tuple[str, str, str]]:
        try:
            address = ipaddress.ip_address(source)
            if address.version == 6:  # one subscriber holds a whole /64
                source = str(ipaddress.ip_network((address, 64), strict=False))
        except ValueError:
            source = "unknown"
        return ("sign-in", "account", username), ("sign-in", "source", source)
