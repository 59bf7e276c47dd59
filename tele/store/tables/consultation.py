"""A consultation's own rows: the request, the encounter that takes place, its recording, and who else may look."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tele.store.tables.base import ID, Base


class ServiceRequest(Base):
    """The request for a consultation (FHIR ServiceRequest). `version` grows with every change of the case."""

    __tablename__ = "service_request"
    __table_args__ = (
        UniqueConstraint("requester", "idempotency_key"),
        Index("ix_service_request_status_next_wake_at", "status", "next_wake_at"),
        Index("ix_service_request_requester_updated_at", "requester", "updated_at"),
        Index("ix_service_request_accepted_by_updated_at", "accepted_by", "updated_at"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    idempotency_key: Mapped[str] = mapped_column(String(64))
    idempotency_digest: Mapped[str] = mapped_column(String(64), default="")
    """SHA-256 of what was asked: the same key with something else in it is a mistake, not a retry."""
    requester: Mapped[str] = mapped_column(ID, ForeignKey("practitioner.id"))
    organisation: Mapped[str] = mapped_column(ID, ForeignKey("organisation.id"), index=True)
    specialty: Mapped[str] = mapped_column(String(32), index=True)
    urgency: Mapped[str] = mapped_column(String(16))
    question: Mapped[str] = mapped_column(Text)
    record_number: Mapped[str | None] = mapped_column(String(64))
    initials: Mapped[str | None] = mapped_column(String(16))
    sex: Mapped[str | None] = mapped_column(String(8))
    age: Mapped[int | None]
    history: Mapped[str | None] = mapped_column(Text)
    findings: Mapped[str | None] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(16), index=True)
    stage: Mapped[str] = mapped_column(String(24))
    policy: Mapped[dict[str, Any]]
    paging_state: Mapped[dict[str, Any]]
    paging_version: Mapped[int] = mapped_column(default=0)
    next_wake_at: Mapped[datetime | None]
    accepted_by: Mapped[str | None] = mapped_column(ID, ForeignKey("practitioner.id"))
    accepted_at: Mapped[datetime | None]
    written_reply: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    cancelled_reason: Mapped[str | None] = mapped_column(String(500))
    version: Mapped[int] = mapped_column(default=1)


class Encounter(Base):
    """The consultation that takes place; its id is the room's."""

    __tablename__ = "encounter"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    request: Mapped[str] = mapped_column(ID, ForeignKey("service_request.id"), index=True)
    status: Mapped[str] = mapped_column(String(16), index=True)
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str | None] = mapped_column(ID, ForeignKey("practitioner.id"))


class Recording(Base):
    """The recording of an encounter or a lecture: off, recording, paused, sealed, withdrawn. `duration` in seconds."""

    __tablename__ = "recording"
    __table_args__ = (CheckConstraint("(encounter IS NULL) <> (lecture IS NULL)", name="of_one_thing"),)

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    encounter: Mapped[str | None] = mapped_column(ID, ForeignKey("encounter.id"), index=True)
    lecture: Mapped[str | None] = mapped_column(ID, ForeignKey("lecture.id"), index=True)
    state: Mapped[str] = mapped_column(String(16), index=True)
    started_at: Mapped[datetime | None]
    sealed_at: Mapped[datetime | None]
    duration: Mapped[float | None]
    summary: Mapped[dict[str, Any]]


class Viewer(Base):
    """Someone whom a participant let look at the case."""

    __tablename__ = "viewer"

    request: Mapped[str] = mapped_column(ID, ForeignKey("service_request.id"), primary_key=True)
    practitioner: Mapped[str] = mapped_column(ID, ForeignKey("practitioner.id"), primary_key=True, index=True)
    named_by: Mapped[str] = mapped_column(ID, ForeignKey("practitioner.id"))
    at: Mapped[datetime]
