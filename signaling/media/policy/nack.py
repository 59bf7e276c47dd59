"""Ask a publisher for what got lost: which numbers are missing, when to ask for them again, when to give up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

FIRST_RETRY: Final = 0.05
"""Seconds until the second request; each later one waits twice as long, up to LAST_RETRY."""
LAST_RETRY: Final = 0.4
MAX_REQUESTS: Final = 6
MAX_MISSING: Final = 256
"""Numbers remembered as missing. A larger hole is an outage, which a keyframe heals and retransmission does not."""


@dataclass(slots=True)
class _Missing:
    requests: int
    next_at: float


class LossTracker:
    """Watches one stream's extended numbers. Pure: the caller sends what `due` returns as generic NACKs."""

    __slots__ = ("_highest", "_missing", "given_up", "requested")

    def __init__(self) -> None:
        self._highest: int | None = None
        self._missing: dict[int, _Missing] = {}
        self.requested = 0
        self.given_up = 0

    def received(self, number: int, now: float) -> bool:
        """Note one packet; True when it shows a hole that should be asked for at once."""
        if self._highest is None:
            self._highest = number
            return False
        if number <= self._highest:
            self._missing.pop(number, None)
            return False
        first, self._highest = self._highest + 1, number
        if number == first:
            return False
        if number - first + len(self._missing) > MAX_MISSING:
            self.given_up += len(self._missing) + number - first
            self._missing.clear()
            return False
        for lost in range(first, number):
            self._missing[lost] = _Missing(0, now)
        return True

    def due(self, now: float) -> list[int]:
        """The 16-bit numbers to ask for now, in order."""
        if not self._missing:
            return []
        wanted: list[int] = []
        for number, missing in list(self._missing.items()):
            if missing.next_at > now:
                continue
            if missing.requests >= MAX_REQUESTS:
                del self._missing[number]
                self.given_up += 1
                continue
            missing.next_at = now + min(LAST_RETRY, FIRST_RETRY * 2**missing.requests)
            missing.requests += 1
            wanted.append(number & 0xFFFF)
        self.requested += len(wanted)
        return wanted
