"""What a site configures as data: specialties, consent forms, escalation, and the sentences of refusals."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from tele.domain.escalation import Policies
from tele.domain.people import LANGUAGES
from tele.domain.refusals import Refusal

LOCALES = Path(__file__).resolve().parent.parent / "locales"


class Names(BaseModel):
    """One text in each language."""

    model_config = ConfigDict(populate_by_name=True, frozen=True, extra="forbid")

    en: str
    zh: str = Field(alias="zh-CN")

    def in_language(self, language: str) -> str:
        """The text for a reader of this language."""
        return self.zh if language == "zh-CN" else self.en


class Specialty(BaseModel):
    """A medical specialty that can be asked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str = Field(pattern=r"^[a-z][a-z-]{1,30}$")
    name: Names


class ConsentForm(BaseModel):
    """One version of one consent form; old versions stay, since consents name them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["teleconsultation", "recording", "lecture"]
    version: str = Field(pattern=r"^[A-Za-z0-9.-]{1,32}$")
    current: bool = False
    title: Names
    text: Names


@dataclass(frozen=True, slots=True)
class Reference:
    """Everything configured, read once at start."""

    specialties: Mapping[str, Specialty]
    consent_forms: tuple[ConsentForm, ...]
    wording: Mapping[str, Mapping[str, Mapping[str, str]]]
    """language → code → {"title", "detail"}."""
    escalation: Policies

    @classmethod
    def load(cls, config: Path) -> Reference:
        """From `specialties.yaml` and `consent-forms.yaml` of the configuration folder; a mistake in them raises."""
        specialties = [Specialty.model_validate(item) for item in _yaml(config / "specialties.yaml", "specialties")]
        forms = [ConsentForm.model_validate(item) for item in _yaml(config / "consent-forms.yaml", "forms")]
        wording: dict[str, dict[str, dict[str, str]]] = {
            language: json.loads((LOCALES / f"{language}.json").read_text("utf-8")) for language in LANGUAGES
        }
        escalation = Policies.model_validate(yaml.safe_load((config / "escalation.yaml").read_text("utf-8")))
        return cls({item.code: item for item in specialties}, tuple(forms), wording, escalation)

    def form(self, kind: str, version: str) -> ConsentForm | None:
        """The form that a consent names, if there is or was one."""
        return next((form for form in self.consent_forms if (form.kind, form.version) == (kind, version)), None)

    def say(self, refusal: Refusal, language: str) -> tuple[str, str]:
        """Title and detail of a refusal in words."""
        texts = self.wording.get(language) or self.wording["en"]
        entry = texts.get(refusal.code) or texts["error"]
        words = {"seconds": "", "minutes": "", **{key: str(value) for key, value in refusal.words.items()}}
        return entry["title"], entry["detail"].format_map(_Forgiving(words))


class _Forgiving(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "…"


def _yaml(path: Path, key: str) -> list[Any]:
    content = yaml.safe_load(path.read_text("utf-8"))
    items = content.get(key) if isinstance(content, dict) else None
    if not isinstance(items, list):
        raise ValueError(f"{path} has no list named {key}")
    return items
