"""Bits of a byte string, most significant first: fixed width and Exp-Golomb (ITU-T H.264 §9.1)."""

from __future__ import annotations

from recorder.errors import Malformed


class Bits:
    """Reads one bit string from its start; every read past the end raises Malformed."""

    __slots__ = ("_left", "_value")

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = len(data) * 8

    def u(self, width: int) -> int:
        """An unsigned number of `width` bits."""
        if width > self._left:
            raise Malformed("bit string ends early")
        self._left -= width
        return (self._value >> self._left) & ((1 << width) - 1)

    def flag(self) -> bool:
        return self.u(1) == 1

    def ue(self) -> int:
        """An unsigned Exp-Golomb number, at most 32 bits wide as the standard bounds every syntax element."""
        zeros = 0
        while not self.u(1):
            zeros += 1
            if zeros > 32:
                raise Malformed("Exp-Golomb code longer than 32 bits")
        return (1 << zeros) - 1 + self.u(zeros)

    def se(self) -> int:
        """A signed Exp-Golomb number (§9.1.1)."""
        code = self.ue()
        return (code + 1) // 2 if code & 1 else -(code // 2)
