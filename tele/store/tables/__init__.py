"""Every table, so that one import knows the whole schema."""

from __future__ import annotations

from tele.store.tables.audit_event import AuditEvent
from tele.store.tables.base import ID, Base, UtcDateTime
from tele.store.tables.case_record import Addendum, Consent, DocumentReference, Message, Opinion
from tele.store.tables.consultation import Encounter, Recording, ServiceRequest, Viewer
from tele.store.tables.ingest import IngestToken
from tele.store.tables.lecture import (
    CalendarFeed,
    Lecture,
    LectureAttendance,
    LectureConsent,
    LecturePresenter,
    LectureReminder,
    LectureSeries,
)
from tele.store.tables.lecture_floor import (
    LectureEvent,
    LectureMessage,
    LecturePoll,
    LectureQuestion,
    PollAnswer,
    QuestionVote,
    RaisedHand,
)
from tele.store.tables.paging import Delivery, Page
from tele.store.tables.people import Organisation, Practitioner, PractitionerRole, SignInSession
from tele.store.tables.roster import OnCallSwitch, RosterOverride, Shift

__all__ = [
    "ID",
    "Addendum",
    "AuditEvent",
    "Base",
    "CalendarFeed",
    "Consent",
    "Delivery",
    "DocumentReference",
    "Encounter",
    "IngestToken",
    "Lecture",
    "LectureAttendance",
    "LectureConsent",
    "LectureEvent",
    "LectureMessage",
    "LecturePoll",
    "LecturePresenter",
    "LectureQuestion",
    "LectureReminder",
    "LectureSeries",
    "Message",
    "OnCallSwitch",
    "Opinion",
    "Organisation",
    "Page",
    "PollAnswer",
    "Practitioner",
    "PractitionerRole",
    "QuestionVote",
    "RaisedHand",
    "Recording",
    "RosterOverride",
    "ServiceRequest",
    "Shift",
    "SignInSession",
    "UtcDateTime",
    "Viewer",
]
