"""Field types of request bodies: texts cleaned and bounded, ids, times."""

from __future__ import annotations

from datetime import UTC
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, StringConstraints

from tele.domain.ids import ID_LENGTH, is_id
from tele.domain.text import clean_line, clean_text


def _cleaned_line(value: Any) -> Any:
    return clean_line(value) if isinstance(value, str) and len(value) <= 20_000 else value


def _cleaned_text(value: Any) -> Any:
    return clean_text(value) if isinstance(value, str) and len(value) <= 100_000 else value


def _none_if_empty(value: Any) -> Any:
    return None if value == "" else value


def _is_id(value: str) -> str:
    if not is_id(value):
        raise ValueError("not an id")
    return value


Line = Annotated[str, BeforeValidator(_cleaned_line), StringConstraints(min_length=1, max_length=200)]
"""A name or title: one line of at most 200 characters."""
Text = Annotated[str, BeforeValidator(_cleaned_text), StringConstraints(min_length=1, max_length=4000)]
"""A question or message: prose of at most 4000 characters."""
LongText = Annotated[str, BeforeValidator(_cleaned_text), StringConstraints(max_length=20_000)]
"""A part of an opinion, which may be empty while it is a draft."""
OptionalLine = Annotated[Line | None, BeforeValidator(_none_if_empty), BeforeValidator(_cleaned_line)]
OptionalText = Annotated[
    Annotated[str, StringConstraints(max_length=8000)] | None,
    BeforeValidator(_none_if_empty),
    BeforeValidator(_cleaned_text),
]
Id = Annotated[str, StringConstraints(max_length=ID_LENGTH), AfterValidator(_is_id)]
ClientId = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.:-]+$")]
"""An id that the client made, so that a repeated message is the same message."""
Moment = Annotated[AwareDatetime, AfterValidator(lambda value: value.astimezone(UTC))]
