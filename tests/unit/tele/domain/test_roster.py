"""Who is on call: plan, overrides and switch, against a second opinion that asks for every minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tele.domain.roster import (
    Hole,
    Override,
    Roster,
    Shift,
    Span,
    Switch,
    intersect,
    subtract,
    switch_off_until,
    union,
)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def at(hours: float) -> datetime:
    return NOON + timedelta(hours=hours)


def shift(name: str, person: str, start: float, end: float, specialty: str = "cardiology") -> Shift:
    return Shift(name, "west", specialty, person, Span(at(start), at(end)))


def override(name: str, person: str, start: float, end: float, kind: str, of: str | None = None) -> Override:
    return Override(name, "west", "cardiology", person, Span(at(start), at(end)), kind, of)  # type: ignore[arg-type]


BOTH = (("ann", "cardiology"), ("bo", "cardiology"), ("cy", "dermatology"))


def people(roster: Roster, hours: float, specialty: str = "cardiology") -> list[str]:
    return [one.practitioner for one in roster.on_call(specialty, at(hours))]


def test_a_shift_holds_its_start_and_not_its_end() -> None:
    roster = Roster([shift("s", "ann", 0, 8)], specialties=BOTH)
    assert [people(roster, hours) for hours in (-0.01, 0, 7.99, 8)] == [[], ["ann"], ["ann"], []]
    assert people(roster, 1, "dermatology") == []


def test_a_shift_for_a_specialty_that_one_no_longer_has_puts_nobody_on_call() -> None:
    assert people(Roster([shift("s", "cy", 0, 8)], specialties=BOTH), 1) == []


def test_replace_gives_part_of_a_shift_to_another() -> None:
    roster = Roster([shift("s", "ann", 0, 8)], [override("o", "bo", 2, 4, "replace", "s")], specialties=BOTH)
    assert [people(roster, hours) for hours in (1, 2, 3.9, 4)] == [["ann"], ["bo"], ["bo"], ["ann"]]


def test_replace_lasts_no_longer_than_the_shift() -> None:
    roster = Roster([shift("s", "ann", 0, 8)], [override("o", "bo", 6, 12, "replace", "s")], specialties=BOTH)
    assert people(roster, 7) == ["bo"]
    assert people(roster, 9) == []


def test_the_later_override_wins() -> None:
    gone = override("o1", "ann", 0, 8, "remove")
    back = override("o2", "ann", 2, 3, "add")
    assert people(Roster([shift("s", "ann", 0, 8)], [gone, back], specialties=BOTH), 2.5) == ["ann"]
    assert people(Roster([shift("s", "ann", 0, 8)], [back, gone], specialties=BOTH), 2.5) == []


def test_removing_from_one_shift_leaves_the_other() -> None:
    shifts = [shift("s1", "ann", 0, 4), shift("s2", "ann", 2, 8)]
    roster = Roster(shifts, [override("o", "ann", 0, 8, "remove", "s1")], specialties=BOTH)
    assert [people(roster, hours) for hours in (1, 3)] == [[], ["ann"]]


def test_the_switch_puts_on_call_in_all_own_specialties_and_in_no_other() -> None:
    roster = Roster(switches=[Switch("ann", True, at(0), at(12))], specialties=(*BOTH, ("ann", "dermatology")))
    assert people(roster, 1) == ["ann"]
    assert people(roster, 1, "dermatology") == ["ann"]
    assert people(roster, 12) == []


def test_the_switch_takes_off_call_until_it_ends() -> None:
    roster = Roster([shift("s", "ann", 0, 8)], switches=[Switch("ann", False, at(1), at(3))], specialties=BOTH)
    assert [people(roster, hours) for hours in (0.5, 1, 3)] == [["ann"], [], ["ann"]]
    assert roster.on_call("cardiology", at(4))[0].since == at(3)


def test_a_switch_in_the_middle_of_planned_hours_lasts_with_them_and_is_a_fresh_start() -> None:
    roster = Roster([shift("s", "ann", 0, 8)], switches=[Switch("ann", True, at(2), at(3))], specialties=BOTH)
    (one,) = roster.on_call("cardiology", at(2.5))
    assert (one.since, one.until, one.by) == (at(2), at(8), "plan")


def test_off_call_holds_until_the_planned_hours_end_and_no_longer() -> None:
    roster = Roster([shift("s", "ann", 0, 8), shift("t", "ann", 24, 32)], specialties=BOTH)
    assert switch_off_until(roster, "ann", at(1)) == at(8)
    assert switch_off_until(roster, "ann", at(9)) == at(9)


def test_holes_are_what_the_plan_leaves_and_switches_do_not_fill_them() -> None:
    roster = Roster(
        [shift("s1", "ann", 0, 4), shift("s2", "bo", 4, 6), shift("s3", "ann", 7, 20)],
        switches=[Switch("ann", True, at(0))],
        specialties=BOTH,
    )
    assert roster.holes(["cardiology", "dermatology"], Span(at(1), at(8))) == [
        Hole("cardiology", Span(at(6), at(7))),
        Hole("dermatology", Span(at(1), at(8))),
    ]


def test_next_change_is_the_nearest_edge_ahead() -> None:
    roster = Roster([shift("s", "ann", 2, 8)], switches=[Switch("bo", True, at(0), at(1))], specialties=BOTH)
    assert [roster.next_change(at(hours)) for hours in (0, 1, 2, 8)] == [at(1), at(2), at(8), None]


spans = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)).map(lambda ends: Span(at(ends[0]), at(ends[1]))))


def minutes(some: list[Span]) -> set[int]:
    return {hour for hour in range(-1, 32) if any(span.holds(at(hour)) for span in some)}


@given(spans, spans)
def test_intervals_are_sets_of_instants(some: list[Span], other: list[Span]) -> None:
    joined = union(some)
    assert minutes(joined) == minutes(some)
    assert all(one.end < two.start for one, two in pairwise(joined))
    assert minutes(subtract(some, other)) == minutes(some) - minutes(other)
    for span in other:
        assert minutes(intersect(some, span)) == minutes(some) & minutes([span])


kinds = st.sampled_from(["add", "remove", "replace"])
hours = st.tuples(st.integers(0, 30), st.integers(1, 10)).map(lambda ends: Span(at(ends[0]), at(sum(ends))))
names = st.sampled_from(["ann", "bo"])


@given(
    st.lists(st.tuples(names, hours), max_size=4),
    st.lists(st.tuples(kinds, names, hours, st.integers(0, 3)), max_size=4),
    st.lists(st.tuples(names, st.booleans(), hours), max_size=2, unique_by=lambda one: one[0]),
    st.integers(-1, 41),
)
def test_nothing_changes_between_two_changes(
    shifts: list[tuple[str, Span]],
    overrides: list[tuple[str, str, Span, int]],
    switches: list[tuple[str, bool, Span]],
    hour: int,
) -> None:
    """What `next_change` promises: until then the answer is the same, and every `until` is such a change."""
    now = at(hour)
    roster = Roster(
        [Shift(f"s{index}", "west", "cardiology", who, span) for index, (who, span) in enumerate(shifts)],
        [
            Override("o", "west", "cardiology", who, span, kind, f"s{of}" if kind == "replace" else None)  # type: ignore[arg-type]
            for kind, who, span, of in overrides
        ],
        # A switch is turned now or was turned before: its start is never ahead.
        [Switch(who, on, min(now, span.start), span.end) for who, on, span in switches],
        BOTH,
    )
    change = roster.next_change(now) or now + timedelta(days=9)
    before = roster.on_call("cardiology", now)
    assert roster.on_call("cardiology", change - timedelta(microseconds=1)) == before
    for one in before:
        assert one.since <= now
        assert one.until is not None and one.until >= change
        assert one.practitioner in people(roster, (one.until - NOON) / timedelta(hours=1) - 1e-6)
