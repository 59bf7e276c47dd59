"""What people are shown of lectures, as typed values: the JSON of the REST interface."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from tele.domain.access import Action
from tele.domain.lecture import Kind, Scope, Status
from tele.domain.lecture_floor import Hand, PollState, QuestionState
from tele.domain.people import Role
from tele.services.views import PersonRef, View


class PresenterView(PersonRef):
    """Who presents; `organisation` is where they work."""

    organisation: str | None
    title: str | None


class SeriesView(View):
    """Sessions that belong together."""

    id: str
    title: str
    summary: str
    organisation: str
    sessions: int = Field(description="How many of them the reader is invited to.")


class AudienceView(View):
    """Who is invited; without roles, every role."""

    scope: Scope
    organisations: list[str]
    roles: list[Role]


class LectureSummary(View):
    """A lecture in a list."""

    id: str
    kind: Kind
    title: str
    summary: str
    specialty: str | None
    language: str
    series: str | None
    series_title: str | None
    organisation: str
    place: str | None
    presenters: list[PresenterView]
    starts_at: datetime
    ends_at: datetime
    status: Status
    started_at: datetime | None
    ended_at: datetime | None
    recording: str | None
    duration: float | None = Field(description="Seconds, once it is over and sealed.")
    cover: str | None = Field(description="Id of the cover picture's file.")
    downloadable: bool = Field(description="Whether its replay can be had as one file.")
    watching: int = Field(description="Pages that watch now.")
    reminded: bool = Field(description="Whether the reader asked to be reminded.")
    relation: list[str]
    may: list[Action]
    version: int


class LectureView(LectureSummary):
    """A lecture's own page."""

    audience: AudienceView
    deck: DeckView | None
    consented: bool = Field(description="Whether the reader agreed to be broadcast and recorded here.")
    attended: list[str] = Field(description="How the reader was there: online, hall, group.")


class DeckView(View):
    """The slides that are shown page by page."""

    file: str
    pages: int
    ready: bool


class LecturePage(View):
    """Lectures in order of time; `next` is the cursor of the rest."""

    items: list[LectureSummary]
    next: str | None


class QuestionView(View):
    """A question from the audience. Offsets are seconds on the recording's timeline."""

    id: str
    text: str
    author: PersonRef
    at: datetime
    offset: float
    state: QuestionState
    votes: int
    answered: float | None
    reply: str | None


class PollView(View):
    """A poll or a quick quiz. `counts` are how many chose each option."""

    id: str
    text: str
    options: list[str]
    state: PollState
    quiz: bool
    correct: int | None = Field(description="Index of the right option, once the quiz is closed.")
    counts: list[int]
    opened: float | None
    closed: float | None


class LineView(View):
    """A line of chat."""

    id: str
    text: str
    author: PersonRef
    at: datetime
    offset: float
    client_id: str


class HandView(View):
    """A raised hand, or somebody on the stage."""

    person: PersonRef
    organisation: str | None
    state: Hand
    at: datetime


class MarkView(View):
    """One mark on the timeline."""

    offset: float
    kind: str
    data: dict[str, Any]


class FloorView(View):
    """What everybody sees beside the picture, in the reader's language; sent as a whole when any of it changes."""

    lecture: str
    questions: list[QuestionView]
    polls: list[PollView]
    stage: list[HandView]


class OwnFloorView(FloorView):
    """The floor as one person finds it when they come."""

    chat: list[LineView]
    timeline: list[MarkView]
    votes: list[str] = Field(description="Ids of questions that have the reader's voice.")
    answers: dict[str, int] = Field(description="The reader's choice by poll.")
    hand: Hand | None
    hands: list[HandView] = Field(description="Hands that wait, for hosts alone.")
    drafts: list[PollView] = Field(description="Polls that were not opened yet, for hosts alone.")


LectureView.model_rebuild()
