"""What a lecture gathers while it runs: questions and votes, polls and answers, chat, raised hands, its timeline."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tele.store.tables.base import ID, Base


class LectureQuestion(Base):
    """A question from the audience: `open`, `answered` or `hidden`. Offsets are seconds on the recording's timeline."""

    __tablename__ = "lecture_question"
    __table_args__ = (
        UniqueConstraint("lecture", "author", "client_id"),
        Index("ix_lecture_question_lecture_at", "lecture", "at"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    lecture: Mapped[str] = mapped_column(ID, ForeignKey("lecture.id"))
    author: Mapped[str] = mapped_column(ID, ForeignKey("practitioner.id"))
    client_id: Mapped[str] = mapped_column(String(64))
    text: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime]
    offset_s: Mapped[float]
    state: Mapped[str] = mapped_column(String(8))
    answered_s: Mapped[float | None]
    reply: Mapped[str | None] = mapped_column(Text)
    """An answer in writing, for what time did not allow."""


class QuestionVote(Base):
    """One voice for one question."""

    __tablename__ = "question_vote"

    question: Mapped[str] = mapped_column(ID, ForeignKey("lecture_question.id"), primary_key=True)
    practitioner: Mapped[str] = mapped_column(ID, ForeignKey("practitioner.id"), primary_key=True)


class LecturePoll(Base):
    """A poll, or with `correct` a quick quiz: `draft`, `open` or `closed`."""

    __tablename__ = "lecture_poll"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    lecture: Mapped[str] = mapped_column(ID, ForeignKey("lecture.id"), index=True)
    author: Mapped[str] = mapped_column(ID, ForeignKey("practitioner.id"))
    text: Mapped[str] = mapped_column(Text)
    options: Mapped[list[Any]]
    correct: Mapped[int | None]
    state: Mapped[str] = mapped_column(String(8))
    created_at: Mapped[datetime]
    opened_s: Mapped[float | None]
    closed_s: Mapped[float | None]


class PollAnswer(Base):
    """One person's choice in one poll: the index of an option. The last one given while it was open counts."""

    __tablename__ = "poll_answer"

    poll: Mapped[str] = mapped_column(ID, ForeignKey("lecture_poll.id"), primary_key=True)
    practitioner: Mapped[str] = mapped_column(ID, ForeignKey("practitioner.id"), primary_key=True)
    option: Mapped[int]
    at: Mapped[datetime]


class LectureMessage(Base):
    """A line of chat; one that was taken down is kept for the moderators."""

    __tablename__ = "lecture_message"
    __table_args__ = (
        UniqueConstraint("lecture", "author", "client_id"),
        Index("ix_lecture_message_lecture_at", "lecture", "at"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    lecture: Mapped[str] = mapped_column(ID, ForeignKey("lecture.id"))
    author: Mapped[str] = mapped_column(ID, ForeignKey("practitioner.id"))
    client_id: Mapped[str] = mapped_column(String(64))
    text: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime]
    offset_s: Mapped[float]
    hidden_by: Mapped[str | None] = mapped_column(ID, ForeignKey("practitioner.id"))


class RaisedHand(Base):
    """Somebody wants to speak: `raised`, `invited`, `on-stage`, or over (`lowered`, `declined`, `left`)."""

    __tablename__ = "raised_hand"

    lecture: Mapped[str] = mapped_column(ID, ForeignKey("lecture.id"), primary_key=True)
    practitioner: Mapped[str] = mapped_column(ID, ForeignKey("practitioner.id"), primary_key=True)
    state: Mapped[str] = mapped_column(String(8))
    at: Mapped[datetime]
    """When it was raised last."""
    changed_at: Mapped[datetime]


class LectureEvent(Base):
    """One mark on the timeline: a slide, somebody on the stage, the beginning of a part. Added, never changed."""

    __tablename__ = "lecture_event"
    __table_args__ = (Index("ix_lecture_event_lecture_offset_s", "lecture", "offset_s"),)

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    lecture: Mapped[str] = mapped_column(ID, ForeignKey("lecture.id"))
    at: Mapped[datetime]
    offset_s: Mapped[float]
    kind: Mapped[str] = mapped_column(String(16))
    data: Mapped[dict[str, Any]]
    by: Mapped[str | None] = mapped_column(ID, ForeignKey("practitioner.id"))
