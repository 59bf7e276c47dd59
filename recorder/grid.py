"""Where segments may begin: a fixed grid of session time plus the cuts that events force, the same for every track.

Interval n lasts from boundary n to boundary n + 1, and the segment of interval n has media sequence number n in every
rendition. A track may begin its segment a little beside the boundary, where its keyframe is. What decodes a track
changes at cuts.
"""

from __future__ import annotations

from bisect import bisect_right

MIN_INTERVAL = 500
"""Milliseconds between two boundaries at least."""

LATE = 1500
"""Milliseconds that a keyframe may come after its boundary; then the segment ends without one."""

FIRST = 1000
"""Milliseconds to the first boundary of what is watched from its beginning: hls.js and Shaka show nothing before there
is a whole segment."""

CUTS_AT_ONCE = 20
CUT_REFILL = 5000
"""A budget of cuts, one more every so many milliseconds: a publisher that changes its picture size without end
costs everyone a keyframe and a file each time."""


class Grid:
    """The boundaries of one recording in milliseconds; past ones are fixed, the next one follows the grid."""

    def __init__(self, period: int, starts: list[int] | None = None, *, first: int | None = None) -> None:
        """`first`: where the first boundary is; the next are twice as far each, until `period` is reached."""
        self.period = period
        self._first = period if first is None else first
        self.starts = list(starts) if starts else [0]
        self.cuts: list[int] = []
        self._budget = float(CUTS_AT_ONCE)
        self._refilled = self.starts[-1]

    @property
    def longest(self) -> int:
        """No segment lasts longer than this many milliseconds: the target duration."""
        return self.period + MIN_INTERVAL + LATE

    @property
    def upcoming(self) -> int:
        """The boundary after the last fixed one, if nothing forces an earlier one."""
        earliest = self.starts[-1] + MIN_INTERVAL
        if earliest < self.period:
            boundary = self._first
            while boundary < earliest:
                boundary *= 2
            return min(boundary, self.period)
        return ((earliest + self.period - 1) // self.period) * self.period

    def start(self, interval: int) -> int:
        """Where an interval begins; only the past and the very next are known."""
        return self.starts[interval] if interval < len(self.starts) else self.upcoming

    def end(self, interval: int) -> int:
        return self.start(interval + 1)

    def index(self, time: int) -> int:
        """The interval that holds `time`; fixes the grid's boundaries up to it."""
        while time >= (upcoming := self.upcoming):
            self.starts.append(upcoming)
        return max(0, bisect_right(self.starts, time) - 1)

    def cut(self, time: int) -> bool:
        """Put a boundary at `time`; False when it is too near to the last, in the past, or over budget."""
        self.index(time)
        self._budget = min(CUTS_AT_ONCE, self._budget + max(0, time - self._refilled) / CUT_REFILL)
        self._refilled = max(self._refilled, time)
        if time - self.starts[-1] < MIN_INTERVAL or self._budget < 1:
            return False
        self._budget -= 1
        self.cuts.append(len(self.starts))
        self.starts.append(time)
        return True

    def cut_after(self, time: int) -> int | None:
        """Put a boundary at `time`, or as soon after as the distance to others allows; None when over budget."""
        for _ in range(2):
            # The boundaries of the grid up to there are fixed by the first attempt and may push it on.
            time = max(time, self.starts[-1] + MIN_INTERVAL)
            if self.cut(time):
                return time
        return None

    def finish(self, time: int, *, least: int = 1) -> int:
        """Close the last interval at `time`, or `least` ms after its start if that is later; returns the boundary."""
        while self.upcoming + LATE <= time:
            self.starts.append(self.upcoming)
        end = max(time, self.starts[-1] + least)
        self.starts.append(end)
        return end
