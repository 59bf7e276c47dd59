"""The running call: hang up, stop or resume the recording, withdraw the consent to it."""

from __future__ import annotations

from typing import Literal

from aiohttp import web

from tele.domain.access import Action
from tele.services.encounters import Encounters
from tele.services.view_consultation import view
from tele.services.views import ConsultationView
from tele.web.api import Call, Model, route

ENCOUNTERS: web.AppKey[Encounters] = web.AppKey("encounters", Encounters)


class RecordingChange(Model):
    """What is to happen with the recording; `withdraw` takes the patient's consent to it back for good."""

    action: Literal["stop", "resume", "withdraw"]


@route("POST", "/api/consultations/{id}/hang-up", rule=Action.HANG_UP)
async def hang_up(call: Call, id: str) -> ConsultationView:  # noqa: A002 - the path's own name
    """End the call for both sides; doing it twice is no mistake."""
    await call.request.app[ENCOUNTERS].hang_up(call.actor, id)
    return await view(call.services, call.actor, id)


@route("POST", "/api/consultations/{id}/recording", rule=Action.STOP_RECORDING)
async def change_recording(call: Call, id: str, *, body: RecordingChange) -> ConsultationView:  # noqa: A002
    """Stop, resume or withdraw the recording; each needs its own permission, which the service asks for."""
    await call.request.app[ENCOUNTERS].change_recording(call.actor, id, body.action)
    return await view(call.services, call.actor, id)
