"""Recordings: what one may replay, and one of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from pydantic import Field

from tele.domain.access import Action
from tele.services.context import Services
from tele.services.recordings import (
    RecordingPage,
    RecordingView,
    State,
    list_recordings,
    title_to_take_away,
    view_recording,
)
from tele.web.api import Call, Model, route
from tele.web.files import disposition


class RecordingFilter(Model):
    """Which recordings; without a state all of them."""

    state: State | None = None
    cursor: Annotated[str, Field(max_length=200)] | None = None


@route("GET", "/api/recordings", rule=Action.LIST_RECORDINGS)
async def get_recordings(call: Call, *, query: RecordingFilter) -> RecordingPage:
    """What one may replay, newest first."""
    return await list_recordings(call.services, call.actor, query.state, query.cursor)


@route("GET", "/api/recordings/{recording}", rule=Action.SEE_RECORDING)
async def get_recording(call: Call, recording: str) -> RecordingView:
    """One recording, its tracks and what was written while it ran."""
    return await view_recording(call.services, call.actor, recording)


def releases(services: Services) -> Callable[[str], Awaitable[str]]:
    """What a download of a recording, which its caller may see, is sent with; raises Forbidden, Conflict, Unknown."""

    async def release(recording: str) -> str:
        return disposition("attachment", f"{await title_to_take_away(services, recording)}.mp4")

    return release
