"""Finding colleagues by name, and telling people who they are."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field
from sqlalchemy import func, or_, select

from tele.domain.access import Actor
from tele.domain.people import Language, Role, name_in
from tele.domain.refusals import SignedOut
from tele.services.context import Services
from tele.store.tables import Organisation, Practitioner, PractitionerRole, SignInSession

MOST = 50


class PersonEntry(BaseModel):
    """A colleague, without any way to reach them."""

    id: str
    name: str
    title: str | None
    organisation: str
    roles: list[Role]
    specialties: list[str]


class People(BaseModel):
    """Colleagues, by name."""

    items: list[PersonEntry]


class Place(BaseModel):
    """A hospital or a primary-care centre."""

    id: str
    name: str


class Places(BaseModel):
    """The organisations of the consortium, by name."""

    items: list[Place]


class MyOrganisation(BaseModel):
    """Where someone works, and as what."""

    id: str
    name: str
    roles: list[Role]
    specialties: list[str]


class Me(BaseModel):
    """Who is signed in."""

    id: str
    username: str
    name: str
    language: Language
    organisations: list[MyOrganisation]
    roles: list[Role]
    session_expires_at: datetime
    password_is_demo: bool = Field(description="Whether anyone can know the password: the client warns.")


async def me(services: Services, actor: Actor) -> Me:
    """The signed-in person. Raises SignedOut when the session ended meanwhile."""
    async with services.database.reading() as tx:
        person = await tx.get(Practitioner, actor.id)
        session = await tx.get(SignInSession, actor.session_id)
        if person is None or session is None:
            raise SignedOut
        held = await tx.execute(
            select(PractitionerRole, Organisation)
            .join(Organisation, Organisation.id == PractitionerRole.organisation)
            .where(PractitionerRole.practitioner == actor.id)
            .order_by(Organisation.name, PractitionerRole.role)
        )
        places: dict[str, MyOrganisation] = {}
        for role, organisation in held:
            name = name_in(person.language, organisation.name, organisation.name_zh)
            place = places.setdefault(
                organisation.id, MyOrganisation(id=organisation.id, name=name, roles=[], specialties=[])
            )
            place.roles.append(role.role)  # type: ignore[arg-type]
            place.specialties.extend(code for code in role.specialties if code not in place.specialties)
    return Me(
        id=person.id,
        username=person.username,
        name=name_in(person.language, person.name, person.name_zh),
        language=person.language,
        organisations=list(places.values()),
        roles=list(dict.fromkeys(role for place in places.values() for role in place.roles)),
        session_expires_at=session.expires_at,
        password_is_demo=person.password_is_demo,
    )


async def find_people(services: Services, actor: Actor, words: str, role: Role | None) -> People:
    """Up to 50 active colleagues of the consortium whose name holds these words, by name."""
    query = (
        select(Practitioner, PractitionerRole, Organisation)
        .join(PractitionerRole, PractitionerRole.practitioner == Practitioner.id)
        .join(Organisation, Organisation.id == PractitionerRole.organisation)
        .where(Practitioner.active, Practitioner.id != actor.id)
        .order_by(Practitioner.name, Practitioner.id, PractitionerRole.role)
    )
    for word in words.split()[:5]:
        query = query.where(
            or_(
                func.lower(Practitioner.name).contains(word.lower(), autoescape=True),
                Practitioner.name_zh.contains(word, autoescape=True),
            )
        )
    if role:
        query = query.where(
            Practitioner.id.in_(select(PractitionerRole.practitioner).where(PractitionerRole.role == role))
        )
    entries: dict[str, PersonEntry] = {}
    async with services.database.reading() as tx:
        for person, held, organisation in await tx.execute(query.limit(MOST * 4)):
            entry = entries.setdefault(
                person.id,
                PersonEntry(
                    id=person.id,
                    name=name_in(actor.language, person.name, person.name_zh),
                    title=person.title,
                    organisation=name_in(actor.language, organisation.name, organisation.name_zh),
                    roles=[],
                    specialties=[],
                ),
            )
            if held.role not in entry.roles:
                entry.roles.append(held.role)  # type: ignore[arg-type]
            entry.specialties.extend(code for code in held.specialties if code not in entry.specialties)
    return People(items=list(entries.values())[:MOST])


async def list_organisations(services: Services, actor: Actor) -> Places:
    """All organisations of the consortium, named in the reader's language: to invite some of them."""
    async with services.database.reading() as tx:
        rows = await tx.scalars(select(Organisation).order_by(Organisation.name))
        items = [Place(id=row.id, name=name_in(actor.language, row.name, row.name_zh)) for row in rows]
    return Places(items=items)
