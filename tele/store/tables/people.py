"""Organisations, practitioners, the roles they hold, and their sign-in sessions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tele.store.tables.base import ID, Base


class Organisation(Base):
    """A hospital or a primary-care centre of the consortium."""

    __tablename__ = "organisation"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    name_zh: Mapped[str | None] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(16))
    duty_phone: Mapped[str | None] = mapped_column(String(40))


class Practitioner(Base):
    """A person with an account."""

    __tablename__ = "practitioner"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    username: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    name_zh: Mapped[str | None] = mapped_column(String(200))
    title: Mapped[str | None] = mapped_column(String(200))
    language: Mapped[str] = mapped_column(String(8))
    password_hash: Mapped[str] = mapped_column(String(256))
    password_is_demo: Mapped[bool] = mapped_column(default=False)
    phone: Mapped[str | None] = mapped_column(String(40))
    email: Mapped[str | None] = mapped_column(String(254))
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]


class PractitionerRole(Base):
    """One role of one person in one organisation (FHIR PractitionerRole)."""

    __tablename__ = "practitioner_role"
    __table_args__ = (UniqueConstraint("practitioner", "organisation", "role"),)

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    practitioner: Mapped[str] = mapped_column(ID, ForeignKey("practitioner.id"), index=True)
    organisation: Mapped[str] = mapped_column(ID, ForeignKey("organisation.id"), index=True)
    role: Mapped[str] = mapped_column(String(16))
    specialties: Mapped[list[Any]]


class SignInSession(Base):
    """One signed-in browser. The token itself is nowhere: only its SHA-256, in hexadecimal."""

    __tablename__ = "session"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    practitioner: Mapped[str] = mapped_column(ID, ForeignKey("practitioner.id"), index=True)
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    user_agent: Mapped[str] = mapped_column(String(300))
