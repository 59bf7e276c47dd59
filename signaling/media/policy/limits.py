"""What addresses that have proved nothing may cost: failures are paid for, by each source and by all together. Pure."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final, Generic, TypeVar

PER_SOURCE: Final = (200.0, 1_000)
"""Failures a second and at once from one network address. Thirty people behind one NAT whose server was just restarted
make some 100 checks a second with credentials of before."""
IN_ALL: Final = (2_000.0, 4_000)
"""The same over all sources: who invents a new address for each packet has as many allowances as packets."""
RESERVED: Final = (5.0, 20)
"""What a known ufrag may cost when its source, or everybody, has used the allowance up: the check that opens a path
must get through beside a flood."""
MAX_SOURCES: Final = 4_096
"""Sources remembered; beyond it the one that failed longest ago is forgotten."""

KeyT = TypeVar("KeyT", bound=Hashable)


class Allowances(Generic[KeyT]):
    """A token bucket per key: `burst` failures at once, `rate` a second after that. At most `most` keys are kept."""

    __slots__ = ("_burst", "_most", "_rate", "_spent")

    def __init__(self, rate: float, burst: int, most: int) -> None:
        self._rate = rate
        self._burst = burst
        self._most = most
        self._spent: dict[KeyT, tuple[float, float]] = {}
        """Failures not yet forgiven and when that was written; the key that failed last comes last."""

    def __len__(self) -> int:
        return len(self._spent)

    def has(self, key: KeyT, now: float) -> bool:
        """Whether this key may fail once more."""
        return self._owed(key, now) + 1 <= self._burst

    def charge(self, key: KeyT, now: float) -> None:
        """It failed."""
        owed = self._owed(key, now)
        self._spent.pop(key, None)
        self._spent[key] = (min(owed + 1, self._burst), now)
        if len(self._spent) > self._most:
            del self._spent[next(iter(self._spent))]

    def _owed(self, key: KeyT, now: float) -> float:
        spent = self._spent.get(key)
        return 0.0 if spent is None else max(0.0, spent[0] - (now - spent[1]) * self._rate)


class Strangers:
    """Decides whether a datagram from an address that belongs to no peer is looked at. Whoever proves to be a peer pays
    nothing, so a crowd behind one NAT never meets a limit."""

    def __init__(self) -> None:
        self._each: Allowances[bytes] = Allowances(*PER_SOURCE, MAX_SOURCES)
        self._all: Allowances[None] = Allowances(*IN_ALL, 1)
        self._reserved: Allowances[str] = Allowances(*RESERVED, MAX_SOURCES)

    def __len__(self) -> int:
        """Sources remembered."""
        return len(self._each)

    def admits(self, source: bytes, now: float) -> bool:
        """Whether a datagram from this network address may be read."""
        return self._each.has(source, now) and self._all.has(None, now)

    def failed(self, source: bytes, now: float) -> None:
        """It was read, and was nobody's."""
        self._each.charge(source, now)
        self._all.charge(None, now)

    def spend_reserve(self, ufrag: str, now: float) -> bool:
        """Whether a check with this known ufrag may be verified although its source is not admitted; it costs once."""
        if not self._reserved.has(ufrag, now):
            return False
        self._reserved.charge(ufrag, now)
        return True
