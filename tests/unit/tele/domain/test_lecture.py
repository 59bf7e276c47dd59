"""Lectures in words: who is invited, what can be done when, codes that check in, and a hand's way to the stage."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from tele.domain import check_in
from tele.domain.access import Action, Actor, Relation
from tele.domain.check_in import ACCEPTED, WINDOW, Shown
from tele.domain.lecture import EARLY, Audience, Situation, check_times, may, possible
from tele.domain.lecture_floor import HOSTS, Hand, HandEvent, moved, precedence, tally

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SPEC = Actor("spec", "Li Wei", "en", (("specialist", "west"),), frozenset(), "s")
GP = Actor("gp", "Chen Jie", "en", (("gp", "phc"),), frozenset(), "s")


def test_everybody_is_invited_unless_organisations_or_roles_are_named() -> None:
    assert Audience().invites(GP.roles)
    assert Audience(roles=frozenset({"gp"})).invites(GP.roles)
    assert not Audience(roles=frozenset({"gp"})).invites(SPEC.roles)
    west = Audience("organisations", frozenset({"west"}))
    assert west.invites(SPEC.roles) and not west.invites(GP.roles)


def test_a_role_counts_only_where_it_is_held() -> None:
    """A specialist of one hospital who is also a GP elsewhere is not a GP of the hospital."""
    both = (("specialist", "west"), ("gp", "phc"))
    assert not Audience("organisations", frozenset({"west"}), frozenset({"gp"})).invites(both)


def test_what_can_be_done_follows_the_state() -> None:
    planned = Situation("planned", NOON)
    assert possible(Action.GO_LIVE, planned, NOON - EARLY)
    assert not possible(Action.GO_LIVE, planned, NOON - EARLY - timedelta(seconds=1))
    live, over = Situation("in-progress", NOON), Situation("completed", NOON)
    presenter: frozenset[Relation] = frozenset({"presenter"})
    assert Action.END_LECTURE in may(SPEC, presenter, live, NOON)
    assert Action.END_LECTURE not in may(SPEC, presenter, over, NOON)
    audience: frozenset[Relation] = frozenset({"audience"})
    assert may(GP, audience, live, NOON) == [Action.TAKE_PART, Action.CHECK_IN]
    assert may(GP, audience, planned, NOON) == []
    assert may(GP, frozenset(), live, NOON) == []


@pytest.mark.parametrize(
    ("length", "wrong"), [(timedelta(0), True), (timedelta(hours=1), False), (timedelta(13), True)]
)
def test_times_that_cannot_be_are_named(length: timedelta, wrong: bool) -> None:
    assert (check_times(NOON, NOON + length) == "ends_at") is wrong


@given(
    st.integers(0, 10 * WINDOW), st.sampled_from(["hall", "group"]), st.from_regex(r"[A-Za-z0-9_-]{22}", fullmatch=True)
)
def test_a_code_is_good_for_its_time_and_its_lecture_alone(age: int, how: check_in.How, by: str) -> None:
    code = check_in.make("key", "lecture", Shown(how, by), NOON)
    later = NOON + timedelta(seconds=age)
    windows = int(later.timestamp()) // WINDOW - int(NOON.timestamp()) // WINDOW
    assert check_in.check("key", "lecture", code, later) == (Shown(how, by) if windows < ACCEPTED else None)
    assert check_in.check("key", "another", code, NOON) is None
    assert check_in.check("other key", "lecture", code, NOON) is None


@given(st.text(max_size=200))
def test_a_code_that_nobody_made_is_none(text: str) -> None:
    assert check_in.check("key", "lecture", text, NOON) is None


def test_questions_are_ordered_by_votes_then_age_and_answered_ones_come_last() -> None:
    asked = [("answered", 9, 1.0), ("open", 1, 3.0), ("open", 5, 2.0), ("open", 1, 1.0)]
    assert sorted(asked, key=lambda each: precedence(*each)) == [asked[2], asked[3], asked[1], asked[0]]  # type: ignore[arg-type]


@given(st.integers(2, 5), st.lists(st.integers(-2, 7)))
def test_a_poll_counts_each_answer_once(options: int, answers: list[int]) -> None:
    counts = tally(options, answers)
    assert sum(counts) == sum(0 <= each < options for each in answers) and len(counts) == options


class HandMachine(RuleBasedStateMachine):
    """Nobody comes onto the stage without the host's invitation and their own agreement."""

    hand: Hand | None = None
    invited = False

    @rule(event=st.sampled_from(["raise", "lower", "invite", "dismiss", "accept", "refuse", "leave"]))
    def happens(self, event: HandEvent) -> None:
        after = moved(self.hand, event)
        if after is None or after == self.hand:
            return
        if after == "on-stage":
            assert self.invited and event == "accept" and event not in HOSTS
        self.invited = event == "invite" or (self.invited and after == "invited")
        self.hand = after


TestHand = HandMachine.TestCase
