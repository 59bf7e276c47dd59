"""Why something is refused: one exception for each way, with a code that the catalogues put into words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class Refusal(Exception):
    """A rule said no. `code` names the reason, `words` fill the sentence, `extra` goes to the caller as data.

    Neither holds anything that the caller may not know. Boundaries turn a refusal into a problem document (RFC 9457)
    or a typed socket error.
    """

    def __init__(self, code: str, *, extra: dict[str, object] | None = None, **words: str | int) -> None:
        super().__init__(code)
        self.code = code
        self.words = words
        self.extra: dict[str, object] = extra or {}


class SignedOut(Refusal):
    """Nobody is signed in, or the session has ended."""

    def __init__(self, code: str = "signed-out") -> None:
        super().__init__(code)


class Unknown(Refusal):
    """There is no such thing, or the caller may not know that there is."""

    def __init__(self, code: str = "not-found") -> None:
        super().__init__(code)


class Forbidden(Refusal):
    """The caller may know of the thing but not do this with it."""

    def __init__(self, code: str = "forbidden") -> None:
        super().__init__(code)


class Conflict(Refusal):
    """The thing is no longer, or not yet, in a state in which this can be done."""


class TooLarge(Refusal):
    """More bytes than are taken."""


class WrongType(Refusal):
    """Bytes of a kind that is not taken."""


class TooMany(Refusal):
    """Too often in too short a time; `retry_after` is in seconds."""

    def __init__(self, code: str, retry_after: int) -> None:
        super().__init__(code, seconds=retry_after, minutes=max(1, round(retry_after / 60)))
        self.retry_after = retry_after


class Unavailable(Refusal):
    """The server cannot do it now, through no fault of the caller."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field: its dotted path, a code, and a sentence when the boundary has one."""

    field: str
    code: str


class Invalid(Refusal):
    """The request does not say something that can be done; `errors` names the fields."""

    def __init__(self, code: str = "invalid", errors: Sequence[FieldError] = ()) -> None:
        super().__init__(code)
        self.errors = tuple(errors)
