"""Codes that check people into a lecture: shown as a QR code in the hall or on a shared screen. Pure.

A code names the lecture, who shows it and the minute, and is signed with the lecture's own key: it cannot be guessed,
and a photograph of it that is passed on is soon worth nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

How = Literal["hall", "group"]

WINDOW: Final = 30
"""Seconds for which one code is shown."""
ACCEPTED: Final = 3
"""Windows for which it is still taken: a slow scan and a sign-in have to fit in."""
_MARK: Final[dict[How, str]] = {"hall": "h", "group": "g"}
_LENGTH: Final = 16
"""Characters of the signature: 80 bits."""


@dataclass(frozen=True, slots=True)
class Shown:
    """Who shows the code: the hall's screen, or one person's to the others in their room."""

    how: How
    by: str


def make(key: str, lecture: str, shown: Shown, now: datetime) -> str:
    """The code for this moment, of letters, digits, `-` and `_` alone."""
    window = int(now.astimezone(UTC).timestamp()) // WINDOW
    head = f"{_MARK[shown.how]}-{shown.by}"
    return f"{head}-{_signature(key, lecture, head, window)}"


def check(key: str, lecture: str, code: str, now: datetime) -> Shown | None:
    """Who showed this code; None when it is not one of this lecture, or of an earlier time."""
    head, _, signature = code.rpartition("-")
    mark, _, by = head.partition("-")
    how = next((how for how, known in _MARK.items() if known == mark), None)
    if how is None or not by or len(code) > 100 or not code.isascii():
        return None
    window = int(now.astimezone(UTC).timestamp()) // WINDOW
    for age in range(ACCEPTED):
        if hmac.compare_digest(signature, _signature(key, lecture, head, window - age)):
            return Shown(how, by)
    return None


def _signature(key: str, lecture: str, head: str, window: int) -> str:
    digest = hmac.new(key.encode(), f"{lecture}|{head}|{window}".encode(), hashlib.sha256).digest()
    return base64.b32encode(digest).decode()[:_LENGTH].lower()
