"""Where a webhook may go: the name is resolved once, every address is checked, and only those are connected to."""

from __future__ import annotations

import ipaddress
import socket

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class ForbiddenTarget(OSError):
    """The target lies where requests from the server must not go."""


def is_allowed(text: str, *, allow_private: bool) -> bool:
    """Whether an address may be connected to.

    Only global unicast ones, unless private networks are allowed; those then include loopback, but never link-local
    addresses, where clouds keep their credentials, nor multicast or reserved ones.
    """
    address: Address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is not None and not is_allowed(str(inner), allow_private=allow_private):
            return False
    if address.is_link_local or address.is_multicast or address.is_unspecified:
        return False
    if address.is_global and not address.is_reserved:
        return True
    return allow_private and (address.is_private or address.is_loopback)


def check_url(text: str, *, allow_private: bool) -> URL:
    """The URL of a webhook. Raises ForbiddenTarget for other schemes, credentials in it, and forbidden addresses."""
    url = URL(text)
    if url.scheme not in ("http", "https") or not url.host or url.user is not None or url.password is not None:
        raise ForbiddenTarget("a webhook's address is http or https and holds no user name")
    try:
        ipaddress.ip_address(url.host.partition("%")[0])
    except ValueError:
        return url  # a name: `PinnedResolver` checks what it means
    if not is_allowed(url.host, allow_private=allow_private):
        raise ForbiddenTarget("the webhook's address is not allowed")
    return url


class PinnedResolver(AbstractResolver):
    """Gives a connection only addresses that were checked, so that no second look-up can lead elsewhere."""

    def __init__(self, *, allow_private: bool, inner: AbstractResolver | None = None) -> None:
        self._allow_private = allow_private
        self._inner = inner or ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        if not found or not all(is_allowed(one["host"], allow_private=self._allow_private) for one in found):
            raise ForbiddenTarget(f"{host} leads to an address that is not allowed")
        return found

    async def close(self) -> None:
        await self._inner.close()
