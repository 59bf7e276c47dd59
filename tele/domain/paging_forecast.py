"""What the requester is told about a request's paging: how it stands in one word, and who comes next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from tele.domain.paging import in_order, may_ring
from tele.domain.paging_state import Floor, State

LineCode = Literal[
    "ringing", "queued", "snoozed", "needs-more", "nobody-on-call", "nobody-reachable", "everyone-busy", "coordinator"
]


@dataclass(frozen=True, slots=True)
class Next:
    """Who is turned to after `after_s` seconds if nobody accepts before; None: the coordinators."""

    practitioner: str | None
    after_s: int


def line_code(state: State, floor: Floor) -> LineCode:
    """The one word that says how a request that is still open stands."""
    if state.phase == "held":
        return "needs-more"
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


def forecast(state: State, floor: Floor, now: datetime, limit: int = 6) -> list[Next]:
    """Who comes next and when, if nothing changes: at most `limit` entries, in order of time."""
    if state.phase != "waiting":
        return []
    ends = max((ring.expires_at for ring in state.rings), default=now)
    ready = [one for one in in_order(floor) if may_ring(state, one)]
    ready.sort(key=lambda one: state.first.index(one.practitioner) if one.practitioner in state.first else len(floor))
    coming: list[Next] = []
    step, at_once = state.step, state.policy.steps[state.step].ring == "all"
    for one in ready:
        coming.append(Next(one.practitioner, _seconds(ends - now)))
        if not at_once:
            ends += timedelta(seconds=state.policy.ring_seconds(step))
    if ready and at_once:
        ends += timedelta(seconds=state.policy.ring_seconds(step))
    if state.called_since is None:
        coming.append(Next(None, _seconds(ends - now)))
    coming += [Next(person, _seconds(due - now)) for person, due in state.snoozed.items()]
    return sorted(coming, key=lambda one: one.after_s)[:limit]


def _seconds(duration: timedelta) -> int:
    return max(0, round(duration.total_seconds()))
