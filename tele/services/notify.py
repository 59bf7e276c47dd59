"""Telling open pages that something changed. A hint, never the only copy: what must not be lost is a row first."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Protocol


class Notifier(Protocol):
    """Sends one event to every open page of those concerned, on any node. Never raises for who is not there."""

    async def practitioner(self, practitioner_id: str, event: str, payload: dict[str, Any]) -> None:
        """To all pages of one person."""

    async def coordinators(self, organisation_id: str, event: str, payload: dict[str, Any]) -> None:
        """To the pages of those who coordinate this organisation."""

    async def consultation(self, consultation_id: str, event: str, payload: dict[str, Any]) -> None:
        """To the pages of all who take part in this case."""

    async def lecture(self, lecture_id: str, event: str, payload: dict[str, Any]) -> None:
        """To the pages that watch or present this lecture."""


class Presence(Protocol):
    """Who can be rung in the browser."""

    async def open_pages(self, practitioner_ids: Collection[str]) -> set[str]:
        """Those of these people who have a signed-in page open now, on any node."""


class LiveLectures(Protocol):
    """What runs beside live lectures in this process, told of what is committed. Each call returns at once."""

    def watching(self, lecture_id: str) -> int:
        """How many pages watch it now, as far as this node knows."""

    def floor(self, lecture_id: str) -> None:
        """Something beside the picture changed: pages get the floor as it is, soon and together."""

    def remind(self) -> None:
        """There may be an earlier reminder than was known."""

    def deck(self) -> None:
        """There are slides of which pictures are to be made."""


class NoLectures:
    """For where nobody watches."""

    def watching(self, lecture_id: str) -> int:
        """Nobody."""
        return 0

    def floor(self, lecture_id: str) -> None:
        """Nobody is told."""

    def remind(self) -> None:
        """Nobody is told."""

    def deck(self) -> None:
        """Nobody is told."""


class SessionWatch(Protocol):
    """Ends what a session holds open: sockets, and with them media."""

    async def ended(self, practitioner_id: str, session_ids: Collection[str] | None, reason: str) -> None:
        """These sessions (None: all) are over: `signed-out`, `expired`, `disabled` or `password-changed`."""


@dataclass(frozen=True, slots=True)
class Opening:
    """How paging begins for a new request: JSON for the request's `policy` and `paging_state`."""

    policy: dict[str, Any]
    state: dict[str, Any]


class Paging(Protocol):
    """The loop that rings specialists."""

    def opening(self, *, organisation: str, specialty: str, urgency: str) -> Opening:
        """The escalation policy as it is now, frozen for one request, and the state from which its paging starts."""

    def wake(self, request_id: str) -> None:
        """A committed change of this request may need ringing now; returns at once."""
