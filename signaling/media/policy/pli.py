"""When to ask a publisher for a keyframe: wishes are gathered, delayed, repeated until answered, never dropped."""

from __future__ import annotations

from typing import Final

INTERVAL: Final = 0.5
"""Seconds between two requests of one publication. Each keyframe costs every subscriber some 50 kB."""
REPEAT: Final = 1.0
"""Seconds after which an unanswered request is repeated at the earliest."""
MAX_REPEATS: Final = 20
"""A screen that does not change sends no keyframe until it does; after that the next wish must come from someone."""


class KeyframeRequests:
    """Coalesces the keyframe wishes of one publication. Pure: the caller sends a PLI whenever `due` says so."""

    __slots__ = ("_asked", "_last", "_repeats", "_wanted", "sent")

    def __init__(self) -> None:
        self._last = float("-inf")
        self._wanted = False
        self._asked = False
        """Whether the wishes so far were sent."""
        self._repeats = 0
        self.sent = 0

    def want(self) -> None:
        """Somebody cannot decode: a subscriber, a new one, the recorder, or anyone after a path has moved."""
        self._wanted = True
        self._asked = False
        self._repeats = 0

    def arrived(self) -> None:
        """A keyframe began: all wishes so far are met."""
        self._wanted = False

    def lost(self) -> None:
        """What was asked for, or the answer, went nowhere: the next wish need not wait for it."""
        self._last = float("-inf")

    def due(self, now: float, trip: float = 0.0) -> bool:
        """Whether to send a PLI now. Called at once after `want` and then on every tick.

        `trip`: seconds there and back, as far as known: until then an answer may be on its way, and it is the answer to
        those who wished for one since, too.
        """
        if not self._wanted or now - self._last < (max(REPEAT, 1.5 * trip) if self._asked else max(INTERVAL, trip)):
            return False
        self._last = now
        self._asked = True
        self._repeats += 1
        if self._repeats >= MAX_REPEATS:
            self._wanted = False
        self.sent += 1
        return True
