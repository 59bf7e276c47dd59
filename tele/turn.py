"""Credentials for the site's TURN server, made per person and short-lived (draft-uberti-behave-turn-rest-00 §2.2)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tele.settings import Settings


@dataclass(frozen=True, slots=True)
class Turn:
    """What browsers in a room are told of the TURN server. Without `urls` there is none.

    `secret` is coturn's `static-auth-secret`; `lifetime` is in seconds. `clock` gives seconds since 1970, `new_id` a
    random name: the user name carries the expiry and that name, and says nothing of the person.
    """

    urls: tuple[str, ...]
    secret: bytes
    lifetime: int
    clock: Callable[[], float]
    new_id: Callable[[], str]

    def ice_servers(self) -> list[dict[str, Any]]:
        """A fresh RTCIceServer (W3C WebRTC §4.2.4) in a list, or an empty list."""
        if not self.urls:
            return []
        username = f"{int(self.clock()) + self.lifetime}:{self.new_id()}"
        password = base64.b64encode(hmac.digest(self.secret, username.encode(), hashlib.sha1)).decode()
        return [{"urls": list(self.urls), "username": username, "credential": password}]

    def __repr__(self) -> str:
        """Without the secret, so that no log can hold it."""
        return f"Turn(urls={self.urls}, lifetime={self.lifetime})"


def from_settings(settings: Settings, clock: Callable[[], float], new_id: Callable[[], str]) -> Turn:
    """The TURN server that the operator named."""
    section = settings.turn
    secret = section.secret.get_secret_value().encode()
    return Turn(tuple(section.urls), secret, section.lifetime_minutes * 60, clock, new_id)
