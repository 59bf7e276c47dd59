"""What can be asked now: each specialty, how many are on call for it, and how long one waits."""

from __future__ import annotations

from pydantic import BaseModel, Field

from tele.services.context import Services
from tele.services.paging_world import World
from tele.services.progress import duty_phone, expected_wait_of


class SpecialtyView(BaseModel):
    """One specialty."""

    code: str
    name: dict[str, str] = Field(description="By language: en, zh-CN.")
    on_call: int = Field(description="Specialists who are on call now.")
    expected_wait_s: int | None = Field(description="Seconds until acceptance, as lately; null when too few are known.")
    duty_phone: str | None


class SpecialtyList(BaseModel):
    """All specialties."""

    items: list[SpecialtyView]


class FormView(BaseModel):
    """A consent form to be read to the patient."""

    kind: str
    version: str
    title: dict[str, str]
    text: dict[str, str]


class FormList(BaseModel):
    """The consent forms that are in force."""

    items: list[FormView]


async def list_specialties(services: Services) -> SpecialtyList:
    """Every configured specialty, in the order of the configuration."""
    now = services.clock()
    async with services.database.reading() as tx:
        roster = (await World.read(tx, now)).roster
        items = [
            SpecialtyView(
                code=specialty.code,
                name=specialty.name.model_dump(by_alias=True),
                on_call=len({one.practitioner for one in roster.on_call(specialty.code, now)}),
                expected_wait_s=await expected_wait_of(tx, specialty.code, None, now),
                duty_phone=await duty_phone(tx, specialty.code),
            )
            for specialty in services.reference.specialties.values()
        ]
    return SpecialtyList(items=items)


def list_forms(services: Services) -> FormList:
    """The current version of each consent form."""
    return FormList(
        items=[
            FormView(
                kind=form.kind,
                version=form.version,
                title=form.title.model_dump(by_alias=True),
                text=form.text.model_dump(by_alias=True),
            )
            for form in services.reference.consent_forms
            if form.current
        ]
    )
