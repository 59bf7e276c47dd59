"""Leave to fetch media: who lost it is never let in more than a second later, whatever the order of events."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tele.services.leave import MAX_AGE, SHARED_AGE, SHARED_FOR, VIEWING, Granted, Leaves

PROMISE = 1.0
KEY = ("token", "recording")


def granted(lasts: float = 3600.0, session: str = "session") -> Granted:
    return Granted("person", session, frozenset({"person", session, "recording", "lecture"}), lasts)


def test_a_look_gives_leave_for_less_than_a_second() -> None:
    leaves = Leaves()
    assert not leaves.holds(KEY, 10.0)
    leaves.keep(KEY, granted(), 10.0, 10.1)
    assert leaves.holds(KEY, 10.0 + MAX_AGE - 0.01)
    assert not leaves.holds(KEY, 10.0 + MAX_AGE)


def test_leave_ends_with_the_session_itself() -> None:
    leaves = Leaves()
    leaves.keep(KEY, granted(lasts=0.2), 10.0, 10.0)
    assert leaves.holds(KEY, 10.19) and not leaves.holds(KEY, 10.21)


@pytest.mark.parametrize("about", ["person", "session", "recording", "lecture"])
def test_what_changed_ends_leave_at_once_and_a_look_before_it_gives_none(about: str) -> None:
    leaves = Leaves()
    leaves.keep(KEY, granted(), 10.0, 10.0)
    leaves.forget(about, 10.2)
    assert not leaves.holds(KEY, 10.2)
    leaves.keep(KEY, granted(), 10.1, 10.3)
    assert not leaves.holds(KEY, 10.3)
    leaves.keep(KEY, granted(), 10.25, 10.3)
    assert leaves.holds(KEY, 10.3)
    assert leaves.is_viewing(KEY, 10.3), "it is still the same viewing: the audit trail has it"


def test_a_viewing_is_one_until_nothing_is_asked_for_five_minutes() -> None:
    leaves = Leaves()
    leaves.keep(KEY, granted(), 0.0, 0.0)
    leaves.holds(KEY, 100.0)
    assert leaves.is_viewing(KEY, 100.0 + VIEWING - 1)
    assert not leaves.is_viewing(KEY, 100.0 + VIEWING)
    assert leaves.due(100.0 + VIEWING) == [] and len(leaves) == 0


def test_only_who_still_asks_is_looked_at_again() -> None:
    leaves = Leaves()
    other = ("other", "recording")
    leaves.keep(KEY, granted(), 0.0, 0.0)
    leaves.keep(other, granted(session="s2"), 0.0, 0.0)
    leaves.holds(KEY, 0.5)
    assert leaves.due(0.6) == [KEY, other]
    leaves.keep(KEY, granted(), 0.6, 0.6)
    leaves.keep(other, granted(session="s2"), 0.6, 0.6)
    leaves.holds(KEY, 0.9)
    assert leaves.due(1.0) == [KEY]


def test_those_used_longest_ago_make_room() -> None:
    leaves = Leaves(most=3)
    for number in range(3):
        leaves.keep((f"t{number}", "r"), granted(session=f"s{number}"), 0.0, 0.0)
    leaves.holds(("t0", "r"), 0.1)
    leaves.keep(("t3", "r"), granted(session="s3"), 0.1, 0.1)
    assert [leaves.holds((f"t{number}", "r"), 0.2) for number in range(4)] == [True, False, True, True]
    leaves.forget("s1", 0.3)  # of what is no longer there: nothing happens


STEP = st.tuples(
    st.sampled_from(["ask", "ask", "ask", "look", "revoke", "tell", "let in again"]),
    st.floats(0.0, 0.5),
    st.floats(0.0, 3.0),
)


@given(st.lists(STEP, max_size=60))
def test_nobody_is_let_in_more_than_a_second_after_they_were_revoked(steps: list[tuple[str, float, float]]) -> None:
    """Looks take up to 3 s and see the rows as they were at some moment after they began; telling is optional."""
    leaves, now = Leaves(), 0.0
    allowed = True
    flying: list[tuple[float, float, bool]] = []  # began, comes back, what it saw
    last_allowed = 0.0
    for what, passed, takes in steps:
        now += passed
        if allowed:
            last_allowed = now
        for look in sorted((each for each in flying if each[1] <= now), key=lambda each: each[1]):
            flying.remove(look)
            if look[2]:
                leaves.keep(KEY, granted(), look[0], look[1])
            else:
                leaves.refuse(KEY)
        match what:
            case "ask":
                if leaves.holds(KEY, now):
                    assert now - last_allowed <= PROMISE
            case "look":
                flying.append((now, now + takes, allowed))
            case "revoke":
                allowed = False
            case "tell":
                leaves.forget("person", now)
                assert not leaves.holds(KEY, now)
            case "let in again":
                allowed, last_allowed = True, now


def test_leave_that_a_cache_gives_again_ends_within_the_same_second() -> None:
    leaves = Leaves()
    leaves.keep(KEY, granted(), 10.0, 10.0)
    last = 10.0 + SHARED_AGE - SHARED_FOR
    assert leaves.holds(KEY, last - 0.01, SHARED_FOR) and not leaves.holds(KEY, last + 0.01, SHARED_FOR)
    assert leaves.holds(KEY, last)  # for this request alone
    leaves.keep(KEY, granted(lasts=0.4), 20.0, 20.0)
    assert leaves.holds(KEY, 20.0) and not leaves.holds(KEY, 20.0, SHARED_FOR)


def test_a_request_stands_for_those_that_a_cache_answers() -> None:
    leaves = Leaves()
    leaves.keep(KEY, granted(), 0.0, 0.0)
    leaves.holds(KEY, 0.1, SHARED_FOR)
    leaves.keep(KEY, granted(), 0.4, 0.4)
    assert leaves.due(0.8) == [KEY]  # nothing was asked since the look, but the cache answered in its name
    leaves.keep(KEY, granted(), 0.8, 0.8)
    assert leaves.due(1.2) == []


def test_only_leave_says_what_may_be_shared() -> None:
    leaves = Leaves()
    leaves.keep(KEY, granted(), 0.0, 0.0)
    assert not leaves.shares(KEY) and not leaves.shares(("other", "recording"))
    leaves.keep(KEY, Granted("person", "s1", frozenset({"person"}), 60.0, shared=True), 1.0, 1.0)
    assert leaves.shares(KEY)
