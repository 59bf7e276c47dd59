"""A lecture's own rows: series, session, who presents, who consented, who is to be reminded, who was there."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from tele.store.tables.base import ID, Base


class LectureSeries(Base):
    """Sessions that belong together, such as a monthly evening."""

    __tablename__ = "lecture_series"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    organisation: Mapped[str] = mapped_column(ID, ForeignKey("organisation.id"), index=True)
    title: Mapped[str] = mapped_column(String(200))
    summary: Mapped[str] = mapped_column(Text)
    created_by: Mapped[str] = mapped_column(ID, ForeignKey("practitioner.id"))
    created_at: Mapped[datetime]


class Lecture(Base):
    """One session that is broadcast; its id is the room's of those who present. `version` grows with every change."""

    __tablename__ = "lecture"
    __table_args__ = (
        UniqueConstraint("created_by", "idempotency_key"),
        Index("ix_lecture_status_starts_at", "status", "starts_at"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    idempotency_key: Mapped[str] = mapped_column(String(64))
    series: Mapped[str | None] = mapped_column(ID, ForeignKey("lecture_series.id"), index=True)
    organisation: Mapped[str] = mapped_column(ID, ForeignKey("organisation.id"), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    title: Mapped[str] = mapped_column(String(200))
    summary: Mapped[str] = mapped_column(Text)
    specialty: Mapped[str | None] = mapped_column(String(32), index=True)
    language: Mapped[str] = mapped_column(String(8))
    place: Mapped[str | None] = mapped_column(String(200))
    """The hall, when some sit in one."""
    speaker: Mapped[str] = mapped_column(ID, ForeignKey("practitioner.id"), index=True)
    scope: Mapped[str] = mapped_column(String(16))
    organisations: Mapped[list[Any]]
    roles: Mapped[list[Any]]
    check_in_key: Mapped[str] = mapped_column(String(64))
    """Secret from which the codes are made that check people in."""
    downloadable: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Whether those who may see the replay may take it with them as a file."""
    starts_at: Mapped[datetime] = mapped_column(index=True)
    ends_at: Mapped[datetime]
    status: Mapped[str] = mapped_column(String(16))
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str | None] = mapped_column(ID, ForeignKey("practitioner.id"))
    created_by: Mapped[str] = mapped_column(ID, ForeignKey("practitioner.id"))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)


class LecturePresenter(Base):
    """Somebody who presents beside the speaker."""

    __tablename__ = "lecture_presenter"

    lecture: Mapped[str] = mapped_column(ID, ForeignKey("lecture.id"), primary_key=True)
    practitioner: Mapped[str] = mapped_column(ID, ForeignKey("practitioner.id"), primary_key=True, index=True)
    named_by: Mapped[str] = mapped_column(ID, ForeignKey("practitioner.id"))
    at: Mapped[datetime]


class LectureConsent(Base):
    """A speaker, or somebody on the stage, agreed to be broadcast and recorded: which form, when."""

    __tablename__ = "lecture_consent"

    lecture: Mapped[str] = mapped_column(ID, ForeignKey("lecture.id"), primary_key=True)
    practitioner: Mapped[str] = mapped_column(ID, ForeignKey("practitioner.id"), primary_key=True, index=True)
    form_version: Mapped[str] = mapped_column(String(32))
    given_at: Mapped[datetime]


class LectureReminder(Base):
    """Somebody wants to be reminded: `pending` until `sent`, or `failed`. Whoever sends claims it first by moving
    `next_attempt_at` on.
    """

    __tablename__ = "lecture_reminder"
    __table_args__ = (Index("ix_lecture_reminder_state_next_attempt_at", "state", "next_attempt_at"),)

    lecture: Mapped[str] = mapped_column(ID, ForeignKey("lecture.id"), primary_key=True)
    practitioner: Mapped[str] = mapped_column(ID, ForeignKey("practitioner.id"), primary_key=True, index=True)
    state: Mapped[str] = mapped_column(String(8))
    attempts: Mapped[int]
    next_attempt_at: Mapped[datetime]
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]


class LectureAttendance(Base):
    """Somebody was there: `online` by their own page, `hall` or `group` by a code that they scanned."""

    __tablename__ = "lecture_attendance"

    lecture: Mapped[str] = mapped_column(ID, ForeignKey("lecture.id"), primary_key=True)
    practitioner: Mapped[str] = mapped_column(ID, ForeignKey("practitioner.id"), primary_key=True, index=True)
    how: Mapped[str] = mapped_column(String(8), primary_key=True)
    at: Mapped[datetime]
    """When they came first."""
    by: Mapped[str | None] = mapped_column(ID, ForeignKey("practitioner.id"))
    """Whose screen showed the code, for `group`."""


class CalendarFeed(Base):
    """The address of one person's calendar of lectures: its id is the secret part of it."""

    __tablename__ = "calendar_feed"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    practitioner: Mapped[str] = mapped_column(ID, ForeignKey("practitioner.id"), unique=True)
    created_at: Mapped[datetime]
