"""Tokens with which devices and players enter a call or a lecture: encoders send with one, screens watch with one."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from tele.store.tables.base import ID, Base


class IngestToken(Base):
    """One token of one consultation or lecture. The token itself is nowhere: only its SHA-256, in hexadecimal."""

    __tablename__ = "ingest_token"
    __table_args__ = (
        CheckConstraint("(request IS NULL) <> (lecture IS NULL)", name="of_one_thing"),
        Index("ix_ingest_token_request_created_at", "request", "created_at"),
        Index("ix_ingest_token_lecture_created_at", "lecture", "created_at"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    request: Mapped[str | None] = mapped_column(ID, ForeignKey("service_request.id"))
    lecture: Mapped[str | None] = mapped_column(ID, ForeignKey("lecture.id"))
    direction: Mapped[str] = mapped_column(String(8))
    """publish or play."""
    label: Mapped[str] = mapped_column(String(64))
    created_by: Mapped[str] = mapped_column(ID, ForeignKey("practitioner.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
