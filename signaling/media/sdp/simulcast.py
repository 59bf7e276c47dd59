"""Simulcast by rid (RFC 8853, RFC 8851): which layers an offer lists, which are taken, what the answer says of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

MAX_RIDS: Final = 8
"""Layers read of one m-section; browsers send three."""
_RID: Final = re.compile(r"[A-Za-z0-9_-]{1,16}")
"""RFC 8851 §10; a one-byte header extension carries up to 16 bytes (RFC 8285 §4.2)."""
_LARGE: Final = re.compile(r"(f|full|h|hi|high|large|0)", re.IGNORECASE)
_SMALL: Final = re.compile(r"(q|quarter|l|lo|low|s|small)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Rid:
    """One layer that a browser offers to send."""

    name: str
    pixels: int = 0
    """By its restrictions (RFC 8851 §5: max-width, max-height); 0 when it has none."""


def read(lines: Sequence[str]) -> tuple[Rid, ...]:
    """The layers that an m-section of an offer sends, in its order; none without both `a=rid` and `a=simulcast`."""
    known: dict[str, Rid] = {}
    sent: list[str] = []
    for line in lines:
        if line.startswith("a=rid:"):
            name, direction, *restrictions = [*line[6:].split(" ", 2), ""][:3]
            if direction == "send" and _RID.fullmatch(name):
                known[name] = Rid(name, _pixels(restrictions[0]))
        elif line.startswith("a=simulcast:"):
            words = line[12:].split()
            for direction, value in zip(words[::2], words[1::2], strict=False):
                if direction == "send":
                    # Alternatives are separated by commas, best first; a tilde marks what begins paused.
                    sent = [each.split(",")[0].lstrip("~") for each in value.split(";")]
    return tuple(known[name] for name in dict.fromkeys(sent) if name in known)[:MAX_RIDS]


def choose(rids: Sequence[Rid]) -> tuple[str, ...]:
    """The layers to take, the larger one first: the first and the last that are listed; or the only one.

    Nothing says which is which for certain, for the order is the sender's preference (RFC 8853 §5.2). Restrictions
    tell, then names; else the last is the larger one, as browsers scale when they are told nothing (webrtc-pc §5.2).
    """
    if len(rids) < 2:
        return tuple(rid.name for rid in rids)
    first, last = rids[0], rids[-1]
    if first.pixels and last.pixels and first.pixels != last.pixels:
        first_is_larger = first.pixels > last.pixels
    else:
        first_is_larger = bool(_LARGE.fullmatch(first.name)) and not _LARGE.fullmatch(last.name)
        first_is_larger = first_is_larger or (bool(_SMALL.fullmatch(last.name)) and not _SMALL.fullmatch(first.name))
    return (first.name, last.name) if first_is_larger else (last.name, first.name)


def answer_lines(names: Sequence[str]) -> list[str]:
    """What an answer says of the layers that are taken; those it leaves out are not sent (RFC 8853 §5.3.2)."""
    if len(names) < 2:
        return []
    return [*(f"a=rid:{name} recv" for name in names), f"a=simulcast:recv {';'.join(names)}"]


def _pixels(restrictions: str) -> int:
    values = dict(each.partition("=")[::2] for each in restrictions.split(";"))
    width, height = values.get("max-width", ""), values.get("max-height", "")
    if not (width.isdecimal() and height.isdecimal() and len(width) < 6 and len(height) < 6):
        return 0
    return int(width) * int(height)
