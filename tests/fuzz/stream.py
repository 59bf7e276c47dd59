"""A fuzzer's one byte string as several packets: a flag byte, a 16-bit length, that many bytes, and again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

MAX_RECORDS: Final = 256


def split(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Flags and bytes of each record; the last one may be cut short."""
    at = 0
    for _ in range(MAX_RECORDS):
        if at + 3 > len(data):
            return
        end = at + 3 + int.from_bytes(data[at + 1 : at + 3], "big")
        yield data[at], data[at + 3 : end]
        at = end


def join(records: Iterable[tuple[int, bytes]]) -> bytes:
    """The byte string of these records."""
    return b"".join(bytes((flags,)) + len(data).to_bytes(2, "big") + data for flags, data in records)
