"""STUN as an ICE-lite agent needs it: read and authenticate binding requests, write the answer (RFC 8489, RFC 8445)."""

from __future__ import annotations

import binascii
import hmac
import ipaddress
import struct
from dataclasses import dataclass
from typing import Final

MAGIC_COOKIE: Final = 0x2112A442
MAX_ATTRIBUTES: Final = 24

_BINDING_REQUEST = 0x0001
_BINDING_SUCCESS = 0x0101
_USERNAME = 0x0006
_MESSAGE_INTEGRITY = 0x0008
_XOR_MAPPED_ADDRESS = 0x0020
_USE_CANDIDATE = 0x0025
_FINGERPRINT = 0x8028
_FINGERPRINT_XOR = 0x5354554E

_HEAD = struct.Struct("!HHI12s")
_ATTRIBUTE = struct.Struct("!HH")
_CHECKED = struct.Struct("!HHI")


@dataclass(frozen=True, slots=True)
class BindingRequest:
    """A connectivity check that is well formed; who sent it is known only after `authentic`."""

    transaction: bytes
    local_ufrag: str
    """Our own fragment: the first half of USERNAME (RFC 8445 §7.2.2)."""
    use_candidate: bool
    signed: bytes
    """What the integrity code covers, its length field already corrected (RFC 8489 §14.5)."""
    integrity: bytes

    def authentic(self, password: str) -> bool:
        """Whether MESSAGE-INTEGRITY was made with this password."""
        return hmac.compare_digest(_sign(self.signed, password), self.integrity)


def _sign(data: bytes, password: str) -> bytes:
    return hmac.digest(password.encode(), data, "sha1")


def parse_binding_request(data: bytes) -> BindingRequest | None:
    """The request in a datagram; None for anything else, damaged or unsigned. Never raises."""
    if len(data) < 20 or len(data) % 4:
        return None
    kind, length, cookie, transaction = _HEAD.unpack_from(data)
    if kind != _BINDING_REQUEST or cookie != MAGIC_COOKIE or length != len(data) - 20:
        return None
    username = integrity = None
    signed = b""
    use_candidate = whole = False
    at = 20
    for _ in range(MAX_ATTRIBUTES):
        if at == len(data):
            break
        attribute, size = _ATTRIBUTE.unpack_from(data, at)
        value = data[at + 4 : at + 4 + size]
        if len(value) < size:
            return None
        if attribute == _FINGERPRINT:
            whole = size == 4 and int.from_bytes(value, "big") == _fingerprint(data[:at])
            break
        if integrity is not None:
            pass  # after MESSAGE-INTEGRITY only FINGERPRINT counts (RFC 8489 §14.5)
        elif attribute == _USERNAME:
            username = value
        elif attribute == _USE_CANDIDATE:
            use_candidate = True
        elif attribute == _MESSAGE_INTEGRITY:
            if size != 20:
                return None
            integrity = value
            signed = data[:2] + struct.pack("!H", at + 24 - 20) + data[4:at]
        at += 4 + size + -size % 4
        if at > len(data):
            return None
    # ICE always uses FINGERPRINT (RFC 8445 §7.1).
    if username is None or integrity is None or not whole or at + 8 != len(data):
        return None
    local, _, _ = username.partition(b":")
    try:
        return BindingRequest(transaction, local.decode("ascii"), use_candidate, signed, integrity)
    except UnicodeDecodeError:
        return None


def peek_ufrag(data: bytes) -> str:
    """The fragment that a check names, without looking at anything else of it; "" when there is none."""
    at = 20
    for _ in range(MAX_ATTRIBUTES):
        if at + 4 > len(data):
            break
        attribute, size = _ATTRIBUTE.unpack_from(data, at)
        if attribute == _USERNAME:
            return data[at + 4 : at + 4 + size].partition(b":")[0].decode("ascii", "replace")
        at += 4 + size + -size % 4
    return ""


def mapped_address(host: str, port: int) -> bytes:
    """The value of XOR-MAPPED-ADDRESS for this address (RFC 8489 §14.2), but for what depends on the transaction."""
    address = ipaddress.ip_address(host)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    begin = int.from_bytes(address.packed[:4], "big") ^ MAGIC_COOKIE
    return (
        struct.pack("!BBHI", 0, 1 if address.version == 4 else 2, port ^ MAGIC_COOKIE >> 16, begin) + address.packed[4:]
    )


def binding_success(transaction: bytes, mapped: bytes, password: str) -> bytes:
    """The signed answer to a check that came from this `mapped_address`."""
    if len(mapped) > 8:
        rest = int.from_bytes(mapped[8:], "big") ^ int.from_bytes(transaction, "big")
        mapped = mapped[:8] + rest.to_bytes(12, "big")
    body = _ATTRIBUTE.pack(_XOR_MAPPED_ADDRESS, len(mapped)) + mapped
    # The length field counts each of the two last attributes before it is computed (§14.5, §14.7).
    length = len(body)
    signed = _HEAD.pack(_BINDING_SUCCESS, length + 24, MAGIC_COOKIE, transaction) + body
    body += _ATTRIBUTE.pack(_MESSAGE_INTEGRITY, 20) + _sign(signed, password)
    message = _HEAD.pack(_BINDING_SUCCESS, length + 32, MAGIC_COOKIE, transaction) + body
    return message + _CHECKED.pack(_FINGERPRINT, 4, _fingerprint(message))


def _fingerprint(data: bytes) -> int:
    return binascii.crc32(data) ^ _FINGERPRINT_XOR
