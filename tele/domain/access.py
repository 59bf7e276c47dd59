"""Who may do what: the one table of every permission, and the one function that reads it.

Access follows role, organisation and relation. A service works out the relation of a person to a thing from rows
(`requester`, `paged`, …); this file decides. What no grant names is denied.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from tele.domain.people import CLINICAL, Role

Relation = Literal["requester", "specialist", "paged", "viewer", "own", "coordinator", "presenter", "audience"]
"""How a person stands to a thing.

requester: asked for this consultation and still works as GP where it was asked · specialist: accepted it ·
paged: is being rung for it now, snoozed it, or waits for the reply to a question ·
viewer: was named by a participant · own: made it or is it ·
coordinator: coordinates the organisation whose thing it is · presenter: is the speaker of the lecture, or presents
beside them · audience: is invited to the lecture.
"""

NO_RELATION: frozenset[Relation] = frozenset()


@dataclass(frozen=True, slots=True)
class Actor:
    """Someone who is signed in, as the database knew them at this request."""

    id: str
    name: str
    language: str
    roles: tuple[tuple[Role, str], ...]
    """Pairs of role and organisation id."""
    specialties: frozenset[str]
    session_id: str

    def has(self, role: Role, organisation: str | None = None) -> bool:
        """Whether this person holds the role, anywhere or in one organisation."""
        return any(held == role and organisation in (None, where) for held, where in self.roles)

    def organisations(self, role: Role) -> frozenset[str]:
        """The organisations in which this person holds the role."""
        return frozenset(where for held, where in self.roles if held == role)


class Action(StrEnum):
    """Everything that can be done, by route or by socket event."""

    # the person's own affairs
    OWN_SESSION = "own-session"
    SEE_SPECIALTIES = "see-specialties"
    SEE_PEOPLE = "see-people"
    # consultations
    ASK = "ask"
    LIST = "list"
    SEE = "see"
    CANCEL = "cancel"
    REPLY = "reply"
    RING_AGAIN = "ring-again"
    ACCEPT = "accept"
    DECLINE = "decline"
    SNOOZE = "snooze"
    ASK_MORE = "ask-more"
    ANSWER_IN_WRITING = "answer-in-writing"
    HAND_OVER = "hand-over"
    JOIN = "join"
    CONNECT_DEVICE = "connect-device"
    CHAT = "chat"
    HANG_UP = "hang-up"
    STOP_RECORDING = "stop-recording"
    RESUME_RECORDING = "resume-recording"
    WITHDRAW_RECORDING = "withdraw-recording"
    GIVE_CONSENT = "give-consent"
    WITHDRAW_CONSENT = "withdraw-consent"
    WRITE_OPINION = "write-opinion"
    SIGN = "sign"
    ADD_ADDENDUM = "add-addendum"
    SEE_OPINION = "see-opinion"
    FOLLOW_UP = "follow-up"
    NAME_VIEWER = "name-viewer"
    ADD_FILE = "add-file"
    # files and recordings
    UPLOAD = "upload"
    SEE_FILE = "see-file"
    DELETE_FILE = "delete-file"
    LIST_RECORDINGS = "list-recordings"
    SEE_RECORDING = "see-recording"
    REPLAY = "replay"
    # on call
    SWITCH_ON_CALL = "switch-on-call"
    SEE_QUEUE = "see-queue"
    ASSIGN = "assign"
    CANCEL_QUEUED = "cancel-queued"
    SEE_CONTACTS = "see-contacts"
    SEE_ROSTER = "see-roster"
    EDIT_ROSTER = "edit-roster"
    # lectures
    LIST_LECTURES = "list-lectures"
    SCHEDULE_LECTURE = "schedule-lecture"
    SEE_LECTURE = "see-lecture"
    EDIT_LECTURE = "edit-lecture"
    CANCEL_LECTURE = "cancel-lecture"
    GO_LIVE = "go-live"
    PRESENT = "present"
    END_LECTURE = "end-lecture"
    MODERATE = "moderate"
    TAKE_PART = "take-part"
    CHECK_IN = "check-in"


@dataclass(frozen=True, slots=True)
class Grant:
    """Allowed to who holds one of the roles and, where relations are named, stands in one of them."""

    roles: frozenset[Role]
    relations: frozenset[Relation] = NO_RELATION


_ANYONE: frozenset[Role] = frozenset({"gp", "specialist", "learner", "coordinator", "administrator", "auditor"})


def _to(roles: str, relations: str = "") -> Grant:
    return Grant(frozenset(roles.split()), frozenset(relations.split()))  # type: ignore[arg-type]


_BY_GP = _to("gp", "requester")
_BY_SPECIALIST = _to("specialist", "specialist")
_BY_PAGED = _to("specialist", "paged")
_BY_VIEWER = Grant(CLINICAL, frozenset({"viewer"}))
_PARTICIPANTS = (_BY_GP, _BY_SPECIALIST)
_READERS = (*_PARTICIPANTS, _BY_VIEWER)
_BY_PRESENTER = Grant(_ANYONE, frozenset({"presenter"}))
_HOSTS = (_BY_PRESENTER, _to("coordinator", "coordinator"))
_INVITED = (*_HOSTS, Grant(_ANYONE, frozenset({"audience"})))

GRANTS: dict[Action, tuple[Grant, ...]] = {
    Action.OWN_SESSION: (Grant(_ANYONE),),
    Action.SEE_SPECIALTIES: (Grant(_ANYONE),),
    Action.SEE_PEOPLE: (_to("gp specialist coordinator"),),
    Action.ASK: (_to("gp"),),
    Action.LIST: (Grant(CLINICAL),),
    Action.SEE: (*_READERS, _BY_PAGED),
    Action.CANCEL: (_BY_GP,),
    Action.REPLY: (_BY_GP,),
    Action.RING_AGAIN: (_BY_GP,),
    Action.ACCEPT: (_BY_PAGED,),
    Action.DECLINE: (_BY_PAGED,),
    Action.SNOOZE: (_BY_PAGED,),
    Action.ASK_MORE: (_BY_PAGED,),
    Action.ANSWER_IN_WRITING: (_BY_PAGED,),
    Action.HAND_OVER: (_BY_SPECIALIST, _BY_PAGED),
    Action.JOIN: _PARTICIPANTS,
    Action.CONNECT_DEVICE: _PARTICIPANTS,
    Action.CHAT: _PARTICIPANTS,
    Action.HANG_UP: _PARTICIPANTS,
    Action.STOP_RECORDING: (_BY_GP,),
    Action.RESUME_RECORDING: (_BY_GP,),
    Action.WITHDRAW_RECORDING: (_BY_GP,),
    Action.GIVE_CONSENT: (_BY_GP,),
    Action.WITHDRAW_CONSENT: (_BY_GP,),
    Action.WRITE_OPINION: (_BY_SPECIALIST,),
    Action.SIGN: (_BY_SPECIALIST,),
    Action.ADD_ADDENDUM: (_BY_SPECIALIST,),
    Action.SEE_OPINION: _READERS,
    Action.FOLLOW_UP: _PARTICIPANTS,
    Action.NAME_VIEWER: _PARTICIPANTS,
    Action.ADD_FILE: _PARTICIPANTS,
    Action.UPLOAD: (_to("gp specialist coordinator"),),
    Action.SEE_FILE: (*_READERS, _BY_PAGED, Grant(CLINICAL, frozenset({"own"}))),
    Action.DELETE_FILE: (_to("gp specialist", "own"),),
    Action.LIST_RECORDINGS: (Grant(_ANYONE),),  # of own cases, and of lectures to which one is invited
    Action.SEE_RECORDING: (Grant(_ANYONE),),
    Action.REPLAY: _READERS,
    Action.SWITCH_ON_CALL: (_to("specialist"),),
    Action.SEE_QUEUE: (_to("coordinator"),),
    Action.ASSIGN: (_to("coordinator", "coordinator"),),
    Action.CANCEL_QUEUED: (_to("coordinator", "coordinator"),),
    Action.SEE_CONTACTS: (_to("coordinator", "coordinator"),),
    Action.SEE_ROSTER: (_to("coordinator specialist"),),
    Action.EDIT_ROSTER: (_to("coordinator", "coordinator"),),
    Action.LIST_LECTURES: (Grant(_ANYONE),),
    Action.SCHEDULE_LECTURE: (_to("specialist coordinator"),),
    Action.SEE_LECTURE: _INVITED,
    Action.EDIT_LECTURE: _HOSTS,
    Action.CANCEL_LECTURE: _HOSTS,
    Action.GO_LIVE: (_BY_PRESENTER,),
    Action.PRESENT: (_BY_PRESENTER,),
    Action.END_LECTURE: _HOSTS,
    Action.MODERATE: _HOSTS,
    Action.TAKE_PART: _INVITED,
    Action.CHECK_IN: _INVITED,
}

HIDDEN: frozenset[Action] = frozenset(
    action
    for action, grants in GRANTS.items()
    if all(grant.relations for grant in grants) and not any("coordinator" in grant.roles for grant in grants)
)
"""Actions on things whose very existence is a secret: who has no grant is told that there is no such thing."""


def allows(actor: Actor, action: Action, relation: frozenset[Relation] = NO_RELATION) -> bool:
    """Whether this person, standing in these relations to the thing, may do this."""
    held = {role for role, _ in actor.roles}
    return any(
        grant.roles & held and (not grant.relations or grant.relations & relation) for grant in GRANTS.get(action, ())
    )


def conceivable(actor: Actor, action: Action) -> bool:
    """Whether some relation exists in which this person may do this: lets a boundary refuse before any row is read."""
    held = {role for role, _ in actor.roles}
    return any(grant.roles & held for grant in GRANTS.get(action, ()))
