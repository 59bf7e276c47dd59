"""One outgoing stream made of several incoming ones in turn: numbers go on by one, timestamps never go back. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final, Generic, NamedTuple, TypeVar

from signaling.media.packets.sequence import extend
from signaling.media.policy.reports import SenderClock

REMEMBERED: Final = 4
"""Stretches in which a lost packet is still looked for: two changes of layer in one round trip, and room to spare."""
TRUSTED: Final = 1.0
"""Seconds by which two sender reports may differ in what they say of our time; beyond it one clock was set meanwhile,
or they are not of one computer."""
LATE: Final = 10.0
"""Seconds by which they may contradict the arrivals of pictures: those of a line that is back can be as old as that."""
_LARGEST_STEP: Final = 2**31 - 1

Source = TypeVar("Source")


class Shift(NamedTuple):
    """What is added to an incoming packet's number and timestamp."""

    number: int
    timestamp: int


@dataclass(frozen=True, slots=True)
class Stretch(Generic[Source]):
    """A run of outgoing packets that came from one source; it ends where the next one begins."""

    source: Source
    first: int
    """Its first outgoing number, extended."""
    shift: Shift


@dataclass(frozen=True, slots=True)
class _Left:
    """Where the outgoing stream stood when its last source was left."""

    timestamp: int
    arrived: float
    clock: SenderClock | None
    """The clock of that source, in outgoing timestamps."""


class Continuity(Generic[Source]):
    """Numbers and timestamps of one outgoing stream. Numbers are extended ones, timestamps RTP's 32 bits.

    No outgoing number is given to two packets: with GCM that would give the key away (RFC 7714 §10.1). For this,
    packets that come late, with numbers below the one that a stretch began with, must not be sent in it: the caller's
    duty.
    """

    def __init__(self, first: int, rate: int) -> None:
        self._next = first
        self._rate = rate
        self._stretches: deque[Stretch[Source]] = deque(maxlen=REMEMBERED)
        self._running = False
        self._left: _Left | None = None

    def begin(self, source: Source, number: int, timestamp: int, clock: SenderClock | None, now: float) -> Shift:
        """From this packet of `source` on, its packets are sent; `clock` is the source's own, if it told it yet."""
        before = self._stretches[-1] if self._stretches else None
        if before is not None and before.source is source:
            # Its own line has gone on meanwhile, and so has ours.
            offset = before.shift.timestamp
        elif self._left is None:
            offset = 0
        else:
            offset = self._after(self._left, timestamp, clock, now) - timestamp & 0xFFFFFFFF
        shift = Shift(self._next - number, offset)
        self._stretches.append(Stretch(source, self._next, shift))
        self._running = True
        return shift

    def end(self, highest: int, timestamp: int, arrived: float, clock: SenderClock | None) -> None:
        """Nothing more of the source is sent: the highest number it had, and that packet's timestamp and arrival."""
        if not self._running:
            return
        self._running = False
        shift = self._stretches[-1].shift
        self._next = max(self._next, highest + 1 + shift.number)
        if clock is not None:
            clock = clock._replace(rtp=clock.rtp + shift.timestamp & 0xFFFFFFFF)
        self._left = _Left(timestamp + shift.timestamp & 0xFFFFFFFF, arrived, clock)

    def find(self, number: int, highest: int) -> tuple[Stretch[Source], int] | None:
        """Where the packet sent under these 16 bits came from, and its number there; None when that is too long ago.

        `highest` is the highest incoming number of the source that is sent now; without one it does not matter.
        """
        if not self._stretches:
            return None
        newest = self._stretches[-1]
        sent = extend(number, highest + newest.shift.number if self._running else self._next - 1)
        for stretch in reversed(self._stretches):
            if sent >= stretch.first:
                return stretch, sent - stretch.shift.number
        return None

    def _after(self, left: _Left, timestamp: int, clock: SenderClock | None, now: float) -> int:
        """The outgoing timestamp of a source's first packet: by both clocks, or by the time that has passed."""
        step = int((now - left.arrived) * self._rate)
        if clock is not None and left.clock is not None:
            # The NTP time of the picture by its own sender's clock, and what the line before would have called it.
            seconds = (clock.ntp - left.clock.ntp) / 2**32
            mapped = left.clock.rtp + int(seconds * self._rate) + timestamp - clock.rtp
            beside = _signed(mapped - left.timestamp - step)
            if abs(seconds - (clock.arrival - left.clock.arrival)) <= TRUSTED and abs(beside) <= LATE * self._rate:
                step += beside
        return left.timestamp + min(max(step, 1), _LARGEST_STEP) & 0xFFFFFFFF


def _signed(ticks: int) -> int:
    """A difference of two RTP timestamps, the nearer way round."""
    return (ticks + 2**31 & 0xFFFFFFFF) - 2**31
