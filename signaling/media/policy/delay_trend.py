"""Whether packets wait longer and longer: the delay gradient of one path and its adaptive threshold.

draft-ietf-rmcat-gcc-02 §5.2 to §5.4, with two differences. The delay of a group is the least of its packets: neither a
frame sent in one go nor jitter moves that. And the standing queue is watched too, for a full buffer has no gradient.
"""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import Final, Literal

Usage = Literal["over", "normal", "under"]

BURST: Final = 0.005
"""Seconds of sending that make one group (§5.2.1), and of arriving after a stall of the radio."""
LONGEST_GROUP: Final = 0.1
WINDOW: Final = 20
"""Groups in the regression."""
SMOOTHING: Final = 0.8
GAIN: Final = 4.0
COUNTED: Final = 60
"""The trend is weighed by the number of groups seen, up to this: a young one is not trusted."""
FIRST_THRESHOLD, LEAST_THRESHOLD, MOST_THRESHOLD = 12.5, 6.0, 600.0
"""Milliseconds (§5.4)."""
RAISE, LOWER = 0.0087, 0.039
"""How fast the threshold follows the trend, per ms (§5.4)."""
FAR: Final = 15.0
"""Milliseconds above the threshold beyond which a trend does not raise it: a real queue, or a hand-over."""
BASE_KEPT: Final = 10.0
"""Seconds of each of two buckets in which the least delay is found: long enough to drain, short for clocks to part."""
RECENT: Final = 8
"""Groups of which the least delay is the queue of now."""
TELLING, JITTERS = 0.012, 2.0
"""Seconds of queue, and mean deviations of the delay, without which there is no overuse, whatever the trend says."""
IMPOSSIBLE: Final = 10.0
"""A change of delay by more seconds than this is a clock that was set, or nonsense."""


class DelayTrend:
    """Fed with packets in order of sending, asked once per feedback message. Times in seconds, the trend in ms."""

    __slots__ = (
        "_base",
        "_base_since",
        "_earlier_base",
        "_first_arrival",
        "_first_sent",
        "_groups",
        "_jitter",
        "_last_arrival",
        "_last_sent",
        "_least",
        "_previous",
        "_seen",
        "_smoothed",
        "_updated",
        "queueing",
        "threshold",
        "trend",
        "usage",
    )

    def __init__(self) -> None:
        self.trend = 0.0
        self.threshold = FIRST_THRESHOLD
        self.usage: Usage = "normal"
        self.queueing = 0.0
        self._clear()

    def _clear(self) -> None:
        self._groups: deque[tuple[float, float, float]] = deque(maxlen=WINDOW)
        """Arrival, smoothed delay, least delay of each."""
        self._seen = 0
        self._smoothed = self._jitter = 0.0
        self._previous = 0.0
        self._updated: float | None = None
        self._base = self._earlier_base = float("inf")
        self._base_since: float | None = None
        self._first_sent: float | None = None
        self._last_sent = self._first_arrival = self._last_arrival = self._least = 0.0

    def reset(self) -> None:
        """Another path, or the line was gone: what was measured means nothing now."""
        self.trend = self.queueing = 0.0
        self.threshold = FIRST_THRESHOLD
        self.usage = "normal"
        self._clear()

    def add(self, sent: float, arrived: float) -> None:
        """One packet that arrived."""
        delay = arrived - sent
        first = self._first_sent
        if first is not None:
            if not -IMPOSSIBLE < delay - self._least < IMPOSSIBLE:
                self.reset()
            elif sent - first <= BURST or (
                # Arrived together although sent apart: they were held back and let go at once.
                arrived - self._last_arrival <= BURST
                and arrived - self._last_arrival < sent - self._last_sent
                and arrived - self._first_arrival < LONGEST_GROUP
            ):
                if delay < self._least:
                    self._least = delay
                if arrived > self._last_arrival:
                    self._last_arrival = arrived
                self._last_sent = sent
                return
            else:
                self._close()
        self._first_sent = self._last_sent = sent
        self._first_arrival = self._last_arrival = arrived
        self._least = delay

    def _close(self) -> None:
        delay = self._least
        self._seen += 1
        if self._seen == 1:
            self._smoothed = delay
        else:
            off = delay - self._smoothed
            self._jitter += (abs(off) - self._jitter) / 32
            self._smoothed += (1 - SMOOTHING) * off
        self._groups.append((self._last_arrival, self._smoothed, delay))

    def judge(self, now: float) -> Usage:
        """After the packets of one message: over, normal or under use."""
        groups = self._groups
        if len(groups) < 3:
            return self.usage
        recent = min(delay for _, _, delay in islice(reversed(groups), RECENT))
        self._remember_base(recent, now)
        self.queueing = recent - min(self._base, self._earlier_base)
        origin, level = groups[0][0], groups[0][1]
        count = len(groups)
        sx = sy = sxx = sxy = 0.0
        for arrival, smoothed, _ in groups:
            x = arrival - origin
            y = smoothed - level
            sx += x
            sy += y
            sxx += x * x
            sxy += x * y
        spread = count * sxx - sx * sx
        slope = (count * sxy - sx * sy) / spread if spread > 1e-12 else 0.0
        self.trend = trend = min(self._seen, COUNTED) * slope * GAIN
        if trend > self.threshold:
            if trend >= self._previous and self.queueing > TELLING + JITTERS * self._jitter:
                self.usage = "over"
        else:
            self.usage = "under" if trend < -self.threshold else "normal"
        self._previous = trend
        self._adapt(abs(trend), now)
        return self.usage

    def glance(self, sent: float, arrived: float, now: float) -> float:
        """One packet for a whole message of a calm line; returns the seconds it waited in queues."""
        delay = arrived - sent
        self._remember_base(delay, now)
        return delay - min(self._base, self._earlier_base)

    def _adapt(self, size: float, now: float) -> None:
        elapsed = 0.0 if self._updated is None else min(now - self._updated, 0.1) * 1000
        self._updated = now
        if size > self.threshold + FAR:
            return
        rate = LOWER if size < self.threshold else RAISE
        threshold = self.threshold + rate * (size - self.threshold) * elapsed
        self.threshold = min(MOST_THRESHOLD, max(LEAST_THRESHOLD, threshold))

    def _remember_base(self, delay: float, now: float) -> None:
        if self._base_since is None or now - self._base_since > BASE_KEPT:
            self._earlier_base, self._base, self._base_since = self._base, delay, now
        elif delay < self._base:
            self._base = delay
