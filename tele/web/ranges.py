"""Byte ranges of a file that is sent in pieces (RFC 9110 §14)."""

from __future__ import annotations

import re

from tele.domain.refusals import Refusal

_ONE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")


class Unsatisfiable(Refusal):
    """416: the range begins after the end."""


def parse_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Start (inclusive) and end (exclusive) of the one range asked for; None: send it all.

    A header that is no single range of bytes is ignored (§14.2). Raises Unsatisfiable.
    """
    found = _ONE.fullmatch(header.replace(" ", "")) if header else None
    if not found or found.group(1) == found.group(2) == "":
        return None
    first, last = found.groups()
    if first == "":  # the last so many bytes
        start, end = max(0, size - int(last)), size
        if int(last) == 0:
            raise Unsatisfiable("range")
    else:
        start = int(first)
        end = min(size, int(last) + 1) if last else size
        if last and int(last) < start:
            return None
    if start >= size:
        raise Unsatisfiable("range")
    return start, end
