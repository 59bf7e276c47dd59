"""People and where they work: roles, kinds of organisation, languages."""

from __future__ import annotations

from typing import Literal, get_args

Role = Literal["gp", "specialist", "learner", "coordinator", "administrator", "auditor"]
OrganisationKind = Literal["hospital", "phc"]
Language = Literal["en", "zh-CN"]

ROLES: tuple[Role, ...] = get_args(Role)
LANGUAGES: tuple[Language, ...] = get_args(Language)

CLINICAL: frozenset[Role] = frozenset({"gp", "specialist", "learner"})
"""Roles that may be shown a case at all. Coordinators, administrators and auditors are shown none."""


def choose_language(accepted: str, default: Language = "en") -> Language:
    """The language of an Accept-Language header (RFC 9110 §12.5.4) that we have; any Chinese is Simplified Chinese."""
    best: tuple[float, Language] | None = None
    for item in accepted[:500].split(",")[:20]:
        tag, _, parameters = item.partition(";")
        try:
            quality = float(parameters.partition("=")[2] or 1)
        except ValueError:
            continue
        primary = tag.strip().lower().split("-")[0]
        language: Language | None = {"zh": "zh-CN", "en": "en"}.get(primary)  # type: ignore[assignment]
        if language and quality > 0 and (best is None or quality > best[0]):
            best = (quality, language)
    return best[1] if best else default


def name_in(language: str, name: str, name_zh: str | None) -> str:
    """A person's name as a reader of this language knows it."""
    return name_zh if language == "zh-CN" and name_zh else name
