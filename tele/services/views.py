"""What people are shown of a case, as typed values: the JSON of the REST interface, made by services alone."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from tele.domain.access import Action
from tele.domain.consent import ConsentKind, GivenBy
from tele.domain.consultation import EncounterStatus, RecordingState, Stage, Status, Urgency
from tele.domain.documents import FileKind
from tele.domain.opinion import NextStep, OpinionState


class View(BaseModel):
    """What is shown. Its errors, which end in a log, hold nothing of what was to be shown."""

    model_config = ConfigDict(hide_input_in_errors=True)


class PersonRef(View):
    """Someone, by name."""

    id: str
    name: str


class RequesterView(PersonRef):
    """The GP who asks."""

    organisation: str


class SpecialistView(PersonRef):
    """The specialist who accepted."""

    title: str | None
    organisation: str | None


class PatientView(View):
    """The patient's summary; `record_number` is the participants' alone."""

    record_number: str | None
    initials: str | None
    sex: str | None
    age: int | None
    history: str | None
    findings: str | None


class ConsentView(View):
    """One consent of the patient."""

    id: str
    kind: ConsentKind
    form_version: str
    given_by: GivenBy
    guardian_name: str | None
    witness: str
    given_at: datetime
    photo: str | None = Field(description="Id of the file that shows the signed form.")
    withdrawn_at: datetime | None


class FileView(View):
    """A file of a case; its content is at /api/files/{id}."""

    id: str
    name: str
    type: str = Field(description="Media type, told from the content.")
    kind: FileKind
    size: int = Field(description="Bytes.")
    preview: bool = Field(description="Whether /api/files/{id}/preview has a picture.")
    uploaded_by: PersonRef
    uploaded_at: datetime


class MessageView(View):
    """Something written in a case."""

    id: str
    kind: str = Field(description="chat, asked-more, more, follow-up or system.")
    author: PersonRef
    text: str
    at: datetime
    offset: float | None = Field(description="Seconds since the call began.")
    client_id: str | None


class AddendumView(View):
    """What was added to a signed opinion."""

    text: str
    author: PersonRef
    at: datetime


class OpinionView(View):
    """The specialist's opinion; a draft is shown to the specialist who holds the case alone."""

    assessment: str
    advice: str
    next_step: NextStep | None
    state: OpinionState
    author: PersonRef
    signed_at: datetime | None
    addenda: list[AddendumView]


class EncounterView(View):
    """The call; `room` is what room.join wants."""

    id: str
    room: str
    status: EncounterStatus
    started_at: datetime
    ended_at: datetime | None


class RecordingRef(View):
    """The call's recording. `duration` in seconds, once it is sealed."""

    id: str
    state: RecordingState
    duration: float | None
    consented: bool


class ConsultationSummary(View):
    """A case in a list."""

    id: str
    title: str
    status: Status
    stage: Stage
    specialty: str
    urgency: Urgency
    question: str
    created_at: datetime
    updated_at: datetime
    requester: RequesterView
    specialist: SpecialistView | None
    progress: dict[str, Any] | None = Field(description="Where the request stands while someone waits for it.")
    encounter: EncounterView | None
    recording: RecordingRef | None
    opinion: OpinionView | None
    viewers: list[PersonRef]
    may: list[Action] = Field(description="What the caller can do with the case now.")
    version: int = Field(description="Grows with every change of the case.")


class ConsultationView(ConsultationSummary):
    """A case as its page shows it."""

    patient: PatientView | None
    consents: list[ConsentView]
    files: list[FileView]
    messages: list[MessageView]


class ConsultationPage(View):
    """Cases, the one that changed last first; `next` is the cursor of the rest."""

    items: list[ConsultationSummary]
    next: str | None
