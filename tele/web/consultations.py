"""Consultations: asking, listing, showing, writing in them, and who may look."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tele.domain.access import Action
from tele.domain.consent import ConsentKind, GivenBy, GivenConsent
from tele.domain.consultation import Urgency
from tele.services import attach_file, consents, messages, viewers
from tele.services.list_consultations import Scope, list_consultations
from tele.services.request_consultation import Asked, Patient, request_consultation
from tele.services.view_consultation import view
from tele.services.views import ConsultationPage, ConsultationView, MessageView
from tele.web.api import Call, Model, route
from tele.web.fields import ClientId, Id, Moment, OptionalLine, OptionalText, Text


class PatientBody(Model):
    """The patient's summary; all of it may be left out."""

    record_number: Annotated[OptionalLine, Field(max_length=64)] = None
    initials: Annotated[OptionalLine, Field(max_length=16)] = None
    sex: Literal["female", "male", "other", "unknown"] | None = None
    age: Annotated[int, Field(ge=0, le=130)] | None = None
    history: OptionalText = None
    findings: OptionalText = None


class ConsentBody(Model):
    """A consent of the patient, as the GP wrote it down."""

    kind: ConsentKind
    form_version: Annotated[str, Field(max_length=32)]
    given_by: GivenBy
    guardian_name: OptionalLine = None
    witness: OptionalLine = None
    given_at: Moment
    photo: Id | None = None


class NewConsultation(Model):
    """What the GP asks."""

    specialty: Annotated[str, Field(max_length=32)]
    urgency: Urgency
    question: Text
    patient: PatientBody = PatientBody()
    consents: Annotated[list[ConsentBody], Field(max_length=4, default_factory=list)]
    files: Annotated[list[Id], Field(max_length=100, default_factory=list)]
    organisation: Id | None = None


class ConsultationFilter(Model):
    """Which of one's cases; without a scope all of them."""

    scope: Scope | None = None
    cursor: Annotated[str, Field(max_length=200)] | None = None


class NewMessage(Model):
    """A message; the same client_id again is the same message."""

    text: Text
    client_id: ClientId | None = None


class FileToAdd(Model):
    """An own file that was uploaded before."""

    file: Id


class ViewerToName(Model):
    """Whom to let look."""

    practitioner: Id


@route("POST", "/api/consultations", rule=Action.ASK, status=201, idempotent=True)
async def post_consultation(call: Call, *, body: NewConsultation) -> ConsultationView:
    """Ask a specialist."""
    asked = Asked(
        specialty=body.specialty,
        urgency=body.urgency,
        question=body.question,
        consents=[GivenConsent(**dict(each)) for each in body.consents],
        patient=Patient(**dict(body.patient)),
        files=body.files,
        organisation=body.organisation,
    )
    consultation, _ = await request_consultation(call.services, call.actor, asked, call.idempotency_key)
    return await view(call.services, call.actor, consultation)


@route("GET", "/api/consultations", rule=Action.LIST)
async def get_consultations(call: Call, *, query: ConsultationFilter) -> ConsultationPage:
    """One's cases, the one that changed last first."""
    return await list_consultations(call.services, call.actor, query.scope, query.cursor)


@route("GET", "/api/consultations/{consultation}", rule=Action.SEE)
async def get_consultation(call: Call, consultation: str) -> ConsultationView:
    """One case."""
    return await view(call.services, call.actor, consultation)


@route("POST", "/api/consultations/{consultation}/messages", rule=Action.FOLLOW_UP, status=201)
async def post_message(call: Call, consultation: str, *, body: NewMessage) -> MessageView:
    """Write in a case: chat during the call, a question or an answer after it."""
    return await messages.post(call.services, call.actor, consultation, body.text, body.client_id)


@route("POST", "/api/consultations/{consultation}/files", rule=Action.ADD_FILE)
async def post_case_file(call: Call, consultation: str, *, body: FileToAdd) -> ConsultationView:
    """Add an uploaded file to a case."""
    await attach_file.add_to_case(call.services, call.actor, consultation, body.file)
    return await view(call.services, call.actor, consultation)


@route("POST", "/api/consultations/{consultation}/consents", rule=Action.GIVE_CONSENT)
async def post_consent(call: Call, consultation: str, *, body: ConsentBody) -> ConsultationView:
    """Add the patient's consent to the recording, before the call."""
    await consents.give(call.services, call.actor, consultation, GivenConsent(**dict(body)))
    return await view(call.services, call.actor, consultation)


@route("DELETE", "/api/consultations/{consultation}/consents/{consent}", rule=Action.WITHDRAW_CONSENT)
async def delete_consent(call: Call, consultation: str, consent: str) -> ConsultationView:
    """Take the consent to the recording back, before the call."""
    await consents.withdraw(call.services, call.actor, consultation, consent)
    return await view(call.services, call.actor, consultation)


@route("POST", "/api/consultations/{consultation}/viewers", rule=Action.NAME_VIEWER)
async def post_viewer(call: Call, consultation: str, *, body: ViewerToName) -> ConsultationView:
    """Let a colleague look at a case and its replay."""
    await viewers.name_viewer(call.services, call.actor, consultation, body.practitioner)
    return await view(call.services, call.actor, consultation)


@route("DELETE", "/api/consultations/{consultation}/viewers/{practitioner}", rule=Action.NAME_VIEWER)
async def delete_viewer(call: Call, consultation: str, practitioner: str) -> ConsultationView:
    """Let a colleague look no longer."""
    await viewers.remove_viewer(call.services, call.actor, consultation, practitioner)
    return await view(call.services, call.actor, consultation)
