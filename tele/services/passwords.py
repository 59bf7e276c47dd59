"""Passwords: argon2id off the event loop, a few at a time, and equally slow for accounts that do not exist."""

from __future__ import annotations

import asyncio

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MIN_LENGTH = 10
"""Shortest password that a person may choose, in characters (length over rotation, NIST SP 800-63B §3.1.1)."""
MAX_LENGTH = 256
_AT_ONCE = 2


class Passwords:
    """Hashes and checks; argon2-cffi's defaults are RFC 9106 §4's second recommendation (64 MiB, 3 passes)."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._turn = asyncio.Semaphore(_AT_ONCE)  # each takes 64 MiB and a core
        self._nobody: str | None = None

    async def hash(self, password: str) -> str:
        """The PHC string to store."""
        async with self._turn:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def matches(self, stored: str | None, password: str) -> bool:
        """Whether the password is right. With no stored hash it takes as long and is false: names cannot be guessed."""
        async with self._turn:
            return await asyncio.to_thread(self._check, stored, password)

    def _check(self, stored: str | None, password: str) -> bool:
        if self._nobody is None:
            self._nobody = self._hasher.hash("nobody has this password")
        try:
            return self._hasher.verify(stored or self._nobody, password) and stored is not None
        except (VerificationError, InvalidHashError):
            return False
