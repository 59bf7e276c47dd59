"""Telling the pages of a case that it changed, so that they fetch it again."""

from __future__ import annotations

from typing import Any

from tele.services.context import Services
from tele.store.tables import ServiceRequest


async def changed(services: Services, row: ServiceRequest, what: str, progress: dict[str, Any] | None = None) -> None:
    """Send the `consultation` event of a committed change. Call it after the transaction, never inside."""
    payload = {"id": row.id, "stage": row.stage, "version": row.version, "progress": progress, "what": what}
    await services.notifier.consultation(row.id, "consultation", payload)
