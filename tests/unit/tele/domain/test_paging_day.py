"""Whole days of paging by hypothesis: whatever happens in whatever order, the promises to GP and specialist hold."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from tele.domain.escalation import Policy, Step
from tele.domain.paging import PagingError, begin, step
from tele.domain.paging_floor import Candidate, Floor, may_ring
from tele.domain.paging_queue import queue_order
from tele.domain.paging_state import (
    Accepted,
    AskedMore,
    Assigned,
    Cancelled,
    Command,
    Declined,
    Event,
    Looked,
    Page,
    Reopened,
    Replied,
    RingAgain,
    Snoozed,
    State,
    StopPage,
    from_json,
    to_json,
)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LONG_AGO = NOON - timedelta(hours=2)

PEOPLE = ("ann", "bo", "cy")
POLICIES = st.builds(
    lambda steps, again, call: Policy(
        steps=(*steps, *([Step(who="coordinator", seconds=30), Step(who="on-call", ring="all")] if call else []),
               Step(who="coordinator")), again_s=again, page_lost_s=5, snooze_s=600, away_s=90, reply_s=1800,
    ),
    st.lists(
        st.one_of(
            st.builds(Step, who=st.just("on-call"), ring=st.sampled_from(["one", "all"]), seconds=st.integers(5, 40)),
            st.builds(Step, who=st.just("practitioner"), practitioner=st.sampled_from(PEOPLE)),
        ),
        min_size=1, max_size=3,
    ),
    st.sampled_from([None, 60]),
    st.booleans(),
)  # fmt: skip


@dataclass
class Person:
    name: str
    on_since: datetime | None = None
    on_until: datetime | None = None
    reach: frozenset[str] = frozenset({"page"})
    idle_since: datetime = LONG_AGO
    in_call: str | None = None


@dataclass
class Request:
    name: str
    urgency: str
    created_at: datetime
    state: State
    winners: list[str] = field(default_factory=list)


class PagingDay(RuleBasedStateMachine):
    """Several requests and specialists; the machine here does what the engine does, without rows or sockets."""

    requests = Bundle("requests")

    @initialize()
    def start(self) -> None:
        self.now = NOON
        self.ids = itertools.count(1)
        self.people = {name: Person(name) for name in PEOPLE}
        self.all: dict[str, Request] = {}

    def floor(self, request: Request) -> Floor:
        rung = {ring.practitioner for other in self.all.values() if other is not request for ring in other.state.rings}
        return tuple(
            Candidate(one.name, one.on_since, one.on_until, one.idle_since,
                      not one.in_call and one.name not in rung, one.reach)
            for one in self.people.values()
            if one.on_since and (one.on_until is None or self.now < one.on_until)
        )  # fmt: skip

    def apply(self, request: Request, event: Event) -> tuple[Command, ...]:
        before, floor = request.state, self.floor(request)
        after, commands = step(before, event, floor, self.now, lambda: f"page-{next(self.ids)}")
        assert after == before or from_json(to_json(after)) == after
        request.state = after
        pages = [command.ring for command in commands if isinstance(command, Page)]
        by_name = {one.practitioner: one for one in floor}
        for ring in pages:
            one = by_name[ring.practitioner]  # a KeyError is a ring off shift
            assert one.free, "rung while busy"
            assert one.reach, "rung where nobody hears it"
            assert self.now < ring.expires_at
            assert one.on_until is None or ring.expires_at <= one.on_until
            assert ring in after.rings
        current = after.policy.steps[after.step]
        someone_named = before.first or before.snoozed or current.who == "practitioner"
        if len(pages) == 1 and isinstance(event, Looked) and not someone_named:
            # As the machine chose: those who could be rung just before this ring started.
            could = [one for one in floor if may_ring(replace(after, rings=()), one)]
            chosen = by_name[pages[0].practitioner]
            with_page = [one for one in could if "page" in one.reach]
            assert "page" in chosen.reach or not with_page, "somebody with a page open could have been rung"
            rivals = with_page if "page" in chosen.reach else could
            assert all(chosen.idle_since <= one.idle_since for one in rivals), "not the longest idle"
        for command in commands:
            if isinstance(command, StopPage):
                assert command.ring.practitioner not in [ring.practitioner for ring in after.rings] or pages
                self.people[command.ring.practitioner].idle_since = self.now
        return commands

    def settle(self) -> None:
        """What the engine does until nothing more is to be done: every waiting request, the most pressing first."""
        for _ in range(50):
            order = sorted(self.all.values(), key=lambda one: queue_order(one.urgency, one.created_at, one.name))
            if not [one for one in order if one.state.open and self.apply(one, Looked())]:
                return
        raise AssertionError("the queue does not come to rest")

    def answer(self, request: Request, event: Event, allowed: bool) -> bool:
        if not allowed:
            before = request.state
            with pytest.raises(PagingError):
                self.apply(request, event)
            assert request.state == before
            return False
        self.apply(request, event)
        return True

    def in_hands(self, request: Request, who: str) -> bool:
        state = request.state
        return state.open and bool(state.ring_of(who) or who in state.snoozed or state.asked_by == who)

    @rule(target=requests, policy=POLICIES, urgency=st.sampled_from(["routine", "urgent", "emergency"]))
    def ask(self, policy: Policy, urgency: str) -> object:
        if len(self.all) >= 6:
            return multiple()
        request = Request(f"request-{len(self.all)}", urgency, self.now, begin(policy))
        self.all[request.name] = request
        self.settle()
        return request.name

    @rule(who=st.sampled_from(PEOPLE), hours=st.sampled_from([None, 10, 3600]))
    def come_on_call(self, who: str, hours: int | None) -> None:
        person = self.people[who]
        person.on_since, person.on_until = self.now, self.now + timedelta(seconds=hours) if hours else None
        self.settle()

    @rule(who=st.sampled_from(PEOPLE))
    def go_off_call(self, who: str) -> None:
        self.people[who].on_since = None
        self.settle()

    @rule(who=st.sampled_from(PEOPLE), reach=st.sampled_from([frozenset(), {"page"}, {"email"}, {"page", "email"}]))
    def pages_open_and_close(self, who: str, reach: set[str]) -> None:
        self.people[who].reach = frozenset(reach)
        self.settle()

    @rule(seconds=st.integers(1, 700))
    def time_passes(self, seconds: int) -> None:
        """As the engine sees it: awake at every instant that the state names or at which someone's hours end."""
        target = self.now + timedelta(seconds=seconds)
        while self.now < target:
            due = [request.state.wake_at for request in self.all.values() if request.state.wake_at]
            due += [one.on_until for one in self.people.values() if one.on_until and one.on_since]
            ahead = [when for when in due if when > self.now]
            assert all(when > self.now for when in due if when not in (one.on_until for one in self.people.values()))
            self.now = min([target, *ahead])
            self.settle()

    @rule(seconds=st.integers(1, 4000))
    def server_is_down(self, seconds: int) -> None:
        """Time passes with nobody looking: everything goes on from where it was."""
        self.now += timedelta(seconds=seconds)
        for request in self.all.values():
            request.state = from_json(to_json(request.state))
        self.settle()

    @rule(request=requests, who=st.sampled_from(PEOPLE))
    def accept(self, request: str, who: str) -> None:
        one = self.all[request]
        allowed = self.in_hands(one, who) and not self.people[who].in_call
        if not self.in_hands(one, who) or allowed:
            if self.answer(one, Accepted(who), allowed):
                one.winners.append(who)
                self.people[who].in_call = request
            self.settle()

    @rule(request=requests, who=st.sampled_from(PEOPLE), to=st.sampled_from([None, *PEOPLE]))
    def decline(self, request: str, who: str, to: str | None) -> None:
        self.answer(self.all[request], Declined(who, to=to), self.in_hands(self.all[request], who))
        self.settle()

    @rule(request=requests, who=st.sampled_from(PEOPLE))
    def snooze(self, request: str, who: str) -> None:
        one = self.all[request]
        self.answer(one, Snoozed(who), one.state.ring_of(who) is not None)
        self.settle()

    @rule(request=requests, who=st.sampled_from(PEOPLE))
    def ask_more(self, request: str, who: str) -> None:
        self.answer(self.all[request], AskedMore(who), self.in_hands(self.all[request], who))
        self.settle()

    @rule(request=requests)
    def reply(self, request: str) -> None:
        self.answer(self.all[request], Replied(), self.all[request].state.phase == "held")
        self.settle()

    @rule(request=requests, who=st.sampled_from(PEOPLE))
    def assign(self, request: str, who: str) -> None:
        self.answer(self.all[request], Assigned(who), self.all[request].state.open)
        self.settle()

    @rule(request=requests)
    def ring_again(self, request: str) -> None:
        self.answer(self.all[request], RingAgain(), self.all[request].state.phase == "waiting")
        self.settle()

    @rule(request=consumes(requests))
    def cancel(self, request: str) -> None:
        self.answer(self.all[request], Cancelled(), self.all[request].state.open)
        self.settle()

    @rule(request=requests)
    def hang_up(self, request: str) -> None:
        for person in self.people.values():
            if person.in_call == request:
                person.in_call, person.idle_since = None, self.now
        self.settle()

    @rule(request=requests, to=st.sampled_from([None, *PEOPLE]))
    def give_back(self, request: str, to: str | None) -> None:
        one = self.all[request]
        if one.state.phase == "accepted" and one.state.accepted_by:
            who = one.state.accepted_by
            if self.people[who].in_call == request:
                self.people[who].in_call = None
            one.winners.remove(who)
            self.apply(one, Reopened(who, to))
            self.settle()

    @invariant()
    def never_two_accepted(self) -> None:
        for request in getattr(self, "all", {}).values():
            assert len(request.winners) <= 1
            assert request.winners == ([request.state.accepted_by] if request.state.phase == "accepted" else [])

    @invariant()
    def never_two_rings_for_one(self) -> None:
        rung = [ring.practitioner for one in getattr(self, "all", {}).values() for ring in one.state.rings]
        assert len(rung) == len(set(rung))
        for name in rung:
            person = self.people[name]
            assert not person.in_call
            assert person.on_since is not None
            assert person.on_until is None or self.now < person.on_until

    @invariant()
    def what_is_over_is_over(self) -> None:
        for request in getattr(self, "all", {}).values():
            state = request.state
            assert not state.rings or state.phase == "waiting"
            assert state.open or not state.snoozed
            if state.phase == "waiting":
                assert all(due > self.now for due in state.snoozed.values()), "a snooze is over and nobody noticed"

    @invariant()
    def never_lost(self) -> None:
        for request in getattr(self, "all", {}).values():
            state = request.state
            if state.rings:
                assert state.phase == "waiting"
                assert state.wake_at is not None
                assert state.wake_at > self.now
                assert state.wake_at <= min(ring.expires_at for ring in state.rings)
            elif state.phase == "waiting":
                assert state.called_since is not None, "nobody is rung and nobody was called"
                assert state.policy.again_s is None or state.wake_at is not None
                assert not [one for one in self.floor(request) if may_ring(state, one) and _has_step_for(state, one)]
            elif state.phase == "held":
                assert state.called_since is not None or state.wake_at is not None
            else:
                assert state.wake_at is None


def _has_step_for(state: State, one: Candidate) -> bool:
    return any(at.who == "on-call" or at.practitioner == one.practitioner for at in state.policy.steps)


PagingDay.TestCase.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
TestPagingDay = PagingDay.TestCase
