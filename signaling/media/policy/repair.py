"""How long a publisher's lost packets take to come again, and how long others should hold its pictures. Pure."""

from __future__ import annotations

from collections import deque
from math import ceil
from typing import Final

WINDOW: Final = 30.0
"""Seconds for which a repair is remembered."""
MAX_REMEMBERED: Final = 512
SERIOUS: Final = 0.14
"""Seconds: a picture that is held up for longer is seen to stand still. Browsers do not prepare for it: their buffers
learn from their own line, which may be a good one."""
SOME: Final = 2
"""So many serious ones within the window, and pictures are held."""
NOTICE: Final = 0.06
"""Seconds until a loss is noticed at most: the next picture shows it."""
USUAL: Final = 1.0
"""Seconds up to which pictures are held for repairs that had to be asked for twice and three times."""
LONGER: Final = 2.2
"""Where round trips are long: for what had to be asked for twice, in round trips."""
MANY: Final = 8
"""So many serious ones within the window, and some will have to be asked for twice: pictures are held for those before
the first of them makes one stand still."""
MOST: Final = 3.0
WAITS: Final = 0.2
"""Seconds for which sound waits for pictures that are held, so that lips match. Beyond that it goes ahead of them:
people can talk with late pictures, and not with late voices."""
STEP: Final = 0.05
"""Seconds in which the answer is given, so that it changes seldom."""
RAMP: Final = 0.1
"""Seconds by which pictures are held longer from one time to the next, or a quarter of what is missing: all at once
would be a picture that stands still."""
DOUBTS: Final = 4
"""So many answers in a row that may be to any of several requests, and they are believed: the way has become longer."""
_SMOOTH: Final = 1 / 8
"""As RFC 6298 §2.3 smooths round trips."""
_LATE: Final = 1.1
"""Of the usual way: what is not there by then is lost as well. To be wrong costs one request that is ignored."""


def towards(held: float, wanted: float) -> float:
    """For how long to hold them next, on the way from what they are held to what is wanted."""
    most = max(RAMP, abs(wanted - held) / 4)
    return round(held + max(-most, min(most, wanted - held)), 3)


def ahead(held: float) -> float:
    """Seconds by which sound goes ahead of pictures that are held for so long."""
    return max(0.0, held - WAITS)


class Repairs:
    """What is known of the way there and back between us and a publisher: by its answers to NACKs."""

    __slots__ = ("_done", "_doubts", "trip")

    def __init__(self) -> None:
        self.trip: float | None = None
        """Seconds from a request to what was asked for, smoothed."""
        self._doubts = 0
        self._done: deque[tuple[float, float]] = deque(maxlen=MAX_REMEMBERED)

    @property
    def timeout(self) -> float:
        """Seconds after which what was asked for is lost as well; 0 while nothing is known."""
        return 0.0 if self.trip is None else _LATE * self.trip + 0.01

    def came(self, late: float, took: float, since_last: float, now: float) -> None:
        """What was missed came again: so `late` in seconds, `took` of them since the first request and `since_last`
        since the last one."""
        self._done.append((now, late))
        if self.trip is None:
            self.trip = took
            return
        # Asked for once, or twice at nearly the same time, or so lately again that this is no answer to that (Karn's
        # rule, RFC 6298 §3).
        sure = took - since_last < self.trip / 4 or since_last < self.trip / 2
        self._doubts = 0 if sure else self._doubts + 1
        if sure or self._doubts >= DOUBTS:
            self.trip += _SMOOTH * (took - self.trip)

    def hold(self, now: float) -> float:
        """Seconds for which pictures should be held before they are shown; 0 where browsers know by themselves."""
        while self._done and now - self._done[0][0] > WINDOW:
            self._done.popleft()
        serious = [late for _, late in self._done if late > SERIOUS]
        if len(serious) < SOME or self.trip is None:
            return 0.0
        twice = LONGER * self.trip
        longest = min(max(serious), max(USUAL, twice))
        if len(serious) >= MANY:
            longest = max(longest, twice)
        return min(MOST, round(ceil((longest + NOTICE) / STEP) * STEP, 2))
