"""Who has begun and not yet proved anything: bounded for each source and in all, the oldest give way. Pure."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

WhoT = TypeVar("WhoT", bound=Hashable)


class Waiting(Generic[WhoT]):
    """Connections or handshakes under way, by the network address that they come from."""

    __slots__ = ("_by_source", "_in_all", "_per_source", "_sources")

    def __init__(self, per_source: int, in_all: int) -> None:
        self._per_source = per_source
        self._in_all = in_all
        self._sources: dict[WhoT, bytes] = {}
        """The oldest first."""
        self._by_source: dict[bytes, dict[WhoT, None]] = {}

    def __len__(self) -> int:
        return len(self._sources)

    def __contains__(self, who: WhoT) -> bool:
        return who in self._sources

    def all(self) -> list[WhoT]:
        """Everyone, the oldest first."""
        return list(self._sources)

    def has_room(self, source: bytes) -> bool:
        """Whether one more from this source may wait without anyone giving way."""
        return len(self._sources) < self._in_all and len(self._by_source.get(source, ())) < self._per_source

    def enter(self, who: WhoT, source: bytes) -> WhoT | None:
        """Wait from now on; returns who has to go for it, already removed.

        Of a source at its bound it is the oldest, since honest ones prove themselves within a round trip. When all
        together are too many it is the oldest of the source that has most.
        """
        gone: WhoT | None = None
        if who not in self._sources and not self.has_room(source):
            crowd = self._by_source.get(source, {})
            if len(crowd) < self._per_source:
                crowd = max(self._by_source.values(), key=len)
            gone = next(iter(crowd))
            self.leave(gone)
        self._sources[who] = source
        self._by_source.setdefault(source, {})[who] = None
        return gone

    def leave(self, who: WhoT) -> None:
        """It has proved itself, or is gone."""
        source = self._sources.pop(who, None)
        if source is None:
            return
        crowd = self._by_source[source]
        del crowd[who]
        if not crowd:
            del self._by_source[source]
