"""Rings and what carries them: one row for each time a specialist is rung, one for each message sent outside."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from tele.store.tables.base import ID, Base

_RINGING = text("outcome = 'ringing'")


class Page(Base):
    """One ring of one specialist for one request; `outcome` is `ringing` until it ends.

    The database itself lets nobody be rung twice at a time, whatever nodes and restarts do.
    """

    __tablename__ = "page"
    __table_args__ = (
        Index(
            "uq_page_practitioner_ringing",
            "practitioner",
            unique=True,
            sqlite_where=_RINGING,
            postgresql_where=_RINGING,
        ),
        Index("ix_page_request_outcome", "request", "outcome"),
        Index("ix_page_practitioner_ended_at", "practitioner", "ended_at"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    request: Mapped[str] = mapped_column(ID, ForeignKey("service_request.id"))
    practitioner: Mapped[str] = mapped_column(ID, ForeignKey("practitioner.id"))
    sent_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str] = mapped_column(String(12))
    reason: Mapped[str] = mapped_column(String(500), default="")
    channels: Mapped[list[Any]]


class Delivery(Base):
    """One message to one person outside the open pages: `pending` until `sent`, given up (`failed`) or needless
    (`dropped`). Whoever sends it claims it first by moving `next_attempt_at` on.
    """

    __tablename__ = "delivery"
    __table_args__ = (Index("ix_delivery_state_next_attempt_at", "state", "next_attempt_at"),)

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    request: Mapped[str] = mapped_column(ID, ForeignKey("service_request.id"), index=True)
    page: Mapped[str | None] = mapped_column(ID, ForeignKey("page.id"), index=True)
    practitioner: Mapped[str] = mapped_column(ID, ForeignKey("practitioner.id"))
    channel: Mapped[str] = mapped_column(String(16))
    purpose: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(8))
    attempts: Mapped[int]
    next_attempt_at: Mapped[datetime]
    error: Mapped[str | None] = mapped_column(String(200))
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
