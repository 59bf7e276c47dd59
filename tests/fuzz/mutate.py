"""Damage to byte strings, from a seeded source: flipped bits, other bytes, cuts, doubled pieces, splices of two."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final

_TELLING: Final = (0x00, 0x01, 0x7F, 0x80, 0xFE, 0xFF)
"""Bytes that lengths and counts go wrong with."""


class Mutator:
    """Endless damaged copies of some originals; the same seed gives the same ones."""

    def __init__(self, originals: Sequence[bytes], seed: int, max_size: int) -> None:
        self._originals = [each for each in originals if each] or [b"\0"]
        self._random = random.Random(seed)
        self._max_size = max_size

    def next(self) -> bytes:
        """One of them, damaged in one to four places."""
        chance = self._random
        data = bytearray(chance.choice(self._originals))
        for _ in range(chance.randint(1, 4)):
            self._damage(data)
        return bytes(data[: self._max_size])

    def _damage(self, data: bytearray) -> None:
        chance = self._random
        at = chance.randrange(len(data) + 1)
        kind = chance.randrange(7)
        if kind == 0 and at < len(data):
            data[at] ^= 1 << chance.randrange(8)
        elif kind == 1 and at < len(data):
            data[at] = chance.choice(_TELLING)
        elif kind == 2:
            del data[at:]
        elif kind == 3:
            del data[at : at + chance.randint(1, 16)]
        elif kind == 4:
            data[at:at] = chance.randbytes(chance.randint(1, 16))
        elif kind == 5:
            data[at:at] = data[at : at + chance.randint(1, 64)]
        else:
            other = chance.choice(self._originals)
            data[at:] = other[chance.randrange(len(other)) :]
