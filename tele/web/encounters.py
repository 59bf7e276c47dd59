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


@route("POST", "/api/consultations/{consultation}/hang-up", rule=Action.HANG_UP)
async def post_hang_up(call: Call, consultation: str) -> ConsultationView:
    """End the call for both sides; doing it twice is no mistake."""
    await call.request.app[ENCOUNTERS].hang_up(call.actor, consultation)
    return await view(call.services, call.actor, consultation)


@route("POST", "/api/consultations/{consultation}/recording", rule=Action.STOP_RECORDING)
async def post_recording(call: Call, consultation: str, *, body: RecordingChange) -> ConsultationView:
    """Stop, resume or withdraw the recording; each needs its own permission, which the service asks for."""
    await call.request.app[ENCOUNTERS].change_recording(call.actor, consultation, body.action)
    return await view(call.services, call.actor, consultation)
