"""Who a waiting request turns to next, and when, if nothing changes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from tele.domain.paging_state import State


@dataclass(frozen=True, slots=True)
class Next:
    """Who is turned to after `after_s` seconds if nobody accepts before; None: the coordinators."""

    practitioner: str | None
    after_s: int


def forecast(state: State, now: datetime, limit: int = 6) -> list[Next]:
    """At most `limit` entries in order of time, from what the last look at the request found."""
    if state.phase != "waiting":
        return []
    ends = max((ring.expires_at for ring in state.rings), default=now)
    at_once = state.policy.steps[state.step].ring == "all"
    each = timedelta(seconds=state.policy.ring_seconds(state.step))
    found: list[Next] = []
    for person in state.coming:
        found.append(Next(person, _seconds(ends - now)))
        ends += timedelta() if at_once else each
    if state.coming and at_once:
        ends += each
    if state.called_since is None:
        found.append(Next(None, _seconds(ends - now)))
    found += [Next(person, _seconds(due - now)) for person, due in state.snoozed.items()]
    return sorted(found, key=lambda one: one.after_s)[:limit]


def _seconds(duration: timedelta) -> int:
    return max(0, round(duration.total_seconds()))
