"""What publications that have ended came to, by source, so that a worker's counts only grow."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping

from tele.domain.media import Source


class SourceTotals:
    """Sums of counts; the names are those of `Publication.counts`."""

    def __init__(self) -> None:
        self._ended: defaultdict[Source, Counter[str]] = defaultdict(Counter)

    def add(self, source: Source, counts: Mapping[str, int]) -> None:
        """A publication of this source ended."""
        self._ended[source].update(counts)

    def of(self, source: Source) -> Counter[str]:
        """What they came to."""
        return Counter(self._ended.get(source, {}))

    def sources(self) -> set[Source]:
        """Those that there were."""
        return set(self._ended)
