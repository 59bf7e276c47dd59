"""Cursors of long lists: a time and an id in an opaque text, so that a page never repeats or skips a row."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime

from tele.domain.refusals import FieldError, Invalid


def write_cursor(at: datetime, row_id: str) -> str:
    """The cursor after the row with this time and id."""
    return base64.urlsafe_b64encode(f"{at.isoformat()} {row_id}".encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> tuple[datetime, str]:
    """What `write_cursor` put in. Raises Invalid for a text that is none of ours."""
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        at, _, last = text.partition(" ")
        return datetime.fromisoformat(at).astimezone(UTC), last
    except (binascii.Error, ValueError, OverflowError) as error:
        raise Invalid(errors=[FieldError("cursor", "format")]) from error
