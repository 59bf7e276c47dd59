"""Transport-wide congestion control feedback: note arrivals, write the report, read one.

draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1. Browsers estimate their uplink from it.
"""

from __future__ import annotations

import struct
from itertools import accumulate
from typing import Final

from signaling.media.packets.sequence import extend

FORMAT: Final = 15
"""FMT of the RTPFB packet."""
MAX_REPORTED: Final = 512
"""Packets in one report: at 50 ms this is 10,000 packets a second, far above any browser."""
MAX_READ: Final = 4096
"""Packets that one report may tell of: a few bytes of run lengths can claim 65,535, and reading them takes time."""
REMEMBERED: Final = 64
"""Numbers for which a late arrival still counts."""

_TICK = 0.000_25
_REFERENCE_TICKS = 256
"""The reference time counts 64 ms, deltas 250 µs."""
_LARGEST_RUN = 0x1FFF
_HEAD = struct.Struct("!IIHHI")

_MISSING, _SMALL, _LARGE = 0, 1, 2


class ArrivalLog:
    """The arrivals of one peer's packets since the last report."""

    __slots__ = ("_arrivals", "_count", "_fresh", "_next")

    def __init__(self) -> None:
        self._arrivals: dict[int, float] = {}
        """By extended number. Those that were told already are kept for a while: a late packet makes its neighbours be
        told again, and not as missing."""
        self._fresh: list[int] = []
        """Numbers not told yet."""
        self._next: int | None = None
        self._count = 0

    def add(self, number: int, now: float) -> None:
        """Note one transport-wide number; doubles and very late ones are left out."""
        if self._next is None:
            self._next = number
        extended = extend(number, self._next)
        if extended in self._arrivals or extended < self._next - REMEMBERED or len(self._fresh) >= MAX_REPORTED:
            return
        self._arrivals[extended] = now
        self._fresh.append(extended)

    def report(self, sender_ssrc: int, media_ssrc: int) -> bytes | None:
        """One RTCP packet about all arrivals since the last call; None when there were none."""
        fresh, arrivals = self._fresh, self._arrivals
        if not fresh or self._next is None:
            return None
        last = max(fresh)
        first = max(min(self._next, *fresh), last - MAX_REPORTED + 1)
        packet = encode(sender_ssrc, media_ssrc, self._count, first, [arrivals.get(n) for n in range(first, last + 1)])
        self._next = max(self._next, last + 1)
        self._fresh = []
        if len(arrivals) > 4 * REMEMBERED:
            self._arrivals = {n: arrival for n, arrival in arrivals.items() if n >= self._next - REMEMBERED}
        self._count = (self._count + 1) & 0xFF
        return packet


def encode(sender_ssrc: int, media_ssrc: int, count: int, first: int, arrivals: list[float | None]) -> bytes:
    """A complete RTCP packet. `arrivals` are seconds, or None for what is missing, beginning with number `first`."""
    known = [arrival for arrival in arrivals if arrival is not None]
    reference = int(known[0] / _TICK) // _REFERENCE_TICKS
    previous = reference * _REFERENCE_TICKS
    symbols: list[int] = []
    deltas = bytearray()
    for arrival in arrivals:
        if arrival is None:
            symbols.append(_MISSING)
            continue
        delta = int(arrival / _TICK) - previous
        if 0 <= delta <= 0xFF:
            symbols.append(_SMALL)
            deltas.append(delta)
        else:
            delta = max(-0x8000, min(0x7FFF, delta))
            symbols.append(_LARGE)
            deltas += delta.to_bytes(2, "big", signed=True)
        previous += delta
    body = bytearray(
        _HEAD.pack(sender_ssrc, media_ssrc, first & 0xFFFF, len(arrivals), (reference & 0xFFFFFF) << 8 | count)
    )
    for chunk in _chunks(symbols):
        body += chunk.to_bytes(2, "big")
    body += deltas
    padding = -len(body) % 4
    if padding:
        body += bytes(padding - 1) + bytes((padding,))
    return struct.pack("!BBH", 0x80 | bool(padding) << 5 | FORMAT, 205, len(body) // 4) + bytes(body)


def _chunks(symbols: list[int]) -> list[int]:
    """Packet status chunks: a run length where it is longer than a vector of seven two-bit symbols (§3.1.3, §3.1.4)."""
    chunks: list[int] = []
    at = 0
    while at < len(symbols):
        symbol, run = symbols[at], 1
        while at + run < len(symbols) and run < _LARGEST_RUN and symbols[at + run] == symbol:
            run += 1
        if run > 7 or at + run == len(symbols):
            chunks.append(symbol << 13 | run)
            at += run
            continue
        vector = 0xC000
        for index, each in enumerate(symbols[at : at + 7]):
            vector |= each << (12 - 2 * index)
        chunks.append(vector)
        at += 7
    return chunks


def outline(body: bytes) -> tuple[int, int, float] | None:
    """First number, how many packets, and the last one's arrival in seconds after the sender's epoch, of feedback in
    which all arrived and in order, told by one chunk; None for any other. It costs the same for one packet or many.
    """
    if len(body) < 18:
        return None
    _, _, first, total, mixed = _HEAD.unpack_from(body)
    if not total or int.from_bytes(body[16:18], "big") != _SMALL << 13 | total or len(body) < 18 + total:
        return None
    return first, total, ((mixed >> 8) * _REFERENCE_TICKS + sum(body[18 : 18 + total])) * _TICK


def decode(body: bytes) -> tuple[int, int, list[float | None]]:
    """Feedback count, first number, arrivals in seconds after the sender's own epoch; raises ValueError.

    `body` is what follows the RTCP header, padding may still be on it.
    """
    if len(body) < 16:
        raise ValueError("transport-cc feedback is cut off")
    _, _, first, total, mixed = _HEAD.unpack_from(body)
    if total > MAX_READ:
        raise ValueError("transport-cc feedback about too many packets")
    at = 16
    symbols: list[int] = []
    while len(symbols) < total:
        if at + 2 > len(body):
            raise ValueError("transport-cc chunks are cut off")
        chunk = int.from_bytes(body[at : at + 2], "big")
        at += 2
        if not chunk & 0x8000:
            symbols += [chunk >> 13 & 3] * (chunk & _LARGEST_RUN)
        elif chunk & 0x4000:
            symbols += [chunk >> shift & 3 for shift in range(12, -1, -2)]
        else:
            symbols += [chunk >> shift & 1 for shift in range(13, -1, -1)]
        if len(symbols) > total + _LARGEST_RUN:
            raise ValueError("transport-cc chunks say more than their count")
    del symbols[total:]
    if at + symbols.count(_SMALL) + 2 * symbols.count(_LARGE) > len(body):
        raise ValueError("transport-cc deltas are cut off")
    time = (mixed >> 8) * _REFERENCE_TICKS
    if symbols.count(_SMALL) == total:  # the usual case: nothing missing, nothing late
        return mixed & 0xFF, first, [ticks * _TICK for ticks in accumulate(body[at : at + total], initial=time)][1:]
    arrivals: list[float | None] = []
    for symbol in symbols:
        if symbol == _SMALL:
            time += body[at]
            at += 1
        elif symbol == _LARGE:
            time += int.from_bytes(body[at : at + 2], "big", signed=True)
            at += 2
        else:
            arrivals.append(None)
            continue
        arrivals.append(time * _TICK)
    return mixed & 0xFF, first, arrivals
