"""The demo consortium: made once, in a database in which nobody has an account yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict
from sqlalchemy import exists, select

from tele.domain.people import Language, OrganisationKind, Role
from tele.services.accounts import NewAccount, NewRole, create_account, create_organisation
from tele.services.context import Services
from tele.services.demo_roster import ensure_demo_roster
from tele.store.tables import Organisation, Practitioner


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DemoOrganisation(_Strict):
    """An organisation; `key` is what the accounts below it name it by."""

    key: str
    name: str
    name_zh: str
    kind: OrganisationKind
    duty_phone: str | None = None


class DemoRole(_Strict):
    """One role of a demo account."""

    role: Role
    organisation: str
    specialties: tuple[str, ...] = ()


class DemoAccount(_Strict):
    """A demo account."""

    username: str
    name: str
    name_zh: str
    title: str
    phone: str | None = None
    language: Language = "en"
    roles: tuple[DemoRole, ...]


class DemoConsortium(_Strict):
    """The content of config/demo.yaml."""

    organisations: tuple[DemoOrganisation, ...]
    accounts: tuple[DemoAccount, ...]


@dataclass(frozen=True, slots=True)
class Created:
    """One account that was made, to be printed."""

    username: str
    name: str
    roles: tuple[Role, ...]


def read_demo(path: Path) -> DemoConsortium:
    """config/demo.yaml, checked."""
    return DemoConsortium.model_validate(yaml.safe_load(path.read_text("utf-8")))


async def create_demo(services: Services, demo: DemoConsortium, password: str) -> list[Created]:
    """Make the demo consortium, unless there are accounts: the list is then empty.

    A start that died half-way is taken up again at the next one: what exists already is left as it is.
    """
    async with services.database.reading() as tx:
        theirs = select(exists().where(Practitioner.password_is_demo.is_(False)))
        if (await tx.execute(theirs)).scalar():
            return []
        existing = set(await tx.scalars(select(Practitioner.username)))
        keys = {row.name: row.id for row in await tx.scalars(select(Organisation))}
    if existing >= {account.username for account in demo.accounts}:
        return []
    places: dict[str, str] = {}
    for place in demo.organisations:
        places[place.key] = keys.get(place.name) or await create_organisation(
            services, None, place.name, place.kind, name_zh=place.name_zh, duty_phone=place.duty_phone
        )
    password_hash = await services.passwords.hash(password)  # one password, one hash: a first start is quick
    for account in demo.accounts:
        if account.username not in existing:
            roles = [NewRole(each.role, places[each.organisation], each.specialties) for each in account.roles]
            await create_account(
                services,
                None,
                NewAccount(
                    username=account.username, name=account.name, name_zh=account.name_zh, title=account.title,
                    language=account.language, phone=account.phone, password=password,
                    password_hash=password_hash, roles=roles, is_demo=True,
                ),
            )  # fmt: skip
    await _plan(services, demo, places)
    return [
        Created(account.username, account.name, tuple(dict.fromkeys(each.role for each in account.roles)))
        for account in demo.accounts
    ]


async def _plan(services: Services, demo: DemoConsortium, places: Mapping[str, str]) -> None:
    """A roster for the demo's hospitals, with nobody on call now."""
    async with services.database.transaction() as tx:
        ids = {row.username: row.id for row in await tx.scalars(select(Practitioner))}
        for key, place in places.items():
            specialists: dict[str, list[str]] = {}
            for account in demo.accounts:
                for role in account.roles:
                    for code in role.specialties if (role.role, role.organisation) == ("specialist", key) else ():
                        specialists.setdefault(code, []).append(ids[account.username])
            await ensure_demo_roster(
                tx, organisation=place, specialists=specialists, now=services.clock(), new_id=services.new_id
            )
