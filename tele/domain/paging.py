"""The paging of one request: a pure function from (state, event, who is there, now) to the next state and what to do.

A waiting request is never idle: someone is being rung, or the coordinators have been called and it is looked at again
when someone comes on call or becomes free. Who is on call, free and reachable is an argument (`Floor`); so are ids.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from tele.domain.escalation import Policy
from tele.domain.paging_floor import Candidate, Floor, coming, in_order, line_code, may_ring
from tele.domain.paging_state import (
    Accepted,
    AskedMore,
    Assigned,
    CallCoordinator,
    Cancelled,
    Command,
    Declined,
    Event,
    Looked,
    Outcome,
    Page,
    Reach,
    Reopened,
    Replied,
    Ring,
    RingAgain,
    Snoozed,
    State,
    StopPage,
    Tell,
    Tried,
    WakeAt,
)


class PagingError(Exception):
    """The event does not fit the state; `code` says why in one word."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def begin(policy: Policy) -> State:
    """The state of a request that has just been sent; the next `Looked` rings the first."""
    return State(policy=policy)


def step(
    state: State, event: Event, floor: Floor, now: datetime, new_id: Callable[[], str]
) -> tuple[State, tuple[Command, ...]]:
    """What `event` makes of `state`. Raises PagingError when it cannot happen now.

    `Looked` may be repeated at will: with nothing to do it returns the same state and no command.
    """
    turn = _Turn(state, floor, now, new_id)
    turn.take(event)
    if turn.state.phase == "waiting":
        turn.stop_what_ended()
        turn.go_on()
    elif turn.state.phase == "held":
        turn.wait_for_reply()
    return turn.finish(state)


