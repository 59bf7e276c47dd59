"""What a case gathers: consents, files, messages, the opinion and its addenda."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tele.store.tables.base import ID, Base


class DocumentReference(Base):
    """A file in the object store (FHIR DocumentReference); without `request` until its case is sent.

    A lecture's cover and slides belong to the lecture.
    """

    __tablename__ = "document_reference"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    request: Mapped[str | None] = mapped_column(ID, ForeignKey("service_request.id"), index=True)
    lecture: Mapped[str | None] = mapped_column(ID, ForeignKey("lecture.id"), index=True)
    pages: Mapped[int | None]
    """Of a lecture's slides, once each was made a picture."""
    uploader: Mapped[str] = mapped_column(ID, ForeignKey("practitioner.id"), index=True)
    name: Mapped[str] = mapped_column(String(255))
    media_type: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(16))
    size: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    object_key: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(index=True)
    deleted_at: Mapped[datetime | None]


class Consent(Base):
    """One consent as it was given: which form, by whom, before whom, when; and when it was taken back."""

    __tablename__ = "consent"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    request: Mapped[str] = mapped_column(ID, ForeignKey("service_request.id"), index=True)
    kind: Mapped[str] = mapped_column(String(24))
    form_version: Mapped[str] = mapped_column(String(32))
    given_by: Mapped[str] = mapped_column(String(16))
    guardian_name: Mapped[str | None] = mapped_column(String(200))
    witness: Mapped[str] = mapped_column(String(200))
    given_at: Mapped[datetime]
    photo: Mapped[str | None] = mapped_column(ID, ForeignKey("document_reference.id"))
    withdrawn_at: Mapped[datetime | None]
    withdrawn_by: Mapped[str | None] = mapped_column(ID, ForeignKey("practitioner.id"))


class Message(Base):
    """Something written in a case. `offset_s` is its place on the recording's timeline, in seconds."""

    __tablename__ = "message"
    __table_args__ = (
        UniqueConstraint("request", "author", "client_id"),
        Index("ix_message_request_at", "request", "at"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    request: Mapped[str] = mapped_column(ID, ForeignKey("service_request.id"))
    author: Mapped[str] = mapped_column(ID, ForeignKey("practitioner.id"))
    kind: Mapped[str] = mapped_column(String(16))
    text: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime]
    encounter: Mapped[str | None] = mapped_column(ID, ForeignKey("encounter.id"))
    offset_s: Mapped[float | None]
    client_id: Mapped[str | None] = mapped_column(String(64))


class Opinion(Base):
    """The specialist's opinion on a case: a draft that only its author sees, then signed and fixed."""

    __tablename__ = "opinion"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    request: Mapped[str] = mapped_column(ID, ForeignKey("service_request.id"), unique=True)
    author: Mapped[str] = mapped_column(ID, ForeignKey("practitioner.id"))
    assessment: Mapped[str] = mapped_column(Text)
    advice: Mapped[str] = mapped_column(Text)
    next_step: Mapped[str | None] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(8))
    updated_at: Mapped[datetime]
    signed_at: Mapped[datetime | None]


class Addendum(Base):
    """What was added to a signed opinion, the only way in which it changes."""

    __tablename__ = "addendum"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    opinion: Mapped[str] = mapped_column(ID, ForeignKey("opinion.id"), index=True)
    text: Mapped[str] = mapped_column(Text)
    author: Mapped[str] = mapped_column(ID, ForeignKey("practitioner.id"))
    at: Mapped[datetime]
