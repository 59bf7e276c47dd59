"""Bits of a byte string, most significant first, read and written: fixed width and Exp-Golomb (ITU-T H.264 §9.1)."""

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


class BitWriter:
    """Puts a bit string together."""

    __slots__ = ("_size", "_value")

    def __init__(self) -> None:
        self._value = 0
        self._size = 0

    @property
    def aligned(self) -> bool:
        """Whether it ends with a whole byte."""
        return self._size % 8 == 0

    def u(self, width: int, value: int) -> None:
        """An unsigned number in `width` bits, which it fits."""
        self._value = self._value << width | value
        self._size += width

    def ue(self, value: int) -> None:
        """An unsigned Exp-Golomb number."""
        width = (value + 1).bit_length()
        self.u(2 * width - 1, value + 1)

    def se(self, value: int) -> None:
        """A signed Exp-Golomb number (§9.1.1)."""
        self.ue(2 * value - 1 if value > 0 else -2 * value)

    def data(self) -> bytes:
        """What was written, filled up with zeros to whole bytes."""
        fill = -self._size % 8
        return (self._value << fill).to_bytes((self._size + fill) // 8, "big")
