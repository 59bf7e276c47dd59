"""What arrives at the subscriber, in bit/s: bytes by the subscriber's own clock."""

from __future__ import annotations

from collections import deque
from typing import Final

SPAN: Final = 0.6
"""Seconds of arrivals that are averaged: some frames, and less than it takes to notice a new cap twice."""
SHORTEST: Final = 0.15
"""Seconds of arrivals below which nothing is said."""


class AckedRate:
    """Bytes that arrived, one entry a message."""

    __slots__ = ("_entries", "_total", "bitrate")

    def __init__(self) -> None:
        self._entries: deque[tuple[float, int]] = deque()
        self._total = 0
        self.bitrate: float | None = None
        """bit/s; None before anything can be said."""

    def clear(self) -> None:
        """Forget all."""
        self._entries.clear()
        self._total = 0
        self.bitrate = None

    def add(self, latest: float, octets: int) -> None:
        """One message: the latest arrival and the bytes that arrived. Late ones are counted with the latest."""
        entries = self._entries
        if entries and not entries[-1][0] <= latest <= entries[-1][0] + 10.0:
            if latest > entries[-1][0] - 1.0 and latest < entries[-1][0]:
                latest = entries[-1][0]
            else:
                self.clear()
        entries.append((latest, octets))
        self._total += octets
        while len(entries) > 2 and latest - entries[1][0] >= SPAN:
            self._total -= entries.popleft()[1]
        span = latest - entries[0][0]
        if span >= SHORTEST:
            # The first entry marks the beginning; its own bytes arrived before it.
            self.bitrate = (self._total - entries[0][1]) * 8 / span
