"""The values of paging: what one request's state holds, what may happen to it, and what is to be done about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from pydantic import TypeAdapter

from tele.domain.escalation import Policy

Phase = Literal["waiting", "held", "accepted", "cancelled"]
"""`waiting` for a specialist; `held` until the GP replies to a question; the other two are the ends."""

Outcome = Literal["accepted", "declined", "snoozed", "timed-out", "asked-more", "cancelled", "taken"]
"""How a ring ended. `taken`: another specialist accepted; `cancelled`: it stopped for any other reason than its own."""

LineCode = Literal[
    "ringing", "queued", "snoozed", "needs-more", "nobody-on-call", "nobody-reachable", "everyone-busy", "coordinator",
    "accepted", "cancelled",
]  # fmt: skip
"""How a request stands, in the one word that is put into a sentence for the requester."""


@dataclass(frozen=True, slots=True)
class Ring:
    """One specialist being rung: the row `page` of the store."""

    page: str
    practitioner: str
    sent_at: datetime
    expires_at: datetime
    channels: tuple[str, ...]
    unseen_since: datetime | None = None
    """Since when the page that showed the ring has been gone."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A specialist who was rung and did not take the request."""

    at: datetime
    declined: bool


@dataclass(frozen=True, slots=True)
class State:
    """Where one request stands. Stored as JSON in the request's row; `version` is the shape's, not the row's."""

    policy: Policy
    phase: Phase = "waiting"
    step: int = 0
    round: int = 0
    rings: tuple[Ring, ...] = ()
    tried: dict[str, Tried] = field(default_factory=dict)
    snoozed: dict[str, datetime] = field(default_factory=dict)
    first: tuple[str, ...] = ()
    """Who is rung before all others: assigned by a coordinator, handed over to, asked for more, snoozed and due."""
    called_since: datetime | None = None
    """When the coordinators were called at the present step."""
    held_since: datetime | None = None
    asked_by: str | None = None
    accepted_by: str | None = None
    wake_at: datetime | None = None
    line: LineCode = "queued"
    coming: tuple[str, ...] = ()
    """Who would be rung next, in order, as of the last look."""
    on_call: int = 0
    """How many were on call at the last look."""
    version: Literal[1] = 1

    def ring_of(self, practitioner: str) -> Ring | None:
        return next((ring for ring in self.rings if ring.practitioner == practitioner), None)

    @property
    def open(self) -> bool:
        return self.phase in ("waiting", "held")

    @property
    def stage(self) -> Literal["ringing", "queued", "needs-more", "accepted", "cancelled"]:
        """The request's stage as far as paging knows it."""
        if self.phase == "waiting":
            return "ringing" if self.rings else "queued"
        return "needs-more" if self.phase == "held" else self.phase


# What happens to a request.


@dataclass(frozen=True, slots=True)
class Looked:
    """Time passed or the world changed: someone came on call, became free, opened or closed a page."""


@dataclass(frozen=True, slots=True)
class Accepted:
    practitioner: str


@dataclass(frozen=True, slots=True)
class Declined:
    practitioner: str
    reason: str = ""
    to: str | None = None
    """Who is to be rung next instead (a hand-over)."""


@dataclass(frozen=True, slots=True)
class Snoozed:
    """The specialist wants to be rung again after the policy's `snooze_s`."""

    practitioner: str


@dataclass(frozen=True, slots=True)
class AskedMore:
    practitioner: str


@dataclass(frozen=True, slots=True)
class Replied:
    """The GP gave what was asked for."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Assigned:
    """A coordinator wants this specialist rung, whatever they let ring before."""

    practitioner: str


@dataclass(frozen=True, slots=True)
class RingAgain:
    """Begin anew with everybody who let it ring; who declined stays left out."""


@dataclass(frozen=True, slots=True)
class Reopened:
    """Who had accepted gives the request back, perhaps to someone named."""

    by: str
    to: str | None = None


Event = (
    Looked | Accepted | Declined | Snoozed | AskedMore | Replied | Cancelled | Assigned | RingAgain | Reopened
)  # fmt: skip


# What is to be done.


@dataclass(frozen=True, slots=True)
class Page:
    """Ring this specialist on these channels."""

    ring: Ring


@dataclass(frozen=True, slots=True)
class Reach:
    """The ring's page is gone: go on ringing on these channels."""

    ring: Ring


@dataclass(frozen=True, slots=True)
class StopPage:
    """The ring is over."""

    ring: Ring
    outcome: Outcome
    reason: str = ""


@dataclass(frozen=True, slots=True)
class CallCoordinator:
    """Nobody on call takes it: the coordinators are asked to act. `round` counts from 0."""

    why: Literal["nobody-on-call", "nobody-free", "nobody-took-it", "no-reply"]
    round: int


@dataclass(frozen=True, slots=True)
class WakeAt:
    """Look at the request again then; None: only when something happens."""

    at: datetime | None


@dataclass(frozen=True, slots=True)
class Tell:
    """The requester's line of progress changed."""


Command = Page | Reach | StopPage | CallCoordinator | WakeAt | Tell

_STATE: TypeAdapter[State] = TypeAdapter(State)


def in_hands(stored: Mapping[str, Any], practitioner: str) -> bool:
    """Whether a stored state leaves the answer to this specialist: being rung, snoozed, or waiting for a reply."""
    if stored.get("phase") not in ("waiting", "held"):
        return False
    rung = any(ring.get("practitioner") == practitioner for ring in stored.get("rings", ()))
    return rung or practitioner in stored.get("snoozed", {}) or practitioner == stored.get("asked_by")


def to_json(state: State) -> dict[str, Any]:
    """The state as JSON values."""
    dumped: dict[str, Any] = _STATE.dump_python(state, mode="json")
    return dumped


def from_json(stored: object) -> State:
    """The state of what `to_json` gave; pydantic's ValidationError (a ValueError) for anything else."""
    return _STATE.validate_python(stored, strict=False)
