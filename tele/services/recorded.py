"""What the recorder tells of a recording, with people where it knows only seats."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from tele.domain.seat import device_id, participant_id
from tele.services.ingest import labels_of
from tele.services.ingest_subjects import OfConsultation, Subject
from tele.store.tables import Encounter, Page, ServiceRequest


async def with_people(
    tx: AsyncSession, summary: dict[str, Any], encounter: Encounter, request: ServiceRequest
) -> dict[str, Any]:
    """The recorder's summary with `practitioner` added to each track, and `device` (id and label of its token) where it
    was one; both are None for a seat that nobody of the case had.

    Who was rung is looked at as well: the case may have been handed over since the call.
    """
    rung = await tx.scalars(select(Page.practitioner).where(Page.request == request.id).distinct())
    people = {request.requester, *rung, *([request.accepted_by] if request.accepted_by else [])}
    seats = {participant_id(encounter.id, person): person for person in people}
    devices = await devices_in(tx, OfConsultation(request.id), encounter.id)
    tracks = [
        {**track, "practitioner": seats.get(track.get("participant")), "device": devices.get(track.get("participant"))}
        for track in summary.get("tracks", [])
    ]
    return {**summary, "tracks": tracks}


async def devices_in(tx: AsyncSession, subject: Subject, room: str) -> dict[str, dict[str, str]]:
    """Id and label of the token of every device that could have had a seat there, by seat."""
    labels = await labels_of(tx, subject)
    return {device_id(room, token): {"id": token, "label": label} for token, (label, _) in labels.items()}
