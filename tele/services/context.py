"""What every service is given: the database, the clock, and the hooks to the live world. Made once, by the app."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tele.services.attempts import Attempts
from tele.services.channels import Channels
from tele.services.notify import LiveLectures, NoLectures, Notifier, Paging, Presence, SessionWatch
from tele.services.passwords import Passwords
from tele.services.reference import Reference
from tele.store.database import Database
from tele.store.objects import ObjectStore


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that a site may set."""

    upload_bytes: int = 50 * 1024 * 1024
    image_pixels: int = 60_000_000
    files_per_case: int = 60
    messages_per_case: int = 5000
    open_cases_per_requester: int = 100
    session_idle: timedelta = timedelta(hours=12)
    session_absolute: timedelta = timedelta(days=7)
    draft_files_kept: timedelta = timedelta(hours=24)


def _nothing_recorded(recording: str) -> dict[str, Any] | None:
    """For where no recorder is."""
    return None


@dataclass(frozen=True, slots=True)
class Services:
    """Everything a use case needs. Services know neither HTTP nor sockets."""

    database: Database
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    objects: ObjectStore
    notifier: Notifier
    presence: Presence
    watch: SessionWatch
    paging: Paging
    passwords: Passwords
    attempts: Attempts
    reference: Reference
    limits: Limits = field(default_factory=Limits)
    live: LiveLectures = field(default_factory=NoLectures)
    channels: Channels = field(default_factory=Channels)
    recorded: Callable[[str], dict[str, Any] | None] = _nothing_recorded
    """The recorder's summary of a recording as far as it is on disk; None when there is nothing. Blocks on the disk."""
    heavy: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))
    """Held by whatever decodes pictures or makes PDFs in a thread: two at a time, whoever asks."""
