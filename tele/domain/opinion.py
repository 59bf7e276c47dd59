"""The specialist's opinion: a draft of three fields, then signed; from then on it changes by addendum alone."""

from __future__ import annotations

from typing import Literal

from tele.domain.refusals import FieldError, Invalid

NextStep = Literal["advice-only", "come-back", "refer"]
OpinionState = Literal["draft", "signed"]


def check_complete(assessment: str, advice: str, next_step: str | None) -> None:
    """Raise Invalid unless the opinion says something: a signature under half of one is none."""
    errors = [
        FieldError(field, "missing")
        for field, value in (("assessment", assessment), ("advice", advice), ("next_step", next_step))
        if not value
    ]
    if errors:
        raise Invalid("opinion-incomplete", errors)
