"""Redundant audio (RFC 2198): find the newest block of a packet, which is what a listener without RED needs."""

from __future__ import annotations


def primary_block(payload: bytes) -> bytes | None:
    """The primary encoding of a RED payload; None when the payload is malformed.

    Each redundant block has a 4-byte header with its length, the primary a 1-byte header (§3); blocks follow in the
    same order, the primary last.
    """
    at = redundant = 0
    while at < len(payload):
        if not payload[at] & 0x80:
            start = at + 1 + redundant
            return payload[start:] if start <= len(payload) else None
        if at + 4 > len(payload):
            return None
        redundant += (payload[at + 2] & 0x03) << 8 | payload[at + 3]
        at += 4
    return None
