"""Beginnings of keyframes that wait until the pictures before them are whole.

Browsers forget the pictures before a keyframe once they have it: what is sent again of them later is thrown away, and
the picture stands still up to the keyframe. Where pictures are held for repairs, a keyframe without its first packet
holds everything in its place at the cost of that one packet.
"""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

from signaling.media.policy.nack import LossTracker

SPARE: Final = 0.1
"""Seconds before a keyframe is to be shown at which it is sent, whatever is missing before it."""
MOST: Final = 16
"""Beginnings that wait at once. A browser sends two packets of each keyframe that count as one, and few keyframes."""


class Beginning(NamedTuple):
    """The first packet of a keyframe, as `Publication.packet` takes it."""

    number: int
    timestamp: int
    marker: bool
    payload: bytes
    until: float
    """When it is sent at the latest."""


class Gate:
    """The beginnings of one stream that wait, in the order in which they came. Pure."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: deque[Beginning] = deque()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def __contains__(self, number: int) -> bool:
        return any(each.number == number for each in self._waiting)

    @property
    def full(self) -> bool:
        """Whether it has no place for another one."""
        return len(self._waiting) >= MOST

    def keep(self, beginning: Beginning) -> None:
        """Let it wait."""
        self._waiting.append(beginning)

    def open(self, losses: LossTracker, now: float) -> list[Beginning]:
        """Those that need not, or may not, wait any longer."""
        ready: list[Beginning] = []
        while self._waiting:
            first = self._waiting[0]
            if now < first.until and losses.missing_before(first.number):
                break
            ready.append(self._waiting.popleft())
        return ready
