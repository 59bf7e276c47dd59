"""Delivery directives of a playlist request (RFC 8216bis §6.2.5), and whether it can be answered yet."""

from __future__ import annotations

import enum
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from recorder.playlist_live import Edge

_NUMBER = re.compile(r"[0-9]{1,9}")
ADVANCE_SEGMENTS = 2
"""Whole segments beyond the last that may be asked for."""


class BadDirective(ValueError):
    """A request that no player makes: answered with 400."""


class Answer(enum.Enum):
    """What becomes of a request at present."""

    NOW = enum.auto()
    WAIT = enum.auto()
    REFUSE = enum.auto()


@dataclass(frozen=True, slots=True)
class Directives:
    """`msn` and `part` that the answer must contain, None where they were not given; `skip` for a delta update."""

    msn: int | None = None
    part: int | None = None
    skip: bool = False


def parse(query: Mapping[str, str]) -> Directives:
    """Read a request's query; raises BadDirective. Parameters of others are none of ours."""
    msn, part = _number(query, "_HLS_msn"), _number(query, "_HLS_part")
    if part is not None and msn is None:
        raise BadDirective("_HLS_part needs _HLS_msn")
    return Directives(msn, part, query.get("_HLS_skip") in ("YES", "v2"))


def _number(query: Mapping[str, str], name: str) -> int | None:
    value = query.get(name)
    if value is None:
        return None
    if not _NUMBER.fullmatch(value):
        raise BadDirective(f"{name} is a decimal number")
    return int(value)


def answer(asked: Directives, edge: Edge, target: float) -> Answer:
    """Whether a playlist that stands at `edge`, its parts of `target` seconds, has what was asked for."""
    if edge.ended or asked.msn is None:
        return Answer.NOW
    msn, part = asked.msn, asked.part
    if msn > edge.msn + ADVANCE_SEGMENTS:
        return Answer.REFUSE
    if part is None:
        return Answer.NOW if msn <= edge.msn else Answer.WAIT
    if msn <= edge.msn and part >= edge.lengths.get(msn, part + 1):
        # Beyond a segment's last part it is the first of the next one that is asked for.
        msn, part = msn + 1, 0
    if msn <= edge.msn or (msn == edge.msn + 1 and part < edge.parts):
        return Answer.NOW
    ahead = part + 1 - edge.parts if msn == edge.msn + 1 else part + 1
    return Answer.REFUSE if ahead > advance_parts(target) else Answer.WAIT


def advance_parts(target: float) -> int:
    """The Advance Part Limit (§6.2.5.2): so many parts beyond the last may be asked for."""
    return math.ceil(3 / target) if target < 1 else 3
