"""Credentials for connectivity checks of no call: how a site finds out what its network lets through. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from signaling.media.policy.ice import Credentials, new_credentials

LIFETIME: Final = 300.0
"""Seconds for which credentials are given out; they are good for as long again."""


class LineCheck:
    """Two generations of credentials. A check that is signed with one of them is answered and leaves nothing behind.

    The answer to such a check is smaller than the check itself (RFC 8489 §14: both carry MESSAGE-INTEGRITY, only the
    check a USERNAME), so a forged source address gains nothing. `choose` picks one character, unpredictably.
    """

    def __init__(self, choose: Callable[[str], str]) -> None:
        self._choose = choose
        self._given: list[tuple[Credentials, float]] = []

    def credentials(self, now: float) -> tuple[Credentials, float]:
        """Credentials to give out, and the seconds for which they are good at least."""
        if not self._given or now - self._given[-1][1] >= LIFETIME:
            self._given = [*self._given[-1:], (new_credentials(self._choose), now)]
        made, since = self._given[-1]
        return made, since + 2 * LIFETIME - now

    def password(self, ufrag: str, now: float) -> str | None:
        """The password that a check naming this fragment must be signed with; None when there is none (any more)."""
        for made, since in self._given:
            if made.ufrag == ufrag and now - since < 2 * LIFETIME:
                return made.password
        return None
