"""Sequence numbers that wrap: extend 16 bits to a count that never does (RFC 3550 appendix A.1)."""

from __future__ import annotations


def extend(number: int, reference: int) -> int:
    """The count nearest to `reference` whose low 16 bits are `number`. It can be negative near a stream's start."""
    return reference + (((number - reference) + 0x8000) & 0xFFFF) - 0x8000
