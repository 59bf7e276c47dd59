"""A lecture's life: scheduled, live, over; who is invited, and what can be done with it when. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from tele.domain.access import Action, Actor, Relation, allows
from tele.domain.people import Role

Kind = Literal["lecture", "workshop", "case-discussion", "teaching-round"]
Status = Literal["planned", "in-progress", "completed", "cancelled"]
"""FHIR R5 encounter-status words, as for a consultation's encounter."""
Scope = Literal["consortium", "organisations"]

LONGEST = timedelta(hours=12)
"""A session that is planned for longer is a mistake in the dates."""
EARLY = timedelta(hours=24)
"""How long before its time a session may go live: a rehearsal the day before is one."""


@dataclass(frozen=True, slots=True)
class Audience:
    """Who is invited. Without `roles` every role is; organisations count only with that scope."""

    scope: Scope = "consortium"
    organisations: frozenset[str] = frozenset()
    roles: frozenset[Role] = frozenset()

    def invites(self, roles: Collection[tuple[Role, str]]) -> bool:
        """Whether somebody with these roles (role, organisation) is invited by one of them."""
        return any(
            (self.scope == "consortium" or where in self.organisations) and (not self.roles or role in self.roles)
            for role, where in roles
        )


@dataclass(frozen=True, slots=True)
class Situation:
    """What of a lecture decides what can be done now."""

    status: Status
    starts_at: datetime
    published: bool = True
    """Whether a finished lecture's replay is shown to its audience."""


LECTURE_ACTIONS: tuple[Action, ...] = (
    Action.EDIT_LECTURE,
    Action.CANCEL_LECTURE,
    Action.GO_LIVE,
    Action.PRESENT,
    Action.END_LECTURE,
    Action.MODERATE,
    Action.TAKE_PART,
    Action.CHECK_IN,
)
"""What a client may offer as a button, in the order in which it is listed."""


def possible(action: Action, now: Situation, clock: datetime) -> bool:
    """Whether the lecture is in a state in which someone could do this, whoever it is."""
    live = now.status == "in-progress"
    match action:
        case Action.EDIT_LECTURE:
            return now.status != "cancelled"
        case Action.CANCEL_LECTURE:
            return now.status == "planned"
        case Action.GO_LIVE:
            return live or (now.status == "planned" and clock >= now.starts_at - EARLY)
        case Action.PRESENT | Action.END_LECTURE:
            return live
        case Action.MODERATE:
            return live or now.status == "completed"
        case Action.TAKE_PART:
            return live or now.status == "completed"
        case Action.CHECK_IN:
            return live
        case _:
            return False


def may(actor: Actor, relation: frozenset[Relation], now: Situation, clock: datetime) -> list[Action]:
    """What this person can do with the lecture now."""
    return [
        action for action in LECTURE_ACTIONS if allows(actor, action, relation) and possible(action, now, clock)
    ]  # fmt: skip


def check_times(starts_at: datetime, ends_at: datetime) -> str | None:
    """The field that is wrong with planned times, or None."""
    if ends_at <= starts_at or ends_at - starts_at > LONGEST:
        return "ends_at"
    return None
