"""Organisations and accounts: made, closed, opened again, given a password and a language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from tele.domain.access import Actor
from tele.domain.people import LANGUAGES, Language, OrganisationKind, Role
from tele.domain.refusals import Conflict, FieldError, Invalid, Unknown
from tele.domain.text import clean_line
from tele.services.context import Services
from tele.services.passwords import MAX_LENGTH, MIN_LENGTH
from tele.services.sign_in import revoke
from tele.store import audit
from tele.store.tables import Organisation, Practitioner, PractitionerRole

_USERNAME = frozenset("abcdefghijklmnopqrstuvwxyz0123456789._-@")


@dataclass(frozen=True, slots=True)
class NewRole:
    """A role in an organisation; specialties are codes and matter to specialists."""

    role: Role
    organisation: str
    specialties: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What an account is made of. The password's length is checked unless it is the demo's."""

    username: str
    name: str
    password: str
    roles: Sequence[NewRole]
    name_zh: str | None = None
    title: str | None = None
    language: Language = "en"
    phone: str | None = None
    email: str | None = None
    is_demo: bool = False
    password_hash: str | None = None
    """Made already; the password is then not looked at."""


async def create_organisation(
    services: Services,
    actor: Actor | None,
    name: str,
    kind: OrganisationKind,
    *,
    name_zh: str | None = None,
    duty_phone: str | None = None,
) -> str:
    """Make an organisation; returns its id. `actor` None is the operator of the server."""
    now, organisation_id = services.clock(), services.new_id()
    name = clean_line(name)
    if not name or len(name) > 200:
        raise Invalid(errors=[FieldError("name", "missing" if not name else "too-long")])
    async with services.database.transaction() as tx:
        tx.add(Organisation(id=organisation_id, name=name, name_zh=name_zh, kind=kind, duty_phone=duty_phone))
        audit.record(
            tx, actor=actor, action="organisation.create", subject_type="organisation", subject_id=organisation_id,
            at=now, id=services.new_id(),
        )  # fmt: skip
    return organisation_id


async def create_account(services: Services, actor: Actor | None, account: NewAccount) -> str:
    """Make an account; returns its id. Raises Invalid, or Conflict("username-taken")."""
    username = account.username.strip().lower()
    _check_account(username, account, services)
    if not account.is_demo:
        check_password(account.password)
    password_hash = account.password_hash or await services.passwords.hash(account.password)
    now, person_id = services.clock(), services.new_id()
    try:
        async with services.database.transaction() as tx:
            tx.add(
                Practitioner(
                    id=person_id, username=username, name=clean_line(account.name), name_zh=account.name_zh,
                    title=account.title, language=account.language, password_hash=password_hash,
                    password_is_demo=account.is_demo, phone=account.phone, email=account.email, active=True,
                    created_at=now,
                )
            )  # fmt: skip
            await tx.flush()
            for role in account.roles:
                tx.add(
                    PractitionerRole(
                        id=services.new_id(), practitioner=person_id, organisation=role.organisation, role=role.role,
                        specialties=list(role.specialties),
                    )
                )  # fmt: skip
            audit.record(
                tx, actor=actor, action="account.create", subject_type="practitioner", subject_id=person_id, at=now,
                id=services.new_id(), details={"roles": [[role.role, role.organisation] for role in account.roles]},
            )  # fmt: skip
            await tx.flush()
    except IntegrityError as error:
        raise Conflict("username-taken") from error
    return person_id


async def set_active(services: Services, actor: Actor | None, username: str, active: bool) -> None:
    """Close or reopen an account. Closing ends every session, socket and call of that person at once."""
    now = services.clock()
    async with services.database.transaction() as tx:
        person = await tx.scalar(select(Practitioner).where(Practitioner.username == username.strip().lower()))
        if person is None:
            raise Unknown
        person.active = active
        if not active:
            await revoke(tx, person.id, None, now)
        audit.record(
            tx, actor=actor, action="account.open" if active else "account.close", subject_type="practitioner",
            subject_id=person.id, at=now, id=services.new_id(),
        )  # fmt: skip
    if not active:
        await services.watch.ended(person.id, None, "disabled")


async def set_password(services: Services, actor: Actor | None, username: str, password: str) -> None:
    """Give an account a new password; everyone who was signed in with the old one is signed out."""
    check_password(password)
    password_hash = await services.passwords.hash(password)
    now = services.clock()
    async with services.database.transaction() as tx:
        person = await tx.scalar(select(Practitioner).where(Practitioner.username == username.strip().lower()))
        if person is None:
            raise Unknown
        person.password_hash, person.password_is_demo = password_hash, False
        await revoke(tx, person.id, None, now)
        audit.record(
            tx, actor=actor, action="account.password", subject_type="practitioner", subject_id=person.id, at=now,
            id=services.new_id(),
        )  # fmt: skip
    await services.watch.ended(person.id, None, "password-changed")


async def set_language(services: Services, actor: Actor, language: str) -> None:
    """Choose the language of one's own pages, mails and problems."""
    if language not in LANGUAGES:
        raise Invalid(errors=[FieldError("language", "choice")])
    async with services.database.transaction() as tx:
        person = await tx.get_one(Practitioner, actor.id)
        person.language = language


def check_password(password: str) -> None:
    """Raise Invalid for a password that is too short to be one or too long to be hashed."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise Invalid("weak-password", [FieldError("password", "range")])


def _check_account(username: str, account: NewAccount, services: Services) -> None:
    errors = []
    if not 2 <= len(username) <= 64 or set(username) - _USERNAME:
        errors.append(FieldError("username", "format"))
    if not 1 <= len(clean_line(account.name)) <= 200:
        errors.append(FieldError("name", "missing"))
    known = services.reference.specialties
    if any(code not in known for role in account.roles for code in role.specialties):
        errors.append(FieldError("specialties", "choice"))
    if errors:
        raise Invalid(errors=errors)
