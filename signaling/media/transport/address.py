"""Socket addresses as the kernel writes them: the bytes are a path's key, and what a batch of sends points to."""

from __future__ import annotations

import ipaddress
import socket
import struct

_PORT = struct.Struct("!H")
_MAPPED = bytes(10) + b"\xff\xff"
_FAMILY = struct.Struct("=H")
SIZE = {socket.AF_INET: 16, socket.AF_INET6: 28}
"""Bytes of a sockaddr_in and a sockaddr_in6."""


def encode(family: socket.AddressFamily, host: str, port: int) -> bytes:
    """The sockaddr of an address for a socket of this family; an IPv4 host is mapped for an IPv6 socket."""
    address = ipaddress.ip_address(host)
    if family == socket.AF_INET:
        if address.version != 4:
            raise ValueError(f"{host} is no IPv4 address")
        return _FAMILY.pack(family) + _PORT.pack(port) + address.packed + bytes(8)
    packed = _MAPPED + address.packed if address.version == 4 else address.packed
    return _FAMILY.pack(family) + _PORT.pack(port) + bytes(4) + packed + bytes(4)


def network(sockaddr: bytes) -> bytes:
    """Who is behind an address as far as limits go: an IPv4 address, or the /64 that one IPv6 site has to itself."""
    if _FAMILY.unpack_from(sockaddr)[0] == socket.AF_INET:
        return sockaddr[4:8]
    return sockaddr[20:24] if sockaddr[8:20] == _MAPPED else sockaddr[8:16]


def decode(sockaddr: bytes) -> tuple[str, int]:
    """Host and port of a sockaddr; an IPv4 address mapped into IPv6 comes out as IPv4."""
    port = _PORT.unpack_from(sockaddr, 2)[0]
    if _FAMILY.unpack_from(sockaddr)[0] == socket.AF_INET:
        return socket.inet_ntop(socket.AF_INET, sockaddr[4:8]), port
    packed = sockaddr[8:24]
    if packed[:12] == _MAPPED:
        return socket.inet_ntop(socket.AF_INET, packed[12:]), port
    return socket.inet_ntop(socket.AF_INET6, packed), port
