"""Consent of the patient: to the teleconsultation, without which nobody is asked, and to its recording."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from tele.domain.refusals import FieldError, Invalid

ConsentKind = Literal["teleconsultation", "recording"]
GivenBy = Literal["patient", "guardian"]

MAX_AGE = timedelta(days=30)
"""A consent is to this consultation: one given longer ago was to another."""
CLOCK_SKEW = timedelta(minutes=10)
"""How far ahead of ours the clock of a GP's machine may be."""


@dataclass(frozen=True, slots=True)
class GivenConsent:
    """A consent as the GP wrote it down. `photo` is the id of a photograph of the signed form."""

    kind: ConsentKind
    form_version: str
    given_by: GivenBy
    guardian_name: str | None
    witness: str | None
    given_at: datetime
    photo: str | None


def check(given: Collection[GivenConsent], forms: Collection[tuple[str, str]], now: datetime) -> None:
    """Raise Invalid unless these consents allow a consultation; `forms` are the existing pairs of kind and version."""
    errors: list[FieldError] = []
    kinds: set[str] = set()
    for index, each in enumerate(given):
        if each.kind in kinds:
            errors.append(FieldError(f"consents.{index}.kind", "twice"))
        kinds.add(each.kind)
        errors += check_one(each, forms, now, f"consents.{index}")
    if "teleconsultation" not in kinds:
        raise Invalid("consent-required", [FieldError("consents", "missing")])
    if errors:
        raise Invalid(errors=errors)


def check_one(given: GivenConsent, forms: Collection[tuple[str, str]], now: datetime, place: str) -> list[FieldError]:
    """What is wrong with one consent, under the dotted path `place`."""
    errors = []
    if (given.kind, given.form_version) not in forms:
        errors.append(FieldError(f"{place}.form_version", "choice"))
    if given.given_by == "guardian" and not given.guardian_name:
        errors.append(FieldError(f"{place}.guardian_name", "missing"))
    if not now - MAX_AGE <= given.given_at <= now + CLOCK_SKEW:
        errors.append(FieldError(f"{place}.given_at", "range"))
    return errors
