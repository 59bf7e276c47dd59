"""Everybody on call for a request's specialty at one instant, and who of them may be rung, in which order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tele.domain.paging_state import LineCode, State


@dataclass(frozen=True, slots=True)
class Candidate:
    """A specialist who is on call now for the request's specialty, as seen by one request."""

    practitioner: str
    on_since: datetime
    on_until: datetime | None
    idle_since: datetime
    """When their last call or ring ended, or they came on call; who has waited longest is rung first."""
    free: bool
    """Neither in a call nor being rung by another request."""
    reach: frozenset[str]
    """Channels that can ring them now: `page` (an open page) or the names of others; empty: they cannot be rung."""


Floor = tuple[Candidate, ...]


def in_order(floor: Floor) -> list[Candidate]:
    """The order in which specialists are rung: the longest idle first, those who have a page open before the others."""
    return sorted(floor, key=lambda one: ("page" not in one.reach, one.idle_since, one.practitioner))


def may_ring(state: State, one: Candidate) -> bool:
    """Whether this specialist may be rung for the request now, as far as they themselves are concerned."""
    if not (one.free and one.reach) or one.practitioner in state.snoozed or state.ring_of(one.practitioner):
        return False
    tried = state.tried.get(one.practitioner)
    return tried is None or one.on_since > tried.at


def coming(state: State, floor: Floor) -> tuple[str, ...]:
    """Who would be rung next, in order."""
    if state.phase != "waiting":
        return ()
    ready = [one.practitioner for one in in_order(floor) if may_ring(state, one)]
    return tuple(sorted(ready, key=lambda one: state.first.index(one) if one in state.first else len(state.first)))


def line_code(state: State, floor: Floor) -> LineCode:
    """The one word that says how a request stands."""
    if state.phase != "waiting":
        return "needs-more" if state.phase == "held" else state.phase
    if state.rings:
        return "ringing"
    if not floor:
        return "nobody-on-call"
    if not any(one.reach for one in floor):
        return "nobody-reachable"
    if state.snoozed:
        return "snoozed"
    if not any(one.free and one.reach for one in floor):
        return "everyone-busy"
    return "coordinator" if state.called_since is not None else "queued"
