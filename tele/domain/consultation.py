"""A consultation's life: its stages in the words of this project and of FHIR, and what can be done in each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tele.domain.access import Action, Actor, Relation, allows

Urgency = Literal["routine", "urgent", "emergency"]
Stage = Literal["queued", "ringing", "needs-more", "in-call", "awaiting-opinion", "answered", "cancelled"]
Status = Literal["draft", "active", "on-hold", "revoked", "completed"]
"""FHIR R5 request-status, of the ServiceRequest."""
EncounterStatus = Literal["planned", "in-progress", "discharged", "completed", "cancelled"]
"""FHIR R5 encounter-status: hanging up discharges, signing the opinion completes."""
RecordingState = Literal["off", "recording", "paused", "sealed", "withdrawn"]

STATUS: dict[Stage, Status] = {
    "queued": "active",
    "ringing": "active",
    "needs-more": "on-hold",
    "in-call": "active",
    "awaiting-opinion": "active",
    "answered": "completed",
    "cancelled": "revoked",
}
"""Each stage in FHIR's word."""

WAITING: frozenset[Stage] = frozenset({"queued", "ringing", "needs-more"})
CLOSED: frozenset[Stage] = frozenset({"answered", "cancelled"})


@dataclass(frozen=True, slots=True)
class Situation:
    """What of a case decides what can be done now."""

    stage: Stage
    urgency: Urgency
    encounter: EncounterStatus | None = None
    recording: RecordingState | None = None
    recording_consented: bool = False
    opinion_signed: bool = False


CASE_ACTIONS: tuple[Action, ...] = (
    Action.CANCEL,
    Action.REPLY,
    Action.RING_AGAIN,
    Action.ACCEPT,
    Action.DECLINE,
    Action.SNOOZE,
    Action.ASK_MORE,
    Action.ANSWER_IN_WRITING,
    Action.GIVE_CONSENT,
    Action.WITHDRAW_CONSENT,
    Action.JOIN,
    Action.HANG_UP,
    Action.STOP_RECORDING,
    Action.RESUME_RECORDING,
    Action.WITHDRAW_RECORDING,
    Action.WRITE_OPINION,
    Action.SIGN,
    Action.ADD_ADDENDUM,
    Action.FOLLOW_UP,
    Action.NAME_VIEWER,
    Action.ADD_FILE,
    Action.HAND_OVER,
)
"""What a client may offer as a button, in the order in which it is listed."""


def possible(action: Action, now: Situation) -> bool:
    """Whether the case is in a state in which someone could do this, whoever it is."""
    stage, in_call = now.stage, now.encounter == "in-progress"
    match action:
        case Action.CANCEL:
            return stage in WAITING
        case Action.REPLY:
            return stage == "needs-more"
        case Action.RING_AGAIN:
            return stage == "queued"
        case Action.ACCEPT | Action.DECLINE | Action.ASK_MORE:
            return stage in WAITING  # by who is rung, snoozed it, or asked for more: the relation says which
        case Action.SNOOZE:
            return stage == "ringing"
        case Action.ANSWER_IN_WRITING:
            return stage in WAITING and now.urgency == "routine"
        case Action.GIVE_CONSENT:
            return stage in WAITING and not now.recording_consented
        case Action.WITHDRAW_CONSENT:
            return stage in WAITING and now.recording_consented  # later it is the recording that is withdrawn
        case Action.JOIN | Action.HANG_UP:
            return in_call
        case Action.STOP_RECORDING:
            return in_call and now.recording == "recording"
        case Action.RESUME_RECORDING:
            return in_call and now.recording == "paused" and now.recording_consented
        case Action.WITHDRAW_RECORDING:
            return now.recording in ("recording", "paused", "sealed")
        case Action.WRITE_OPINION:
            return stage in ("in-call", "awaiting-opinion") and not now.opinion_signed
        case Action.SIGN:
            return stage == "awaiting-opinion" and not now.opinion_signed
        case Action.ADD_ADDENDUM:
            return now.opinion_signed
        case Action.FOLLOW_UP:
            return stage in ("awaiting-opinion", "answered")
        case Action.NAME_VIEWER | Action.ADD_FILE:
            return stage != "cancelled"
        case Action.HAND_OVER:
            return stage in WAITING or (stage == "awaiting-opinion" and not now.opinion_signed)
        case _:
            return False


def may(actor: Actor, relation: frozenset[Relation], now: Situation) -> list[Action]:
    """What this person can do with the case now."""
    return [action for action in CASE_ACTIONS if allows(actor, action, relation) and possible(action, now)]
