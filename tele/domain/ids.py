"""Identifiers: random, unguessable, and meaning nothing."""

from __future__ import annotations

import secrets

ID_LENGTH = 32
"""Longest id that is stored or accepted, in characters; ours have 22."""


def new_id() -> str:
    """A fresh id of 128 random bits, safe in URLs and file names. Pure code takes this function as an argument."""
    return secrets.token_urlsafe(16)


def is_id(text: str) -> bool:
    """Whether a text from outside has the shape of an id; says nothing of whether such a thing exists."""
    return 0 < len(text) <= ID_LENGTH and text.isascii() and text.replace("-", "").replace("_", "").isalnum()
