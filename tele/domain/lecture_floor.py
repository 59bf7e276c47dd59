"""The floor of a lecture: a hand's way to the stage and back, a poll's count, the order of questions. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

Hand = Literal["raised", "invited", "on-stage", "lowered", "declined", "left"]
"""raised: waits · invited: the host asks them up · on-stage: they agreed and speak · lowered: they thought better ·
declined: the host said not now, or they did not want to be seen · left: they are down again."""
HandEvent = Literal["raise", "lower", "invite", "dismiss", "accept", "refuse", "leave"]
PollState = Literal["draft", "open", "closed"]
QuestionState = Literal["open", "answered", "hidden"]

OPTIONS: Final = 5
"""Most options of a poll: A to E."""
STAGE: Final = 4
"""People from the audience on the stage at a time."""

_WAYS: Final[dict[HandEvent, tuple[frozenset[Hand | None], Hand]]] = {
    "raise": (frozenset({None, "lowered", "declined", "left"}), "raised"),
    "lower": (frozenset({"raised", "invited"}), "lowered"),
    "invite": (frozenset({"raised"}), "invited"),
    "dismiss": (frozenset({"raised", "invited", "on-stage"}), "declined"),
    "accept": (frozenset({"invited"}), "on-stage"),
    "refuse": (frozenset({"invited"}), "declined"),
    "leave": (frozenset({"on-stage"}), "left"),
}
HOSTS: Final[frozenset[HandEvent]] = frozenset({"invite", "dismiss"})
"""What the host does with somebody else's hand; the rest is its owner's."""


def moved(hand: Hand | None, event: HandEvent) -> Hand | None:
    """The hand after this; None when it cannot be done from where it is. Doing what is done already changes nothing."""
    before, after = _WAYS[event]
    if hand == after:
        return after
    return after if hand in before else None


def tally(options: int, answers: Iterable[int]) -> list[int]:
    """How many chose each option; answers outside are nobody's."""
    counts = [0] * options
    for answer in answers:
        if 0 <= answer < options:
            counts[answer] += 1
    return counts


def precedence(state: QuestionState, votes: int, offset: float) -> tuple[bool, int, float]:
    """Sort key of questions as the speaker wants them: open ones by votes, then by age; answered ones last."""
    return state != "open", -votes, offset
