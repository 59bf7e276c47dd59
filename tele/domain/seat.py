"""The seat of a person in a call: the same id whenever they come back."""

from __future__ import annotations

import base64
import hashlib


def participant_id(room: str, practitioner: str) -> str:
    """The seat of a person in a room: the same after a reload, a lost line, or a restart of the server.

    It is derived, not stored, so that whoever comes back finds their seat (and their recorded track) again. It grants
    nothing: each message is checked against the session that sent it.
    """
    digest = hashlib.sha256(f"{room}:{practitioner}".encode()).digest()
    return "p_" + base64.urlsafe_b64encode(digest)[:16].decode()
