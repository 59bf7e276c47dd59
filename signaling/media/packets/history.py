"""The last packets of one publication, by number: what a NACK is answered from, and how doubles are noticed."""

from __future__ import annotations


class History:
    """A ring of canonical packets. `capacity` must be a power of two; 512 packets are 2 s at 2.5 Mbit/s and 0.6 MB."""

    __slots__ = ("_mask", "_numbers", "_packets", "capacity", "highest")

    def __init__(self, capacity: int = 512) -> None:
        if capacity & (capacity - 1) or capacity < 2:
            raise ValueError("capacity must be a power of two")
        self.capacity = capacity
        self._mask = capacity - 1
        self._numbers = [-1] * capacity
        self._packets: list[bytes] = [b""] * capacity
        self.highest = -1

    def store(self, number: int, packet: bytes) -> bool:
        """Keep one packet under its extended number; False when it is a double or too old to be kept."""
        if number < self.highest - self._mask or number < 0:
            return False
        slot = number & self._mask
        if self._numbers[slot] == number:
            return False
        self._numbers[slot] = number
        self._packets[slot] = packet
        if number > self.highest:
            self.highest = number
        return True

    def find(self, number: int) -> bytes | None:
        """The packet with these low 16 bits, if it is still kept."""
        slot = number & self._mask
        kept = self._numbers[slot]
        if kept < 0 or (kept ^ number) & 0xFFFF or kept < self.highest - self._mask:
            return None
        return self._packets[slot]
