"""ISO base media boxes (ISO 14496-12 §4.2): writing them, and walking over those in a byte string."""

from __future__ import annotations

from collections.abc import Iterator

from recorder.errors import Malformed


def box(kind: bytes, *payload: bytes) -> bytes:
    body = b"".join(payload)
    return (8 + len(body)).to_bytes(4, "big") + kind + body


def full_box(kind: bytes, version: int, flags: int, *payload: bytes) -> bytes:
    return box(kind, (version << 24 | flags).to_bytes(4, "big"), *payload)


def walk(data: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[bytes, int, int]]:
    """(kind, start, end) of each whole box between `start` and `end`; stops before one that is not all there.

    Raises Malformed for a size no box can have.
    """
    limit = len(data) if end is None else end
    while start + 8 <= limit:
        size = int.from_bytes(data[start : start + 4], "big")
        if size < 8:
            raise Malformed("box smaller than its header")
        if start + size > limit:
            return
        yield data[start + 4 : start + 8], start, start + size
        start += size


def find(data: bytes, kind: bytes, start: int, end: int) -> tuple[int, int]:
    """Start and end of the first box of a kind; raises Malformed when there is none."""
    for found, begin, stop in walk(data, start, end):
        if found == kind:
            return begin, stop
    raise Malformed(f"no {kind.decode()} box")
