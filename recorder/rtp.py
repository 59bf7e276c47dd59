"""One RTP packet as the recorder sees it (RFC 3550 §5.1): header fields and payload, extensions and padding gone."""

from __future__ import annotations

from typing import NamedTuple

from recorder.errors import Malformed


class Packet(NamedTuple):
    """`timestamp` in ticks of the codec's RTP clock modulo 2^32; `arrival` in seconds of the caller's clock."""

    sequence: int
    timestamp: int
    ssrc: int
    marker: bool
    payload: bytes
    arrival: float


def parse(data: bytes, arrival: float) -> Packet:
    """Read a packet; raises Malformed. A payload may be empty: padding probes carry a sequence number alone."""
    size = len(data)
    if size < 12 or data[0] >> 6 != 2:
        raise Malformed("not an RTP packet of version 2")
    first = data[0]
    start = 12 + 4 * (first & 0x0F)
    if first & 0x10:
        if size < start + 4:
            raise Malformed("header extension ends early")
        start += 4 + 4 * (data[start + 2] << 8 | data[start + 3])
    end = size
    if first & 0x20:
        padding = data[-1]
        if padding == 0:
            raise Malformed("padding of zero bytes")
        end -= padding
    if end < start:
        raise Malformed("header and padding exceed the packet")
    return Packet(
        data[2] << 8 | data[3],
        int.from_bytes(data[4:8], "big"),
        int.from_bytes(data[8:12], "big"),
        data[1] >= 0x80,
        data[start:end],
        arrival,
    )


def signed_difference(later: int, earlier: int, bits: int) -> int:
    """How far `later` is ahead of `earlier`, both counting modulo 2^bits; negative when it is behind."""
    span = 1 << bits
    difference = (later - earlier) % span
    return difference - span if difference >= span >> 1 else difference


class Unwrapper:
    """Turns the 32-bit timestamps of one stream into numbers that do not wrap."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last: int | None = None

    def unwrap(self, timestamp: int) -> int:
        """The timestamp nearest to the previous one; advances."""
        value = self.near(timestamp)
        self._last = value
        return value

    def near(self, timestamp: int) -> int:
        """The same without advancing: for a timestamp that came by another way, such as a sender report's."""
        if self._last is None:
            # One turn above zero, so that packets from before the first one stay positive.
            return timestamp + (1 << 32)
        return self._last + signed_difference(timestamp, self._last & 0xFFFFFFFF, 32)
