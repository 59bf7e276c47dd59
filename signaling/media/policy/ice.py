"""An ICE-lite agent (RFC 8445 §2.5): its credentials, and which of the peer's addresses it sends to. Pure."""

from __future__ import annotations

import string
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

SILENCE: Final = 2.0
"""Seconds without anything from the chosen path after which any authentic check may move it: not every browser
repeats USE-CANDIDATE when its address changes."""
QUIET: Final = 0.3
"""Seconds: what arrives at a browser is acknowledged ten times a second."""
MAX_GENERATIONS: Final = 2
"""Credentials kept: checks with the old ones still come while a restart is under way."""

_ALPHABET = string.ascii_letters + string.digits

PathT = TypeVar("PathT")


@dataclass(frozen=True, slots=True)
class Credentials:
    """One generation of our own ufrag and password (RFC 8839 §5.4)."""

    ufrag: str
    password: str


def new_credentials(choose: Callable[[str], str]) -> Credentials:
    """Random credentials of 12 and 24 characters; `choose` picks one character of a string, unpredictably."""
    text = "".join(choose(_ALPHABET) for _ in range(36))
    return Credentials(text[:12], text[12:])


class IceAgent(Generic[PathT]):
    """Decides where to send. A path is the caller's handle of a remote address, the same object each time."""

    def __init__(self, credentials: Credentials) -> None:
        self.generations = [credentials]
        self.path: PathT | None = None
        self._heard_on_path = float("-inf")

    @property
    def credentials(self) -> Credentials:
        """The newest generation: what the next description carries."""
        return self.generations[-1]

    def restart(self, credentials: Credentials) -> list[Credentials]:
        """Begin a new generation (RFC 8445 §9); returns those that are no longer accepted."""
        self.generations.append(credentials)
        retired = self.generations[:-MAX_GENERATIONS]
        del self.generations[:-MAX_GENERATIONS]
        return retired

    def password(self, ufrag: str) -> str | None:
        """Our password for a check that names this fragment."""
        for each in self.generations:
            if each.ufrag == ufrag:
                return each.password
        return None

    def silent(self, now: float) -> bool:
        """Whether nothing has come by the chosen path for longer than a browser that receives is quiet."""
        return now - self._heard_on_path > QUIET

    def checked(self, path: PathT, nominated: bool, now: float) -> bool:
        """An authentic check came from `path`; True when it becomes the one to send to."""
        if path is self.path:
            self._heard_on_path = now
            return False
        if nominated or self.path is None or now - self._heard_on_path > SILENCE:
            return self._move(path, now)
        return False

    def media(self, path: PathT, now: float) -> bool:
        """Authentic SRTP came from `path`: the peer sends from there, so it is where it wants to be answered."""
        if path is self.path:
            self._heard_on_path = now
            return False
        return self._move(path, now)

    def lost(self, path: PathT) -> None:
        """A path is gone, as a closed TCP connection is: the next check or packet from anywhere decides."""
        if path is self.path:
            self.path = None

    def _move(self, path: PathT, now: float) -> bool:
        self.path = path
        self._heard_on_path = now
        return True
