"""One timeline for all: RTP timestamps to seconds of session time, which is the server's.

A sender report says what its sender's clock showed at an RTP timestamp (RFC 3550 §6.4.1): that aligns the tracks of one
participant, however wrong this clock is. The smallest (arrival - sender time) seen lately maps that clock onto the
server's. The result is approached by slewing, never by a step, so that a frame never jumps.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from recorder.rtp import Unwrapper

SLEW = 0.0005
"""Seconds of correction per second once a track has settled: above any quartz's error, far below what one sees."""

SETTLING_SLEW = 0.02
SETTLING_SECONDS = 8.0
"""A track starts by its arrival times and approaches its first reports at this rate, for this long."""

WINDOW = 60.0
"""Seconds over which the smallest delay is sought: longer than a burst of congestion, shorter than a clock's drift."""

CLOCK_JUMP = 1.0
"""Seconds; a sender clock that is suddenly further off than this was set anew."""

MAX_OFF = 5.0
"""Seconds that a mapped time may differ from its arrival; beyond, the stream's timestamps were set anew."""

MAX_REPORT_OFF = 2.0
"""Seconds that a report may disagree with the arrival times before it is held to be wrong."""


class SlidingMinimum:
    """The smallest of the values of the last `window` seconds, in amortised constant time."""

    __slots__ = ("_values", "window")

    def __init__(self, window: float) -> None:
        self.window = window
        self._values: deque[tuple[float, float]] = deque()

    def add(self, value: float, now: float) -> float:
        values = self._values
        while values and values[-1][1] >= value:
            values.pop()
        values.append((now, value))
        while values[0][0] < now - self.window:
            values.popleft()
        return values[0][1]

    @property
    def value(self) -> float | None:
        return self._values[0][1] if self._values else None

    def clear(self) -> None:
        self._values.clear()


class SenderClock:
    """One participant's own clock against the session's: shared by all tracks of the participant."""

    def __init__(self) -> None:
        self.epoch = 0
        self._delays = SlidingMinimum(WINDOW)
        self._above = 0

    def report(self, sender: float, arrival: float) -> None:
        """A report that left at `sender` seconds by its own clock came at `arrival` seconds of session time."""
        delay = arrival - sender
        least = self._delays.value
        if least is not None:
            # Later than the least is congestion until it stays so; earlier is a clock that was turned.
            self._above = self._above + 1 if delay > least + CLOCK_JUMP else 0
            if delay < least - CLOCK_JUMP or self._above >= 3:
                self.epoch += 1
                self._above = 0
                self._delays.clear()
        self._delays.add(delay, arrival)

    @property
    def offset(self) -> float | None:
        """What to add to sender seconds to get session seconds; None before the first report."""
        return self._delays.value


@dataclass(frozen=True, slots=True)
class _Report:
    sender: float
    timestamp: int
    epoch: int


class TrackClock:
    """Maps one stream's RTP timestamps onto session time; all seconds are of session time."""

    def __init__(self, rate: int, sender: SenderClock) -> None:
        self.rate = rate
        self.reanchored = 0
        self.reports_rejected = 0
        self.sender = sender
        self._unwrapper = Unwrapper()
        self._offset: float | None = None
        self._arrivals = SlidingMinimum(WINDOW)
        self._report: _Report | None = None
        self._corrected = 0.0
        self._settled_at = 0.0

    def report(self, sender: float, timestamp: int, arrival: float) -> None:
        """The sender's clock showed `sender` seconds at RTP `timestamp`; the report came at `arrival`."""
        if sender <= 0:
            # A sender without a clock may put zero here (RFC 3550 §6.4.1).
            return
        self.sender.report(sender, arrival)
        first = self._report is None
        self._report = _Report(sender, self._unwrapper.near(timestamp), self.sender.epoch)
        if first:
            self._settled_at = arrival + SETTLING_SECONDS

    def time(self, timestamp: int, arrival: float) -> float:
        """Session time of a frame by its RTP timestamp (modulo 2^32) and the arrival of its first packet."""
        seconds = self._unwrapper.unwrap(timestamp) / self.rate
        anchor = arrival - seconds
        if self._offset is None:
            self._anchor(anchor, arrival)
        offset = self._offset
        assert offset is not None
        if abs(anchor - offset) > MAX_OFF:
            self.reanchored += 1
            self._report = None
            self._anchor(anchor, arrival)
            return arrival
        least = self._arrivals.add(anchor, arrival)
        elapsed = arrival - self._corrected
        if elapsed > 0:
            self._corrected = arrival
            limit = elapsed * (SETTLING_SLEW if arrival < self._settled_at else SLEW)
            offset += max(-limit, min(limit, self._target(least) - offset))
            self._offset = offset
        return seconds + offset

    def _anchor(self, anchor: float, arrival: float) -> None:
        self._offset = anchor
        self._arrivals.clear()
        self._corrected = arrival
        self._settled_at = arrival + SETTLING_SECONDS

    def _target(self, least: float) -> float:
        """Where the offset should be: by reports where they make sense, else by the fastest packet of late."""
        report, offset = self._report, self.sender.offset
        if report is None or offset is None or report.epoch != self.sender.epoch:
            return least
        target = report.sender + offset - report.timestamp / self.rate
        if abs(target - least) > MAX_REPORT_OFF:
            self._report = None
            self.reports_rejected += 1
            return least
        return target
