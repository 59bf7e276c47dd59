"""The table of permissions: what must hold whatever else is granted."""

from __future__ import annotations

import itertools
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from tele.domain.access import GRANTS, HIDDEN, NO_RELATION, Action, Actor, Relation, allows, conceivable
from tele.domain.people import ROLES, Role

RELATIONS: tuple[Relation, ...] = get_args(Relation)
CLINICAL_ACTIONS = HIDDEN | {Action.ASK, Action.LIST}


def actor(*roles: Role) -> Actor:
    return Actor("a", "A", "en", tuple((role, "o") for role in roles), frozenset(), "s")


def test_every_action_is_decided() -> None:
    assert set(GRANTS) == set(Action)


def test_who_has_no_role_may_do_nothing() -> None:
    everything = frozenset(RELATIONS)
    assert not any(allows(actor(), action, everything) for action in Action)


def test_nobody_without_a_clinical_role_is_shown_a_case_in_any_relation() -> None:
    outsiders = actor("coordinator", "administrator", "auditor")
    for action, relation in itertools.product(CLINICAL_ACTIONS, RELATIONS):
        assert not allows(outsiders, action, frozenset({relation})), (action, relation)
        assert not conceivable(outsiders, action)


def test_a_relation_is_worth_nothing_without_its_role_and_a_role_nothing_without_its_relation() -> None:
    for action in HIDDEN:
        assert not allows(actor(*ROLES), action, NO_RELATION), action
    assert not allows(actor("learner"), Action.SEE, frozenset({"requester", "specialist", "paged"}))
    assert not allows(actor("specialist"), Action.CANCEL, frozenset({"requester"}))
    assert not allows(actor("gp"), Action.SIGN, frozenset({"specialist"}))


def test_viewers_only_look() -> None:
    person = actor("gp", "specialist", "learner")
    may = {action for action in HIDDEN if allows(person, action, frozenset({"viewer"}))}
    assert may == {Action.SEE, Action.SEE_FILE, Action.SEE_OPINION, Action.REPLAY}


def test_nobody_listens_in_who_is_not_a_participant() -> None:
    for action in (Action.JOIN, Action.CHAT, Action.HANG_UP):
        for relation in ("paged", "viewer", "own", "coordinator"):
            assert not allows(actor(*ROLES), action, frozenset({relation}))


@given(
    st.sets(st.sampled_from(ROLES)),
    st.sets(st.sampled_from(ROLES)),
    st.sets(st.sampled_from(RELATIONS)),
    st.sets(st.sampled_from(RELATIONS)),
    st.sampled_from(list(Action)),
)
def test_more_roles_and_relations_never_allow_less(
    roles: set[Role], more: set[Role], relation: set[Relation], others: set[Relation], action: Action
) -> None:
    if allows(actor(*roles), action, frozenset(relation)):
        assert allows(actor(*roles, *more), action, frozenset(relation | others))
        assert conceivable(actor(*roles), action)
