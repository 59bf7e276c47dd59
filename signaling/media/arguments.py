"""What comes in with a command is checked here: types, sizes, known words. Pure."""

from __future__ import annotations

from typing import Final, cast

from signaling.media.errors import BadArgumentError
from signaling.media.sdp.answer import SOURCE_KIND
from signaling.media.sdp.parse import MAX_MEDIA
from tele.domain.media import Source

MAX_NAME: Final = 128
MAX_CODECS: Final = 16


def name(value: object, what: str) -> str:
    """A room, participant or session: 1 to 128 printable characters."""
    if not isinstance(value, str) or not 0 < len(value) <= MAX_NAME or not value.isprintable():
        raise BadArgumentError(f"The {what} must be 1 to {MAX_NAME} printable characters.")
    return value


def version(value: object) -> int:
    """An offer's version."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
        raise BadArgumentError("The version must be a whole number.")
    return value


def codecs(value: object) -> list[str]:
    """Names of video codecs."""
    if (
        not isinstance(value, list | tuple)
        or len(value) > MAX_CODECS
        or not all(isinstance(each, str) for each in value)
    ):
        raise BadArgumentError(f"The codecs must be a list of at most {MAX_CODECS} names.")
    return list(value)


def sources(value: object) -> dict[str, Source]:
    """Sources by mid, each source once."""
    if not isinstance(value, dict) or len(value) > MAX_MEDIA:
        raise BadArgumentError(f"The sources must be a mapping of at most {MAX_MEDIA} media sections.")
    for mid, source in value.items():
        if not isinstance(mid, str) or source not in SOURCE_KIND:
            raise BadArgumentError("A source must be one of: " + ", ".join(SOURCE_KIND) + ".")
    if len(set(value.values())) != len(value):
        raise BadArgumentError("Each source can be published once.")
    return cast(dict[str, Source], dict(value))
