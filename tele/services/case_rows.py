"""Loading what belongs to a handful of cases, with one query a table however many cases there are."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from tele.domain.people import name_in
from tele.services.views import PersonRef
from tele.store.tables import (
    Addendum,
    Consent,
    DocumentReference,
    Encounter,
    Message,
    Opinion,
    Organisation,
    Practitioner,
    PractitionerRole,
    Recording,
    ServiceRequest,
    Viewer,
)

MESSAGES_SHOWN = 1000


@dataclass(frozen=True, slots=True)
class People:
    """Names for a reader of one language."""

    language: str
    rows: dict[str, Practitioner]
    organisations: dict[str, Organisation]
    workplaces: dict[str, str]
    """Practitioner id → the organisation in which they are a specialist, or else the first."""

    def ref(self, person_id: str) -> PersonRef:
        """Id and name."""
        row = self.rows[person_id]
        return PersonRef(id=row.id, name=name_in(self.language, row.name, row.name_zh))

    def organisation(self, organisation_id: str) -> str:
        """An organisation's name."""
        row = self.organisations[organisation_id]
        return name_in(self.language, row.name, row.name_zh)

    def workplace(self, person_id: str) -> str | None:
        """The name of where a person works."""
        organisation = self.workplaces.get(person_id)
        return self.organisation(organisation) if organisation else None


@dataclass(frozen=True, slots=True)
class CaseRows:
    """One case with the rows that a summary shows."""

    request: ServiceRequest
    encounter: Encounter | None
    recording: Recording | None
    recording_consented: bool
    opinion: Opinion | None
    addenda: Sequence[Addendum]
    viewers: Sequence[Viewer]


@dataclass(frozen=True, slots=True)
class CaseContent:
    """What only the case's own page shows."""

    consents: Sequence[Consent]
    files: Sequence[DocumentReference]
    messages: Sequence[Message]


async def load(tx: AsyncSession, requests: Sequence[ServiceRequest]) -> list[CaseRows]:
    """The summaries' rows, in the order of `requests`."""
    ids = [row.id for row in requests]
    encounters: dict[str, Encounter] = {}
    for encounter in await tx.scalars(
        select(Encounter).where(Encounter.request.in_(ids)).order_by(Encounter.started_at)
    ):  # fmt: skip
        encounters[encounter.request] = encounter  # the last one is the case's present call
    rooms = [encounter.id for encounter in encounters.values()]
    recordings = {
        row.encounter: row for row in await tx.scalars(select(Recording).where(Recording.encounter.in_(rooms)))
    }
    consented = set(
        await tx.scalars(
            select(Consent.request).where(
                Consent.request.in_(ids), Consent.kind == "recording", Consent.withdrawn_at.is_(None)
            )
        )
    )
    opinions = {row.request: row for row in await tx.scalars(select(Opinion).where(Opinion.request.in_(ids)))}
    addenda: dict[str, list[Addendum]] = {}
    written = select(Addendum).where(Addendum.opinion.in_([row.id for row in opinions.values()]))
    for addendum in await tx.scalars(written.order_by(Addendum.at)):
        addenda.setdefault(addendum.opinion, []).append(addendum)
    viewers: dict[str, list[Viewer]] = {}
    for viewer in await tx.scalars(select(Viewer).where(Viewer.request.in_(ids)).order_by(Viewer.at)):
        viewers.setdefault(viewer.request, []).append(viewer)
    cases = []
    for row in requests:
        encounter_row, opinion = encounters.get(row.id), opinions.get(row.id)
        cases.append(
            CaseRows(
                request=row,
                encounter=encounter_row,
                recording=recordings.get(encounter_row.id) if encounter_row else None,
                recording_consented=row.id in consented,
                opinion=opinion,
                addenda=addenda.get(opinion.id, []) if opinion else [],
                viewers=viewers.get(row.id, []),
            )
        )
    return cases


async def load_content(tx: AsyncSession, request_id: str) -> CaseContent:
    """Consents, files and messages of one case, each in order of time."""
    consents = select(Consent).where(Consent.request == request_id).order_by(Consent.given_at, Consent.kind.desc())
    files = (
        select(DocumentReference)
        .where(DocumentReference.request == request_id, DocumentReference.deleted_at.is_(None))
        .order_by(DocumentReference.created_at, DocumentReference.id)
    )
    latest = select(Message).where(Message.request == request_id).order_by(Message.at.desc()).limit(MESSAGES_SHOWN)
    return CaseContent(
        consents=(await tx.scalars(consents)).all(),
        files=(await tx.scalars(files)).all(),
        messages=list(reversed((await tx.scalars(latest)).all())),
    )


async def load_people(
    tx: AsyncSession, language: str, people: Collection[str], organisations: Collection[str] = ()
) -> People:
    """Names of these people and organisations, and where the people work."""
    rows = {row.id: row for row in await tx.scalars(select(Practitioner).where(Practitioner.id.in_(set(people))))}
    roles = (await tx.scalars(select(PractitionerRole).where(PractitionerRole.practitioner.in_(set(people))))).all()
    workplaces: dict[str, str] = {}
    for role in sorted(roles, key=lambda each: (each.role != "specialist", each.organisation)):
        workplaces.setdefault(role.practitioner, role.organisation)
    wanted = {*organisations, *workplaces.values()}
    places = {row.id: row for row in await tx.scalars(select(Organisation).where(Organisation.id.in_(wanted)))}
    return People(language, rows, places, workplaces)
