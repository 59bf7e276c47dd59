"""Refusals of conditional requests (RFC 9110 §13.1.1, RFC 6585 §3)."""

from __future__ import annotations

from tele.domain.refusals import Refusal


class PreconditionFailed(Refusal):
    """412: the request was meant for another state of the thing."""

    def __init__(self) -> None:
        super().__init__("precondition-failed")


class PreconditionRequired(Refusal):
    """428: the request must say for which state of the thing it is meant."""

    def __init__(self) -> None:
        super().__init__("precondition-required")
