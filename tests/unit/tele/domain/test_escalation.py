"""The escalation policy: what a file may say, and which rule a request gets."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from tele.domain.escalation import Policies, Policy, Rule, Step

RING, CALL = Step(who="on-call", seconds=20), Step(who="coordinator")


def policy(seconds: int) -> Policy:
    return Policy(steps=(Step(who="on-call", seconds=seconds), CALL))


def test_the_file_that_ships_is_right(repository: Path) -> None:
    policies = Policies.model_validate(yaml.safe_load((repository / "config" / "escalation.yaml").read_text("utf-8")))
    chosen = [policies.choose(one, "cardiology", "centre") for one in ("emergency", "urgent", "routine")]
    seconds = [one.ring_seconds(0) for one in chosen]
    assert seconds == [15, 25, 40]
    assert policies.choose("routine", "cardiology", "centre").snooze_s == 600


def test_the_most_precise_rule_wins() -> None:
    policies = Policies(
        rules=(
            Rule(policy=policy(1)),
            Rule(urgency="urgent", policy=policy(2)),
            Rule(urgency="urgent", specialty="cardiology", policy=policy(3)),
            Rule(urgency="urgent", organisation="north", policy=policy(4)),
        )
    )
    chosen = [
        policies.choose(*asked).ring_seconds(0)
        for asked in [
            ("routine", "cardiology", "south"),
            ("urgent", "neurology", "south"),
            ("urgent", "cardiology", "south"),
            ("urgent", "neurology", "north"),
        ]
    ]
    assert chosen == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": []},
        {"steps": [RING]},
        {"steps": [CALL]},
        {"steps": [Step(who="on-call", seconds=1), CALL], "snooze_s": 0},
        {"steps": [RING, CALL], "snoze_s": 600},
    ],
)
def test_a_policy_that_leaves_a_request_alone_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Policy.model_validate(wrong)


def test_a_step_names_somebody_exactly_when_it_rings_a_person() -> None:
    with pytest.raises(ValidationError):
        Step(who="practitioner")
    with pytest.raises(ValidationError):
        Step(who="on-call", practitioner="ann")
    with pytest.raises(ValidationError):
        Step(who="on-call", seconds=0)


def test_every_urgency_needs_a_rule_of_its_own() -> None:
    with pytest.raises(ValidationError, match="emergency"):
        Policies(rules=(Rule(urgency="routine", policy=policy(1)),) * 2 + (Rule(urgency="urgent", policy=policy(1)),))


def test_a_coordinators_step_rings_as_long_as_the_step_before_it() -> None:
    steps = (CALL, RING, Step(who="coordinator"), Step(who="on-call", seconds=50), CALL)
    assert [Policy(steps=steps).ring_seconds(at) for at in range(5)] == [20, 20, 20, 50, 50]
