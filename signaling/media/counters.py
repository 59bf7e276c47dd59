"""Counts of what was forwarded, answered or dropped: what /metrics shows, and why nothing is dropped silently."""

from __future__ import annotations

import logging
from collections import defaultdict

_log = logging.getLogger(__name__)


class Counters:
    """Named counts that only grow. Names are fixed words of the code, never anything that came from outside."""

    __slots__ = ("_counts", "_logged")

    def __init__(self) -> None:
        self._counts: defaultdict[str, int] = defaultdict(int)
        self._logged: set[str] = set()

    def add(self, name: str, amount: int = 1) -> None:
        """Count."""
        self._counts[name] += amount

    def error(self, name: str, error: BaseException) -> None:
        """Count a failure and log the first of its kind: one bad packet must not fill a disk."""
        self._counts[name] += 1
        kind = f"{name}/{type(error).__name__}"
        if kind not in self._logged:
            self._logged.add(kind)
            _log.error("%s: first of its kind, later ones are only counted", name, exc_info=error)

    def get(self, name: str) -> int:
        """One count; 0 when nothing was counted."""
        return self._counts.get(name, 0)

    def snapshot(self) -> dict[str, int]:
        """All counts."""
        return dict(sorted(self._counts.items()))
