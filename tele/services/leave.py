"""Leave to fetch a recording's files, kept for less than a second and gone at once when something changes. Pure."""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass

MAX_AGE = 0.8
"""Seconds for which a look at the rows gives leave: whatever changes, anywhere, is effective within a second."""
SHARED_FOR = 0.5
"""Seconds for which a cache in front gives the same leave again: half a second of its clock (config/nginx.conf)."""
SHARED_AGE = 0.95
"""Seconds of a look's age when a cache gives its leave for the last time: that too is within a second."""
VIEWING = 300.0
"""Seconds without a request after which a viewing is over, and the next request begins another."""
MOST = 20_000
"""Viewings kept; those used longest ago make room."""

Key = tuple[str, str]
"""Whose (the hash of a session's token) and what: the recording's id."""


@dataclass(frozen=True, slots=True)
class Granted:
    """What the rows said: this session may fetch this recording, for `lasts` seconds at most, when it ends by itself.

    `about` are the ids on which that depends: the person, the session, the recording and what it is of. `shared`: a
    cache in front may keep its files, for whoever has leave.
    """

    person: str
    session: str
    about: frozenset[str]
    lasts: float
    shared: bool = False

    def still(self, age: float, ahead: float = 0.0) -> bool:
        """Whether a look of that age gives leave, now and for `ahead` more seconds."""
        return age + ahead < min(SHARED_AGE if ahead else MAX_AGE, self.lasts)


@dataclass(slots=True)
class _Viewing:
    granted: Granted
    looked: float
    used: float


class Leaves:
    """The viewings of one process, each with the leave that it last had. Times are seconds of a monotonic clock."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._viewings: OrderedDict[Key, _Viewing] = OrderedDict()
        self._about: dict[str, set[Key]] = {}
        self._changed = -math.inf

    def __len__(self) -> int:
        return len(self._viewings)

    def holds(self, key: Key, now: float, ahead: float = 0.0) -> bool:
        """Whether a request may be answered without another look; notes that there was one, which stands for those of
        the `ahead` seconds to come."""
        viewing = self._viewings.get(key)
        if viewing is None:
            return False
        if now - viewing.used < VIEWING:
            viewing.used = max(viewing.used, now + ahead)
            self._viewings.move_to_end(key)
        return viewing.granted.still(now - viewing.looked, ahead)

    def shares(self, key: Key) -> bool:
        """Whether what this leave is for may be kept by a cache in front."""
        viewing = self._viewings.get(key)
        return viewing is not None and viewing.granted.shared

    def keep(self, key: Key, granted: Granted, looked: float, now: float) -> None:
        """A look that began at `looked` found that this is granted. What has changed since then it may not have seen:
        such a look is kept as a viewing but gives no leave."""
        looked = looked if looked > self._changed else -math.inf
        viewing = self._viewings.get(key)
        if viewing is not None and now - viewing.used < VIEWING and viewing.granted.about == granted.about:
            viewing.granted, viewing.looked = granted, looked
            return
        if viewing is not None:
            self._drop(key)
        self._viewings[key] = _Viewing(granted, looked, now)
        for each in granted.about:
            self._about.setdefault(each, set()).add(key)
        while len(self._viewings) > self._most:
            self._drop(next(iter(self._viewings)))

    def refuse(self, key: Key) -> None:
        """A look found that this is granted no more."""
        if key in self._viewings:
            self._drop(key)

    def forget(self, about: str, now: float) -> None:
        """Something changed of a person, a session, a recording or what it is of: all leave that depends on it ends."""
        self._changed = now
        for key in self._about.get(about, ()):
            self._viewings[key].looked = -math.inf

    def is_viewing(self, key: Key, now: float) -> bool:
        """Whether a request of this session for this recording is one of a viewing that was noted before."""
        viewing = self._viewings.get(key)
        return viewing is not None and now - viewing.used < VIEWING

    def due(self, now: float) -> list[Key]:
        """The viewings to look at again before their leave ends: those with a request since the last look. Ends those
        that are over."""
        over = []
        for key, viewing in self._viewings.items():  # used longest ago first
            if now - viewing.used < VIEWING:
                break
            over.append(key)
        for key in over:
            self._drop(key)
        found = []
        for key, viewing in reversed(self._viewings.items()):
            if now - viewing.used > MAX_AGE:
                break
            if viewing.used >= viewing.looked:
                found.append(key)
        return found

    def _drop(self, key: Key) -> None:
        viewing = self._viewings.pop(key)
        for each in viewing.granted.about:
            keys = self._about[each]
            keys.discard(key)
            if not keys:
                del self._about[each]
