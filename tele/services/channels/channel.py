"""What a channel is, what it carries, and to whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

Purpose = Literal["ring", "coordinator"]
"""`ring`: a specialist is being rung; `coordinator`: a request waits and nobody on call takes it."""


@dataclass(frozen=True, slots=True)
class Contact:
    """Where a person can be reached."""

    practitioner: str
    name: str
    language: str
    email: str | None = None
    phone: str | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """What is told outside the pages: never the question, the patient or who asks."""

    delivery: str
    """Unique for each message: lets a receiver drop the second of two equal ones."""
    purpose: Purpose
    consultation: str
    specialty: str
    """Its name in the reader's language."""
    urgency: str
    at: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Invitation:
    """A lecture that begins soon, to whoever asked to be reminded."""

    lecture: str
    title: str
    starts_at: datetime
    place: str | None


class DeliveryFailed(Exception):
    """The message was not taken. `final`: trying again is useless. The text is for the operator and holds no secret."""

    def __init__(self, reason: str, *, final: bool = False) -> None:
        super().__init__(reason)
        self.final = final


class Channel(Protocol):
    """One way to reach people."""

    def reaches(self, contact: Contact) -> bool:
        """Whether this person can be reached this way at all."""

    async def send(self, notice: Notice, contact: Contact) -> None:
        """Hand the message over within a bounded time. Raises DeliveryFailed."""


class Mailer(Protocol):
    """The site's mail, for what is not urgent."""

    async def invite(self, invitation: Invitation, contact: Contact) -> None:
        """Send a reminder within a bounded time. Raises DeliveryFailed."""


@dataclass(frozen=True, slots=True)
class Channels:
    """The channels of this site by name; the name `page` is the open page's and cannot be taken."""

    by_name: Mapping[str, Channel] = field(default_factory=dict)
    mailer: Mailer | None = None

    def __post_init__(self) -> None:
        if "page" in self.by_name or any(len(name) > 16 for name in self.by_name):
            raise ValueError("a channel is not named `page` and has at most 16 letters")

    def reach(self, contact: Contact) -> frozenset[str]:
        """The names of the channels that reach this person."""
        return frozenset(name for name, channel in self.by_name.items() if channel.reaches(contact))
