"""The paging of requests: single steps by example, and whole days of them against the promises, by hypothesis."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tele.domain.escalation import Policy, Step
from tele.domain.paging import PagingError, begin, step
from tele.domain.paging_floor import Candidate
from tele.domain.paging_forecast import Next, forecast
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
    Page,
    Reach,
    Reopened,
    Replied,
    RingAgain,
    Snoozed,
    StopPage,
    from_json,
    to_json,
)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LONG_AGO = NOON - timedelta(hours=2)
ONE_BY_ONE = Policy(steps=(Step(who="on-call", seconds=25), Step(who="coordinator")), again_s=180)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def someone(name: str, idle: float = 0, **changes: object) -> Candidate:
    one = Candidate(name, LONG_AGO, None, LONG_AGO - timedelta(seconds=idle), True, frozenset({"page"}))
    return replace(one, **changes)  # type: ignore[arg-type]


ANN, BO = someone("ann", idle=9), someone("bo", idle=5)


class Case:
    """One request with its clock, for examples."""

    def __init__(self, policy: Policy = ONE_BY_ONE) -> None:
        self.state = begin(policy)
        self.ids = (f"page-{number}" for number in itertools.count(1))

    def do(self, event: Event, *floor: Candidate, after: float = 0) -> list[Command]:
        self.state, commands = step(self.state, event, floor, at(after), lambda: next(self.ids))
        return [one for one in commands if isinstance(one, Page | StopPage | CallCoordinator | Reach)]

    @property
    def ringing(self) -> list[str]:
        return [ring.practitioner for ring in self.state.rings]


def brief(commands: list[Command]) -> list[str]:
    """Commands as words, for comparing."""
    words = []
    for command in commands:
        match command:
            case Page(ring):
                words.append(f"page {ring.practitioner}")
            case Reach(ring):
                words.append(f"reach {ring.practitioner} by {'+'.join(ring.channels)}")
            case StopPage(ring, outcome, _):
                words.append(f"stop {ring.practitioner} {outcome}")
            case CallCoordinator(why, _):
                words.append(f"call {why}")
    return words


def test_time_out_rings_the_next_and_then_the_coordinator() -> None:
    case = Case()
    assert brief(case.do(Looked(), ANN, BO)) == ["page ann"]
    assert case.state.wake_at == at(25)
    assert brief(case.do(Looked(), ANN, BO, after=24)) == []
    assert brief(case.do(Looked(), ANN, BO, after=25)) == ["stop ann timed-out", "page bo"]
    assert brief(case.do(Looked(), ANN, BO, after=50)) == ["stop bo timed-out", "call nobody-took-it"]
    assert (case.state.stage, case.state.wake_at) == ("queued", at(230))
    assert brief(case.do(Looked(), ANN, BO, after=230)) == ["page ann"]


def test_decline_rings_the_next_and_is_not_asked_again() -> None:
    case = Case()
    case.do(Looked(), ANN, BO)
    assert brief(case.do(Declined("ann", "not my field"), ANN, BO, after=3)) == ["stop ann declined", "page bo"]
    case.do(Looked(), ANN, BO, after=28)
    assert brief(case.do(Looked(), ANN, BO, after=300)) == ["page bo"]


def test_nobody_on_call_calls_the_coordinator_and_rings_who_comes() -> None:
    case = Case()
    assert brief(case.do(Looked())) == ["call nobody-on-call"]
    assert case.state.line == "nobody-on-call"
    assert brief(case.do(Looked(), replace(ANN, on_since=at(40)), after=40)) == ["page ann"]


def test_a_busy_specialist_is_rung_as_soon_as_free() -> None:
    case = Case()
    busy = replace(ANN, free=False)
    assert brief(case.do(Looked(), busy)) == ["call nobody-free"]
    assert case.state.line == "everyone-busy"
    assert brief(case.do(Looked(), ANN, after=30)) == ["page ann"]


def test_who_let_it_ring_and_comes_on_call_anew_is_rung_again() -> None:
    case = Case()
    case.do(Looked(), ANN)
    case.do(Looked(), ANN, after=25)
    assert brief(case.do(Looked(), ANN, after=30)) == []
    assert brief(case.do(Looked(), after=31)) == []
    assert brief(case.do(Looked(), replace(ANN, on_since=at(40)), after=40)) == ["page ann"]


def test_in_ten_minutes_rings_others_first_and_then_the_same_again() -> None:
    case = Case()
    case.do(Looked(), ANN, BO)
    assert brief(case.do(Snoozed("ann"), ANN, BO, after=5)) == ["stop ann snoozed", "page bo"]
    assert brief(case.do(Declined("bo"), ANN, BO, after=9)) == ["stop bo declined", "call nobody-took-it"]
    assert case.state.line == "snoozed"
    assert forecast(case.state, at(9)) == [Next("ann", 596)]
    assert brief(case.do(Looked(), ANN, BO, after=189)) == ["call nobody-took-it"]
    assert brief(case.do(Looked(), ANN, BO, after=605)) == ["page ann"]


def test_a_snoozed_request_can_be_accepted_at_any_time() -> None:
    case = Case()
    case.do(Looked(), ANN, BO)
    case.do(Snoozed("ann"), ANN, BO, after=5)
    assert brief(case.do(Accepted("ann"), ANN, BO, after=60)) == ["stop bo taken"]
    assert case.state.accepted_by == "ann"


def test_only_who_was_rung_can_accept_and_only_one() -> None:
    case = Case()
    case.do(Looked(), ANN, BO)
    with pytest.raises(PagingError, match="not-yours"):
        case.do(Accepted("bo"), ANN, BO, after=1)
    case.do(Accepted("ann"), ANN, BO, after=2)
    with pytest.raises(PagingError, match="taken"):
        case.do(Accepted("ann"), ANN, BO, after=3)


def test_ring_all_at_once_first_wins_and_the_others_stop() -> None:
    case = Case(Policy(steps=(Step(who="on-call", ring="all", seconds=25), Step(who="coordinator"))))
    assert brief(case.do(Looked(), BO, ANN)) == ["page ann", "page bo"]
    assert brief(case.do(Accepted("bo"), ANN, BO, after=4)) == ["stop bo accepted", "stop ann taken"]


def test_a_question_holds_the_request_and_the_reply_rings_who_asked() -> None:
    case = Case()
    case.do(Looked(), ANN, BO)
    case.do(Declined("ann"), ANN, BO, after=1)
    assert brief(case.do(AskedMore("bo"), ANN, BO, after=2)) == ["stop bo asked-more"]
    assert (case.state.stage, case.state.wake_at) == ("needs-more", at(3602))
    assert brief(case.do(Looked(), ANN, BO, after=3602)) == ["call no-reply"]
    assert brief(case.do(Replied(), someone("cy", idle=99), ANN, BO, after=4000)) == ["page bo"]


def test_a_reply_when_who_asked_is_gone_rings_the_others() -> None:
    case = Case()
    case.do(Looked(), ANN, BO)
    case.do(AskedMore("ann"), ANN, BO, after=2)
    assert brief(case.do(Replied(), BO, after=60)) == ["page bo"]


def test_cancelling_stops_every_ring_and_ends() -> None:
    case = Case()
    case.do(Looked(), ANN)
    assert brief(case.do(Cancelled("better"), ANN, after=1)) == ["stop ann cancelled"]
    assert case.state.wake_at is None
    with pytest.raises(PagingError, match="cancelled"):
        case.do(Accepted("ann"), ANN, after=2)


def test_going_off_call_ends_the_ring_and_hours_end_it_too() -> None:
    case = Case()
    case.do(Looked(), ANN, BO)
    assert brief(case.do(Looked(), BO, after=4)) == ["stop ann cancelled", "page bo"]
    short = Case()
    short.do(Looked(), replace(ANN, on_until=at(10)))
    assert short.state.rings[0].expires_at == at(10)


def test_who_takes_another_call_is_rung_no_more() -> None:
    case = Case()
    case.do(Looked(), ANN, BO)
    assert brief(case.do(Looked(), replace(ANN, free=False), BO, after=4)) == ["stop ann cancelled", "page bo"]


def test_a_page_that_dies_is_waited_for_as_long_as_a_reload_takes() -> None:
    case = Case()
    gone = replace(ANN, reach=frozenset())
    case.do(Looked(), ANN, BO)
    assert brief(case.do(Looked(), gone, BO, after=3)) == []
    assert case.state.wake_at == at(8)
    assert brief(case.do(Looked(), ANN, BO, after=5)) == []
    assert brief(case.do(Looked(), gone, BO, after=10)) == []
    assert brief(case.do(Looked(), gone, BO, after=15)) == ["stop ann cancelled", "page bo"]


def test_a_page_that_dies_moves_the_ring_to_other_channels() -> None:
    case = Case()
    mail = replace(ANN, reach=frozenset({"email"}))
    case.do(Looked(), ANN)
    case.do(Looked(), mail, after=3)
    assert brief(case.do(Looked(), mail, after=8)) == ["reach ann by email"]
    assert case.state.rings[0].expires_at == at(8 + ONE_BY_ONE.away_s)
    assert brief(case.do(Looked(), mail, after=9)) == []


def test_who_has_a_page_open_comes_before_who_has_not_and_nobody_is_rung_in_vain() -> None:
    unreachable, mail = replace(ANN, reach=frozenset()), replace(BO, reach=frozenset({"email"}))
    assert brief(Case().do(Looked(), unreachable, mail, someone("cy"))) == ["page cy"]
    case = Case()
    assert brief(case.do(Looked(), unreachable)) == ["call nobody-on-call"]
    assert case.state.line == "nobody-reachable"


def test_assigning_stops_who_is_rung_and_overrides_a_decline() -> None:
    case = Case()
    case.do(Looked(), ANN, BO)
    case.do(Declined("ann"), ANN, BO, after=1)
    assert brief(case.do(Assigned("ann"), ANN, BO, after=2)) == ["stop bo cancelled", "page ann"]


def test_assigning_someone_busy_waits_for_them_without_stopping_the_others() -> None:
    case = Case()
    busy = replace(BO, free=False)
    case.do(Looked(), ANN, busy, someone("cy"))
    assert brief(case.do(Assigned("bo"), ANN, busy, someone("cy"), after=1)) == []
    assert brief(case.do(Declined("ann"), ANN, BO, someone("cy"), after=2)) == ["stop ann declined", "page bo"]


def test_handing_over_rings_who_is_named() -> None:
    case = Case()
    case.do(Looked(), ANN, someone("cy", idle=7), BO)
    commands = case.do(Declined("ann", to="bo"), ANN, someone("cy", idle=7), BO, after=1)
    assert brief(commands) == ["stop ann declined", "page bo"]


def test_an_accepted_request_can_be_given_back() -> None:
    case = Case()
    case.do(Looked(), ANN)
    case.do(Accepted("ann"), ANN, after=1)
    with pytest.raises(PagingError):
        case.do(Reopened("bo"), ANN, after=2)
    assert brief(case.do(Reopened("ann"), ANN, BO, after=2)) == ["page bo"]


def test_ring_again_asks_who_let_it_ring_but_not_who_declined() -> None:
    case = Case()
    case.do(Looked(), ANN, BO)
    case.do(Declined("ann"), ANN, BO, after=1)
    case.do(Looked(), ANN, BO, after=26)
    assert brief(case.do(RingAgain(), ANN, BO, after=30)) == ["page bo"]


def test_the_forecast_names_who_comes_and_when() -> None:
    case = Case()
    case.do(Looked(), ANN, BO, someone("cy"))
    assert forecast(case.state, at(5)) == [Next("bo", 20), Next("cy", 45), Next(None, 70)]


def test_a_stored_state_of_another_shape_is_refused() -> None:
    stored = to_json(begin(ONE_BY_ONE))
    with pytest.raises(ValueError, match="version"):
        from_json({**stored, "version": 2})
    with pytest.raises(ValueError, match="phase"):
        from_json({**stored, "phase": "lost"})
