"""What can be done with a case in each stage."""

from __future__ import annotations

from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from tele.domain.access import Action, Actor
from tele.domain.consultation import (
    CASE_ACTIONS,
    STATUS,
    EncounterStatus,
    RecordingState,
    Situation,
    Stage,
    Urgency,
    may,
    possible,
)
from tele.domain.opinion import check_complete
from tele.domain.refusals import Invalid

SITUATIONS = st.builds(
    Situation,
    stage=st.sampled_from(get_args(Stage)),
    urgency=st.sampled_from(get_args(Urgency)),
    encounter=st.none() | st.sampled_from(get_args(EncounterStatus)),
    recording=st.none() | st.sampled_from(get_args(RecordingState)),
    recording_consented=st.booleans(),
    opinion_signed=st.booleans(),
)


def test_every_stage_has_a_word_of_fhir() -> None:
    assert set(STATUS) == set(get_args(Stage))


@given(SITUATIONS)
def test_never_both_ways(now: Situation) -> None:
    can = {action for action in CASE_ACTIONS if possible(action, now)}
    assert not {Action.CANCEL, Action.WRITE_OPINION} <= can
    assert not {Action.STOP_RECORDING, Action.RESUME_RECORDING} <= can
    assert not {Action.SIGN, Action.ADD_ADDENDUM} <= can
    assert not (now.opinion_signed and {Action.WRITE_OPINION, Action.SIGN} & can)
    if now.stage == "cancelled":
        assert not can & {Action.ACCEPT, Action.REPLY, Action.FOLLOW_UP, Action.NAME_VIEWER, Action.ADD_FILE}
    if not now.recording_consented:
        assert Action.RESUME_RECORDING not in can


@given(SITUATIONS.filter(lambda now: now.urgency != "routine"))
def test_only_routine_questions_are_answered_in_writing(now: Situation) -> None:
    assert not possible(Action.ANSWER_IN_WRITING, now)


def test_a_button_needs_both_permission_and_possibility() -> None:
    gp = Actor("a", "A", "en", (("gp", "o"),), frozenset(), "s")
    asked = Situation(stage="queued", urgency="urgent")
    assert may(gp, frozenset({"requester"}), asked) == [
        Action.CANCEL, Action.RING_AGAIN, Action.GIVE_CONSENT, Action.NAME_VIEWER, Action.ADD_FILE
    ]  # fmt: skip
    assert may(gp, frozenset(), asked) == []


def test_half_an_opinion_is_not_signed() -> None:
    check_complete("a", "b", "refer")
    for missing in (("", "b", "refer"), ("a", "", "refer"), ("a", "b", None)):
        try:
            check_complete(*missing)
        except Invalid as refused:
            assert len(refused.errors) == 1
        else:
            raise AssertionError(missing)
