"""Ask a publisher for what got lost: which numbers are missing, when to ask for them again, when to give up."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Final

from signaling.media.policy.repair import Repairs

FIRST_RETRY: Final = 0.05
"""Seconds until the second request at least. Where the way to the publisher is known to take longer, the others wait as
long as the answer may be on its way: browsers ignore what is asked for again sooner."""
LONG_WAY: Final = 0.12
"""Seconds there and back beyond which each request is followed by its copy: it may be lost, too. And beyond which a
hole is first given the time to fill by itself."""
QUICK: Final = 4
"""So many requests follow one another without growing patience: on a line that loses at random the next may get
through. Each later one waits twice as long as the one before."""
MAX_REQUESTS: Final = 7
SCARCE: Final = 2.5
"""Where pictures are held for no more than so many round trips, a packet can be asked for twice in time. A keyframe
goes with the second request then; where there is time for more of them it would only be twenty more packets to lose."""
OVERTAKEN: Final = 0.06
"""Seconds by which packets overtake one another at most; what comes later than that was lost."""
FORGOTTEN: Final = 10.0
"""Seconds after which a line that kept its order counts as one that does."""
LONGEST: Final = 3.0
"""Seconds after which a packet is of no use any more: browsers ask for a keyframe by then."""
MAX_MISSING: Final = 256
"""Numbers remembered as missing. A larger hole is an outage, which a keyframe heals and retransmission does not."""


@dataclass(slots=True)
class _Missing:
    requests: int
    next_at: float
    noticed: float
    first_asked: float = 0.0
    asked: float = 0.0
    copied: bool = False
    """Whether the next request is a copy of the last one."""


class LossTracker:
    """Watches one stream's extended numbers. Pure: the caller sends what `due` returns as generic NACKs."""

    __slots__ = ("_highest", "_late", "_late_at", "_missing", "given_up", "next_at", "pressing", "repairs", "requested")

    def __init__(self) -> None:
        self._highest: int | None = None
        self._missing: dict[int, _Missing] = {}
        """In the order of their numbers, for each was missing above all that had come."""
        self._late, self._late_at = 0.0, -inf
        """By how much packets came out of order of late, and when the last one did."""
        self.repairs = Repairs()
        self.next_at = inf
        """When something is to be asked for again."""
        self.pressing = False
        """Whether something just asked for was lost twice, and comes in time now or never: a keyframe is to be asked
        for along with it, which comes in time as well."""
        self.requested = 0
        self.given_up = 0

    def received(self, number: int, now: float, *, again: bool = False) -> bool:
        """Note one packet, or what was sent `again`; True when something should be asked for at once: a hole that it
        shows, or what was asked for and did not come."""
        if self._highest is None:
            # What comes again says nothing about where the stream is now: browsers look for bandwidth with old packets.
            self._highest = None if again else number
            return False
        if number <= self._highest:
            missing = self._missing.pop(number, None)
            if missing is not None and again and missing.requests:
                self.repairs.came(now - missing.noticed, now - missing.first_asked, now - missing.asked, now)
            elif missing is not None and not again and now - missing.noticed <= OVERTAKEN:
                self._late, self._late_at = max(self._late, now - missing.noticed), now
            return now >= self.next_at
        first, self._highest = self._highest + 1, number
        if number == first:
            return now >= self.next_at
        if number - first + len(self._missing) > MAX_MISSING:
            self.given_up += len(self._missing) + number - first
            self._missing.clear()
            return False
        at = now + self._grace(now)
        for lost in range(first, number):
            self._missing[lost] = _Missing(0, at, now)
        self.next_at = min(self.next_at, at)
        return now >= self.next_at

    def outage(self) -> None:
        """The publisher was away for seconds: what it sent meanwhile is not asked for. Nobody waits for it, a keyframe
        heals the pictures, and a line that has just come back has better to carry."""
        self.given_up += len(self._missing)
        self._missing.clear()
        self._highest = None

    def missing_before(self, number: int) -> bool:
        """Whether something older than this number may still come."""
        oldest = next(iter(self._missing), number)
        return oldest < number

    def _grace(self, now: float) -> float:
        """Seconds until a hole is asked for: where packets overtake one another most holes fill by themselves, and on a
        long way it costs little to see."""
        if now - self._late_at > FORGOTTEN:
            self._late = 0.0
        return 1.25 * self._late if (self.repairs.trip or 0.0) > LONG_WAY else 0.0

    def due(self, now: float, held: float = 0.0) -> list[int]:
        """The 16-bit numbers to ask for now, in order; pictures are shown when they were `held` for so many seconds."""
        self.pressing = False
        if not self._missing:
            self.next_at = inf
            return []
        wanted: list[int] = []
        for number, missing in list(self._missing.items()):
            if missing.next_at > now:
                continue
            if now - missing.noticed >= LONGEST:
                del self._missing[number]
                self.given_up += 1
                continue
            if missing.requests == MAX_REQUESTS and not missing.copied:
                missing.next_at = missing.noticed + LONGEST  # the answer may still be on its way
                continue
            # A copy of the last request, or the next one, whose copy is to follow on a long way.
            if missing.copied:
                missing.copied = False
            else:
                missing.requests += 1
                missing.copied = self.repairs.timeout > LONG_WAY
            missing.first_asked = missing.first_asked or now
            wait = FIRST_RETRY if missing.copied else self._patience(missing.requests)
            missing.next_at = min(now + wait, missing.noticed + LONGEST)
            missing.asked = now
            self.pressing = self.pressing or self._is_last_chance(missing, now, held)
            wanted.append(number & 0xFFFF)
        self.next_at = min((missing.next_at for missing in self._missing.values()), default=inf)
        self.requested += len(wanted)
        return wanted

    def _is_last_chance(self, missing: _Missing, now: float, held: float) -> bool:
        """Whether an answer is overdue, and one to a further request would come after its picture is to be shown."""
        trip = self.repairs.trip
        if not held or trip is None or held > SCARCE * trip or now - missing.first_asked < trip:
            return False
        return now + 2 * trip > missing.noticed + held

    def _patience(self, requests: int) -> float:
        """Seconds until the next request after so many."""
        return max(FIRST_RETRY, self.repairs.timeout) * (1 << max(0, requests - QUICK))
