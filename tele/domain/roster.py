"""Who is on call: shifts, overrides and a specialist's own switch, as intervals of time.

Everything here is a plain value or a pure function of values; instants are aware datetimes, and every interval holds
its start and not its end, so that two shifts that touch neither overlap nor leave a hole.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

OverrideKind = Literal["add", "remove", "replace"]

FOREVER = datetime.max.replace(tzinfo=UTC)
"""The end of what has no end: a switch that stays on until it is turned off."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """The instants from `start` up to, and without, `end`."""

    start: datetime
    end: datetime

    def holds(self, instant: datetime) -> bool:
        return self.start <= instant < self.end


@dataclass(frozen=True, slots=True)
class Shift:
    """One specialist's planned hours on call for one specialty of one organisation."""

    id: str
    organisation: str
    specialty: str
    practitioner: str
    span: Span


@dataclass(frozen=True, slots=True)
class Override:
    """A change to the plan. Where two overrides meet, the later in the list given wins.

    `add` puts the practitioner on call; `remove` takes them off; `replace` gives the hours of `shift` (within the
    override's own span) to the practitioner. `remove` with a `shift` touches that shift alone.
    """

    id: str
    organisation: str
    specialty: str
    practitioner: str
    span: Span
    kind: OverrideKind
    shift: str | None = None


@dataclass(frozen=True, slots=True)
class Switch:
    """A specialist's own switch, for all their specialties. Past `until` the plan rules again."""

    practitioner: str
    on: bool
    since: datetime
    until: datetime | None = None

    @property
    def span(self) -> Span:
        return Span(self.since, max(self.since, self.until or FOREVER))


@dataclass(frozen=True, slots=True)
class OnCall:
    """One specialist on call for one specialty now: since when, and until when as far as is known."""

    practitioner: str
    specialty: str
    since: datetime
    until: datetime | None
    by: Literal["plan", "switch"]


@dataclass(frozen=True, slots=True)
class Hole:
    """A time for which the plan has nobody."""

    specialty: str
    span: Span


@dataclass(frozen=True)
class Roster:
    """All that decides who is on call. `specialties` says which ones each specialist answers for."""

    shifts: Sequence[Shift] = ()
    overrides: Sequence[Override] = ()
    switches: Sequence[Switch] = ()
    specialties: Sequence[tuple[str, str]] = ()
    """(practitioner, specialty) pairs; a switch or a shift for any other pair puts nobody on call."""

    def on_call(self, specialty: str, now: datetime) -> list[OnCall]:
        """Who is on call for `specialty` at `now`, in order of practitioner id."""
        people = sorted({person for person, code in self.specialties if code == specialty})
        found = (self._now(person, specialty, now) for person in people)
        return [one for one in found if one is not None]

    def next_change(self, now: datetime) -> datetime | None:
        """The next instant after `now` at which somebody may come on call or go off, if any is known."""
        spans = [
            *(shift.span for shift in self.shifts),
            *(override.span for override in self.overrides),
            *(switch.span for switch in self.switches),
        ]
        edges = [edge for span in spans for edge in (span.start, span.end) if now < edge < FOREVER]
        return min(edges, default=None)

    def holes(self, specialties: Iterable[str], window: Span) -> list[Hole]:
        """The parts of `window` for which the plan (shifts and overrides, without switches) has nobody."""
        known = set(self.specialties)
        found = []
        for code in sorted(set(specialties)):
            people = {person for person, specialty in known if specialty == code}
            covered = union([span for person in people for span in self.planned(person, code)])
            found += [Hole(code, span) for span in subtract([window], covered)]
        return found

    def planned(self, practitioner: str, specialty: str) -> list[Span]:
        """The hours the plan gives this specialist in this specialty, joined and in order."""
        spans: list[Span] = []
        for shift in self.shifts:
            if shift.specialty != specialty:
                continue
            held = [shift.span] if shift.practitioner == practitioner else []
            for override in self.overrides:
                if override.shift == shift.id and override.kind == "replace":
                    part = intersect([shift.span], override.span)
                    mine = override.practitioner == practitioner
                    held = union([*held, *part]) if mine else subtract(held, part)
                elif override.shift == shift.id and override.kind == "remove":
                    held = subtract(held, [override.span]) if override.practitioner == practitioner else held
            spans += held
        for override in self.overrides:
            if override.practitioner != practitioner or override.specialty != specialty:
                continue
            if override.kind == "add":
                spans = union([*spans, override.span])
            elif override.kind == "remove" and override.shift is None:
                spans = subtract(spans, [override.span])
        return union(spans)

    def _now(self, practitioner: str, specialty: str, now: datetime) -> OnCall | None:
        spans = self.planned(practitioner, specialty)
        switch = next((one for one in self.switches if one.practitioner == practitioner and one.span.holds(now)), None)
        if switch is not None and not switch.on:
            return None
        planned = next((span for span in spans if span.holds(now)), None)
        if switch is not None:
            # The hours that follow a switch without a gap belong to the same stretch on call.
            stretch = next(span for span in union([*spans, switch.span]) if span.holds(now))
            until = None if stretch.end == FOREVER else stretch.end
            # `since` is when they said so: coming on call anew makes a specialist ready for what they let ring before.
            return OnCall(practitioner, specialty, switch.since, until, "plan" if planned else "switch")
        if planned is None:
            return None
        return OnCall(practitioner, specialty, self._back_since(practitioner, planned), planned.end, "plan")

    def _back_since(self, practitioner: str, planned: Span) -> datetime:
        """The start of planned hours, or when a switch that had interrupted them ended."""
        ended = [
            one.span.end
            for one in self.switches
            if one.practitioner == practitioner and not one.on and planned.holds(one.span.end)
        ]
        return max([planned.start, *ended])


def union(spans: Iterable[Span]) -> list[Span]:
    """The same instants as disjoint spans in order; spans that touch become one."""
    joined: list[Span] = []
    for span in sorted(one for one in spans if one.start < one.end):
        if joined and span.start <= joined[-1].end:
            joined[-1] = Span(joined[-1].start, max(joined[-1].end, span.end))
        else:
            joined.append(span)
    return joined


def intersect(spans: Iterable[Span], window: Span) -> list[Span]:
    """What of `spans` lies in `window`."""
    cut = (Span(max(span.start, window.start), min(span.end, window.end)) for span in spans)
    return [span for span in cut if span.start < span.end]


def subtract(spans: Iterable[Span], gone: Iterable[Span]) -> list[Span]:
    """`spans` without the instants of `gone`."""
    left = union(spans)
    for hole in union(gone):
        left = [
            part
            for span in left
            for part in (Span(span.start, min(span.end, hole.start)), Span(max(span.start, hole.end), span.end))
            if part.start < part.end
        ]
    return left


def switch_off_until(roster: Roster, practitioner: str, now: datetime) -> datetime:
    """Until when going off call holds: the end of the planned hours that run now, so that the next ones count again.

    Without planned hours the switch has nothing to hold back, and this is `now`.
    """
    ends = [
        span.end
        for person, specialty in roster.specialties
        if person == practitioner
        for span in roster.planned(practitioner, specialty)
        if span.holds(now)
    ]
    return max(ends, default=now)