@dataclass
class _Turn:
    """One step in the making: the state so far and the commands that lead to it."""

    state: State
    floor: Floor
    now: datetime
    new_id: Callable[[], str]
    commands: list[Command] = field(default_factory=list)

    def take(self, event: Event) -> None:
        """Apply what happened, without looking for the next specialist yet."""
        state = self.state
        match event:
            case Looked():
                return
            case Reopened(by, to):
                if state.phase != "accepted" or state.accepted_by != by:
                    raise PagingError("not-accepted")
                tried = {by: Tried(self.now, declined=True)}
                first = (to,) if to is not None else ()
                self._set(phase="waiting", accepted_by=None, step=0, called_since=None, tried=tried, first=first)
            case _ if not state.open:
                raise PagingError("taken" if state.phase == "accepted" else "cancelled")
            case Accepted(practitioner):
                if not self._may_answer(practitioner):
                    raise PagingError("not-yours")
                self._stop(practitioner, "accepted")
                self._stop_all("taken")
                self._set(phase="accepted", accepted_by=practitioner, snoozed={}, first=(), asked_by=None)
            case Cancelled(reason):
                self._stop_all("cancelled", reason)
                self._set(phase="cancelled", snoozed={}, first=(), asked_by=None)
            case Declined(practitioner, reason, to):
                if not self._may_answer(practitioner):
                    raise PagingError("not-yours")
                self._stop(practitioner, "declined", reason)
                self._forget(practitioner)
                self._set(tried={**state.tried, practitioner: Tried(self.now, declined=True)})
                if state.phase == "held":
                    self._resume()
                if to is not None:
                    self._forget(to)
                    self._put_first(to)
            case Snoozed(practitioner):
                if state.ring_of(practitioner) is None:
                    raise PagingError("not-yours")
                self._stop(practitioner, "snoozed")
                due = self.now + timedelta(seconds=state.policy.snooze_s)
                self._set(snoozed={**state.snoozed, practitioner: due})
            case AskedMore(practitioner):
                if not self._may_answer(practitioner):
                    raise PagingError("not-yours")
                self._stop(practitioner, "asked-more")
                self._stop_all("cancelled", "asked-more")
                self._forget(practitioner)
                self._set(phase="held", held_since=self.now, asked_by=practitioner, called_since=None)
            case Replied():
                if state.phase != "held":
                    raise PagingError("not-asked")
                asker = state.asked_by
                self._resume()
                if asker is not None:
                    self._put_first(asker)
            case Assigned(practitioner):
                self._forget(practitioner)
                self._put_first(practitioner)
                if state.phase == "held":
                    self._resume()
                one = self._candidate(practitioner)
                if one is not None and may_ring(self.state, one):
                    self._stop_all("cancelled", "assigned")
            case RingAgain():
                if state.phase == "held":
                    raise PagingError("needs-more")
                if not state.rings:
                    self._new_round()

    def stop_what_ended(self) -> None:
        """End rings whose time is over or whose specialist is no longer there; wake who wanted to be rung again."""
        for ring in self.state.rings:
            one = self._candidate(ring.practitioner)
            if one is None or not one.free:
                self._stop(ring.practitioner, "cancelled", "off-call" if one is None else "busy")
            elif ring.expires_at <= self.now:
                self._stop(ring.practitioner, "timed-out")
                self._set(tried={**self.state.tried, ring.practitioner: Tried(self.now, declined=False)})
            else:
                self._follow_page(ring, one)
        due = [person for person, at in self.state.snoozed.items() if at <= self.now]
        for person in due:
            self._forget(person)
            self._put_first(person)

    def go_on(self) -> None:
        """Ring the next, walking the policy's steps until someone is rung or the coordinators are called."""
        while not self.state.rings:
            if self._ring_first():
                return
            state = self.state
            at = state.policy.steps[state.step]
            if at.who == "on-call":
                ready = [one for one in in_order(self.floor) if may_ring(state, one)]
                for one in ready if at.ring == "all" else ready[:1]:
                    self._ring(one)
                if ready:
                    return
            elif at.who == "practitioner" and at.practitioner is not None:
                named = self._candidate(at.practitioner)
                if named is not None and may_ring(state, named):
                    self._ring(named)
                    return
            elif not self._coordinators_turn_is_over():
                return
            self._next_step()

    def wait_for_reply(self) -> None:
        """A held request whose GP does not reply is not forgotten either."""
        state = self.state
        assert state.held_since is not None
        if state.called_since is None and state.held_since + timedelta(seconds=state.policy.reply_s) <= self.now:
            self._call("no-reply")

    def finish(self, before: State) -> tuple[State, tuple[Command, ...]]:
        """The new state with its wake-up; commands that only follow from the difference."""
        floor = self.floor
        self._set(line=line_code(self.state, floor), coming=coming(self.state, floor), on_call=len(floor))
        wake = self._next_wake()
        if wake != self.state.wake_at:
            self._set(wake_at=wake)
            self.commands.append(WakeAt(wake))
        if self.state != before:
            self.commands.append(Tell())
        return self.state, tuple(self.commands)

    # The parts of the above.

    def _set(self, **changes: object) -> None:
        self.state = replace(self.state, **changes)  # type: ignore[arg-type]

    def _candidate(self, practitioner: str) -> Candidate | None:
        return next((one for one in self.floor if one.practitioner == practitioner), None)

    def _may_answer(self, practitioner: str) -> bool:
        """A ring, a snooze and a question keep the request in a specialist's hands."""
        state = self.state
        return bool(state.ring_of(practitioner)) or practitioner in state.snoozed or practitioner == state.asked_by

    def _stop(self, practitioner: str, outcome: Outcome, reason: str = "") -> None:
        ring = self.state.ring_of(practitioner)
        if ring is not None:
            self._set(rings=tuple(one for one in self.state.rings if one != ring))
            self.commands.append(StopPage(ring, outcome, reason))

    def _stop_all(self, outcome: Outcome, reason: str = "") -> None:
        for ring in self.state.rings:
            self._stop(ring.practitioner, outcome, reason)

    def _forget(self, practitioner: str) -> None:
        """Drop what this specialist said or let happen before."""
        for name in ("tried", "snoozed"):
            kept = {who: what for who, what in getattr(self.state, name).items() if who != practitioner}
            self._set(**{name: kept})
        self._set(first=tuple(one for one in self.state.first if one != practitioner))

    def _resume(self) -> None:
        """From being held back to waiting, at the first step."""
        self._set(phase="waiting", held_since=None, asked_by=None, step=0, called_since=None)

    def _put_first(self, practitioner: str) -> None:
        self._set(first=(practitioner, *(one for one in self.state.first if one != practitioner)))

    def _ring(self, one: Candidate) -> None:
        state = self.state
        channels = ("page",) if "page" in one.reach else tuple(sorted(one.reach))
        ring = Ring(self.new_id(), one.practitioner, self.now, self._expiry(one), channels)
        first = tuple(person for person in state.first if person != one.practitioner)
        self._set(rings=(*state.rings, ring), first=first)
        self.commands.append(Page(ring))

    def _expiry(self, one: Candidate) -> datetime:
        """When a ring that starts now ends: a page is answered sooner than a mail; nobody is rung past their hours."""
        policy = self.state.policy
        seconds = policy.ring_seconds(self.state.step) if "page" in one.reach else policy.away_s
        expires = self.now + timedelta(seconds=seconds)
        return expires if one.on_until is None else min(expires, one.on_until)

    def _ring_first(self) -> bool:
        for person in self.state.first:
            one = self._candidate(person)
            if one is not None and may_ring(self.state, one):
                self._ring(one)
                return True
        return False

    def _follow_page(self, ring: Ring, one: Candidate) -> None:
        """A ring on a page that is gone for longer than a reload takes moves to other channels, or to the next."""
        if "page" not in ring.channels:
            return
        if "page" in one.reach:
            seen = replace(ring, unseen_since=None)
        else:
            seen = replace(ring, unseen_since=ring.unseen_since or self.now)
        grace = timedelta(seconds=self.state.policy.page_lost_s)
        if seen.unseen_since is not None and seen.unseen_since + grace <= self.now:
            if not one.reach:
                self._stop(ring.practitioner, "cancelled", "unreachable")
                return
            channels = tuple(sorted(one.reach))
            seen = replace(seen, channels=channels, unseen_since=None, expires_at=self._expiry(one))
            self.commands.append(Reach(seen))
        self._set(rings=tuple(seen if other == ring else other for other in self.state.rings))

    def _coordinators_turn_is_over(self) -> bool:
        """Call the coordinators once; meanwhile ring whoever comes on call or becomes free."""
        state = self.state
        if state.called_since is None:
            people = [one for one in self.floor if one.reach]
            why = "nobody-took-it" if any(one.free for one in people) else "nobody-free"
            self._call(why if people else "nobody-on-call")
            state = self.state
        for one in in_order(self.floor):
            if may_ring(state, one):
                self._ring(one)
                return False
        ends = self._coordinators_turn_ends()
        return ends is not None and ends <= self.now

    def _coordinators_turn_ends(self) -> datetime | None:
        state = self.state
        last = state.step == len(state.policy.steps) - 1
        seconds = state.policy.again_s if last else state.policy.steps[state.step].seconds
        if seconds is None or state.called_since is None:
            return None
        return state.called_since + timedelta(seconds=seconds)

    def _call(self, why: str) -> None:
        self._set(called_since=self.now)
        self.commands.append(CallCoordinator(why, self.state.round))  # type: ignore[arg-type]

    def _next_step(self) -> None:
        state = self.state
        if state.step == len(state.policy.steps) - 1:
            self._new_round()
            return
        following = state.policy.steps[state.step + 1]
        tried = state.tried if following.who == "coordinator" else _declined(state)
        self._set(step=state.step + 1, tried=tried, called_since=None)

    def _new_round(self) -> None:
        self._set(step=0, round=self.state.round + 1, tried=_declined(self.state), called_since=None)

    def _next_wake(self) -> datetime | None:
        state = self.state
        if state.phase == "held" and state.held_since is not None:
            return None if state.called_since else state.held_since + timedelta(seconds=state.policy.reply_s)
        if state.phase != "waiting":
            return None
        grace = timedelta(seconds=state.policy.page_lost_s)
        times = [ring.expires_at for ring in state.rings]
        times += [ring.unseen_since + grace for ring in state.rings if ring.unseen_since]
        times += state.snoozed.values()
        if not state.rings and (ends := self._coordinators_turn_ends()) is not None:
            times.append(ends)
        return min(times, default=None)


def _declined(state: State) -> dict[str, Tried]:
    return {who: tried for who, tried in state.tried.items() if tried.declined}
