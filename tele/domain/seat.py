"""The seat of a person or a device in a call: the same id whenever they come back."""

from __future__ import annotations

import base64
import hashlib
from typing import Final

DEVICE: Final = "d_"


def participant_id(room: str, practitioner: str) -> str:
    """The seat of a person in a room: the same after a reload, a lost line, or a restart of the server.

    It is derived, not stored, so that whoever comes back finds their seat (and their recorded track) again. It grants
    nothing: each message is checked against the session that sent it.
    """
    return "p_" + _digest(room, practitioner)


def device_id(room: str, token: str) -> str:
    """The seat of whatever enters a room with the ingest token of this id: one token, one seat."""
    return DEVICE + _digest(room, token)


def is_device(participant: str) -> bool:
    """Whether this is the seat of a device, not of a person."""
    return participant.startswith(DEVICE)


def _digest(room: str, who: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(f"{room}:{who}".encode()).digest())[:16].decode()
