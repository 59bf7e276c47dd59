"""The plan of who is on call, the changes to it, and the specialists' own switches."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from tele.store.tables.base import ID, Base


class Shift(Base):
    """One specialist's planned hours on call for one specialty of one organisation."""

    __tablename__ = "shift"
    __table_args__ = (Index("ix_shift_ends_at_starts_at", "ends_at", "starts_at"),)

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    organisation: Mapped[str] = mapped_column(ID, ForeignKey("organisation.id"), index=True)
    specialty: Mapped[str] = mapped_column(String(32))
    practitioner: Mapped[str] = mapped_column(ID, ForeignKey("practitioner.id"), index=True)
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    created_at: Mapped[datetime]


class RosterOverride(Base):
    """A change to the plan: `add`, `remove` or `replace` (of `shift`); the one made later wins."""

    __tablename__ = "roster_override"
    __table_args__ = (Index("ix_roster_override_ends_at_starts_at", "ends_at", "starts_at"),)

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    organisation: Mapped[str] = mapped_column(ID, ForeignKey("organisation.id"), index=True)
    specialty: Mapped[str] = mapped_column(String(32))
    practitioner: Mapped[str] = mapped_column(ID, ForeignKey("practitioner.id"), index=True)
    shift: Mapped[str | None] = mapped_column(ID, ForeignKey("shift.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(8))
    note: Mapped[str] = mapped_column(String(200))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    created_at: Mapped[datetime]


class OnCallSwitch(Base):
    """A specialist's own switch; past `until` the plan rules again."""

    __tablename__ = "on_call_switch"

    practitioner: Mapped[str] = mapped_column(ID, ForeignKey("practitioner.id"), primary_key=True)
    is_on: Mapped[bool]
    since: Mapped[datetime]
    until: Mapped[datetime | None]
