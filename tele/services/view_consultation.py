"""Showing a case: to one person, in their language, with what they may do next and nothing they may not know."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy.ext.asyncio import AsyncSession

from tele.domain.access import Action, Actor, Relation
from tele.domain.consultation import Situation, may
from tele.domain.documents import WITH_PREVIEW
from tele.domain.text import excerpt
from tele.services.case_rows import CaseContent, CaseRows, People, load, load_content, load_people
from tele.services.cases import find
from tele.services.context import Services
from tele.services.progress import progress
from tele.services.views import (
    AddendumView,
    ConsentView,
    ConsultationSummary,
    ConsultationView,
    EncounterView,
    FileView,
    MessageView,
    OpinionView,
    PatientView,
    RecordingRef,
    RequesterView,
    SpecialistView,
)
from tele.store import audit
from tele.store.tables import DocumentReference, Message


async def view(services: Services, actor: Actor, consultation_id: str) -> ConsultationView:
    """The whole case, as this person may see it; the reading is audited. Raises Unknown."""
    async with services.database.reading() as tx:
        case = await find(tx, actor, consultation_id, Action.SEE)
        (rows,) = await load(tx, [case.row])
        content = await load_content(tx, case.row.id)
        people = await load_people(tx, actor.language, people_of([rows], content), [case.row.organisation])
        summary = await summarise(services, tx, actor, rows, case.relation, people)
    await audit.record_read(
        services.database, actor=actor, subject_type="consultation", subject_id=consultation_id,
        at=services.clock(), new_id=services.new_id,
    )  # fmt: skip
    return ConsultationView(
        **dict(summary),
        patient=_patient(rows, case.relation),
        consents=[ConsentView.model_validate(each, from_attributes=True) for each in content.consents],
        files=[file_view(each, people) for each in content.files],
        messages=[message_view(each, people) for each in content.messages],
    )


def situation(rows: CaseRows) -> Situation:
    """What of these rows decides what can be done."""
    return Situation(
        stage=rows.request.stage,  # type: ignore[arg-type]
        urgency=rows.request.urgency,  # type: ignore[arg-type]
        encounter=rows.encounter.status if rows.encounter else None,  # type: ignore[arg-type]
        recording=rows.recording.state if rows.recording else None,  # type: ignore[arg-type]
        recording_consented=rows.recording_consented,
        opinion_signed=rows.opinion is not None and rows.opinion.state == "signed",
    )


async def summarise(
    services: Services, tx: AsyncSession, actor: Actor, rows: CaseRows, relation: frozenset[Relation], people: People
) -> ConsultationSummary:
    """One case as a list shows it."""
    row, encounter, recording = rows.request, rows.encounter, rows.recording
    specialty = services.reference.specialties.get(row.specialty)
    label = specialty.name.in_language(actor.language) if specialty else row.specialty
    return ConsultationSummary.model_validate(
        {
            "id": row.id,
            "title": f"{label} · {excerpt(row.question)}",
            "status": row.status,
            "stage": row.stage,
            "specialty": row.specialty,
            "urgency": row.urgency,
            "question": row.question,
            "created_at": row.created_at,
            "updated_at": row.updated_at,
            "requester": RequesterView(
                **dict(people.ref(row.requester)), organisation=people.organisation(row.organisation)
            ),
            "specialist": _specialist(rows, people),
            "progress": await progress(tx, row, services.clock(), actor.language),
            "encounter": encounter
            and EncounterView(
                id=encounter.id, room=encounter.id, status=encounter.status,
                started_at=encounter.started_at, ended_at=encounter.ended_at,
            ),
            "recording": recording
            and RecordingRef(
                id=recording.id, state=recording.state, duration=recording.duration,
                consented=rows.recording_consented,
            ),
            "opinion": opinion_view(rows, people, actor),
            "viewers": [people.ref(each.practitioner) for each in rows.viewers],
            "may": may(actor, relation, situation(rows)),
            "version": row.version,
        }
    )  # fmt: skip


def _specialist(rows: CaseRows, people: People) -> SpecialistView | None:
    person = rows.request.accepted_by
    if person is None:
        return None
    return SpecialistView(
        **dict(people.ref(person)), title=people.rows[person].title, organisation=people.workplace(person)
    )


def _patient(rows: CaseRows, relation: frozenset[Relation]) -> PatientView | None:
    """Participants see the summary; who is being rung sees it without the record number; observers see nothing."""
    if not relation & {"requester", "specialist", "paged"}:
        return None
    patient = PatientView.model_validate(rows.request, from_attributes=True)
    if not relation & {"requester", "specialist"}:
        patient.record_number = None
    return patient


def opinion_view(rows: CaseRows, people: People, actor: Actor) -> OpinionView | None:
    """The opinion; as long as it is a draft, for whoever holds the case alone, also when a colleague began it."""
    opinion = rows.opinion
    if opinion is None or (opinion.state != "signed" and rows.request.accepted_by != actor.id):
        return None
    return OpinionView(
        assessment=opinion.assessment,
        advice=opinion.advice,
        next_step=opinion.next_step,
        state=opinion.state,
        author=people.ref(opinion.author),
        signed_at=opinion.signed_at,
        addenda=[AddendumView(text=each.text, author=people.ref(each.author), at=each.at) for each in rows.addenda],
    )


def file_view(row: DocumentReference, people: People) -> FileView:
    """One file."""
    return FileView(
        id=row.id, name=row.name, type=row.media_type, kind=row.kind, size=row.size,
        preview=row.media_type in WITH_PREVIEW, uploaded_by=people.ref(row.uploader), uploaded_at=row.created_at,
    )  # fmt: skip


def message_view(row: Message, people: People) -> MessageView:
    """One message."""
    return MessageView(
        id=row.id, kind=row.kind, author=people.ref(row.author), text=row.text, at=row.at, offset=row.offset_s,
        client_id=row.client_id,
    )  # fmt: skip


def people_of(cases: Iterable[CaseRows], content: CaseContent | None = None) -> set[str]:
    people: set[str] = set()
    for case in cases:
        people.add(case.request.requester)
        people.update(each for each in (case.request.accepted_by, case.opinion and case.opinion.author) if each)
        people.update(each.author for each in case.addenda)
        people.update(each.practitioner for each in case.viewers)
    if content:
        people.update(each.uploader for each in content.files)
        people.update(each.author for each in content.messages)
    return people
