"""Services without a live world, for the console: nobody is told, and running servers notice from the rows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from tele.domain.ids import new_id
from tele.paths import config_file
from tele.services.attempts import Attempts
from tele.services.channels import Channels
from tele.services.context import Services
from tele.services.notify import Opening
from tele.services.passwords import Passwords
from tele.services.reference import Reference
from tele.settings import Settings
from tele.store.database import Database
from tele.store.objects import ObjectStore


class Nobody:
    """Every hook to the live world, with nobody on the other end."""

    async def practitioner(self, practitioner_id: str, event: str, payload: dict[str, Any]) -> None:
        """Nobody hears it."""

    async def coordinators(self, organisation_id: str, event: str, payload: dict[str, Any]) -> None:
        """Nobody hears it."""

    async def consultation(self, consultation_id: str, event: str, payload: dict[str, Any]) -> None:
        """Nobody hears it."""

    async def lecture(self, lecture_id: str, event: str, payload: dict[str, Any]) -> None:
        """Nobody hears it."""

    async def open_pages(self, practitioner_ids: Collection[str]) -> set[str]:
        """Nobody is there."""
        return set()

    async def ended(self, practitioner_id: str, session_ids: Collection[str] | None, reason: str) -> None:
        """A running server looks at the rows by itself."""

    def opening(self, *, organisation: str, specialty: str, urgency: str) -> Opening:
        """Requests are not made from the console."""
        raise NotImplementedError

    def wake(self, request_id: str) -> None:
        """A running server looks at the rows by itself."""


@asynccontextmanager
async def services(settings: Settings) -> AsyncIterator[Services]:
    """The use cases on this server's database, while it runs or not."""
    nobody = Nobody()
    database = await Database.open(settings.database_url)
    try:
        yield Services(
            database=database, clock=lambda: datetime.now(UTC), new_id=new_id,
            objects=ObjectStore.open(settings.storage_url), notifier=nobody, presence=nobody, watch=nobody,
            paging=nobody, channels=Channels(), passwords=Passwords(), attempts=Attempts(),
            reference=Reference.load(config_file("default.yaml").parent),
        )  # fmt: skip
    finally:
        await database.close()
