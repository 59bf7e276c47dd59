"""The audit trail: who did or read what, when (FHIR AuditEvent). Rows are added and never changed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from tele.store.tables.base import ID, Base


class AuditEvent(Base):
    """One entry. `actor` and `subject_id` are plain text: an entry outlives what it speaks of."""

    __tablename__ = "audit_event"
    __table_args__ = (
        Index("ix_audit_event_subject_type_subject_id_at", "subject_type", "subject_id", "at"),
        Index("ix_audit_event_actor_at", "actor", "at"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    at: Mapped[datetime]
    actor: Mapped[str | None] = mapped_column(ID)
    session: Mapped[str | None] = mapped_column(ID)
    action: Mapped[str] = mapped_column(String(48))
    subject_type: Mapped[str] = mapped_column(String(32))
    subject_id: Mapped[str] = mapped_column(String(64))
    details: Mapped[dict[str, Any]]
