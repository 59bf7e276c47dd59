"""Who of those that fetch media may: many sessions and recordings looked at together, in a handful of queries."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from tele.domain.access import Action, Actor, allows, conceivable
from tele.services.cases import stands_to
from tele.services.context import Services
from tele.services.leave import Granted, Key
from tele.services.lectures.found import relation
from tele.services.recordings import Recorded, load_recordings
from tele.services.sign_in import TOUCH, is_alive
from tele.store import audit
from tele.store.tables import LecturePresenter, Practitioner, PractitionerRole, SignInSession, Viewer

AT_ONCE = 400
"""Values in one query: SQLite takes 32,766 at most, others are slower with very many."""

Answer = Granted | Action | None
"""Granted; the action that was refused; None when nobody is signed in under that token."""


@dataclass(frozen=True, slots=True)
class _Who:
    actor: Actor
    session: SignInSession


@dataclass(frozen=True, slots=True)
class _Related:
    """Who else stands to what was recorded: presenters by lecture, viewers by consultation."""

    presenters: dict[str, list[str]]
    viewers: dict[str, set[str]]


async def look(services: Services, keys: Collection[Key], begun: Collection[Key]) -> dict[Key, Answer]:
    """What the rows say now of each. `begun` begin a viewing: the audit trail has them when this returns."""
    now = services.clock()
    tokens, ids = sorted({token for token, _ in keys}), sorted({recording for _, recording in keys})
    async with services.database.reading() as tx:
        people = await _people(tx, services, tokens, now)
        recordings = {found.recording.id: found for part in _parts(ids) for found in await load_recordings(tx, part)}
        related = await _related(tx, recordings.values())
    answers = {key: _answer(services, people.get(key[0]), recordings.get(key[1]), related, now) for key in keys}
    reads = [(people[key[0]].actor, key[1]) for key in begun if isinstance(answers[key], Granted)]
    await audit.record_reads(
        services.database, reads, subject_type="recording", action="replay", at=now, new_id=services.new_id
    )
    await _touch(services, [who.session for who in people.values()], now)
    return answers


def _answer(services: Services, who: _Who | None, found: Recorded | None, related: _Related, now: datetime) -> Answer:
    if who is None:
        return None
    if not conceivable(who.actor, Action.SEE_RECORDING):
        return Action.SEE_RECORDING
    if found is None:
        return Action.REPLAY
    about = {who.actor.id, who.session.id, found.recording.id}
    if found.case is not None:
        case = found.case[1]
        about.add(case.id)
        stands = stands_to(who.actor, case, viewer=who.actor.id in related.viewers.get(case.id, ()))
        granted = allows(who.actor, Action.REPLAY, stands)
    elif (lecture := found.lecture) is not None:
        about.add(lecture.id)
        beside = related.presenters.get(lecture.id, [])
        granted = allows(who.actor, Action.SEE_LECTURE, relation(who.actor, lecture, (lecture.speaker, *beside)))
    else:
        granted = False
    if not granted:
        return Action.REPLAY
    idle = who.session.last_seen_at + services.limits.session_idle
    lasts = (min(who.session.expires_at, idle) - now).total_seconds()
    # What is of a patient stays here: no cache has to be emptied when its key is destroyed or its consent withdrawn.
    return Granted(who.actor.id, who.session.id, frozenset(about), lasts, shared=found.case is None)


async def _people(tx: AsyncSession, services: Services, tokens: list[str], now: datetime) -> dict[str, _Who]:
    """By the hash of the token, those whose session and account still count."""
    sessions: dict[str, tuple[SignInSession, str]] = {}
    for part in _parts(tokens):
        rows = await tx.execute(
            select(SignInSession, Practitioner.language)
            .join(Practitioner, Practitioner.id == SignInSession.practitioner)
            .where(SignInSession.token_hash.in_(part), Practitioner.active)
        )
        for session, language in rows:
            if is_alive(session, services.limits, now):
                sessions[session.token_hash] = session, language
    roles: dict[str, list[tuple[str, str]]] = {}
    for part in _parts(sorted({session.practitioner for session, _ in sessions.values()})):
        held = select(PractitionerRole.practitioner, PractitionerRole.role, PractitionerRole.organisation)
        for person, role, where in await tx.execute(held.where(PractitionerRole.practitioner.in_(part))):
            roles.setdefault(person, []).append((role, where))
    return {
        token: _Who(
            Actor(
                id=session.practitioner, name="", language=language,
                roles=tuple(roles.get(session.practitioner, ())),  # type: ignore[arg-type]
                specialties=frozenset(), session_id=session.id,
            ),
            session,
        )
        for token, (session, language) in sessions.items()
    }  # fmt: skip


async def _related(tx: AsyncSession, recordings: Collection[Recorded]) -> _Related:
    presenters: dict[str, list[str]] = {}
    viewers: dict[str, set[str]] = {}
    for part in _parts(sorted({found.lecture.id for found in recordings if found.lecture is not None})):
        for lecture, person in await tx.execute(
            select(LecturePresenter.lecture, LecturePresenter.practitioner).where(LecturePresenter.lecture.in_(part))
        ):
            presenters.setdefault(lecture, []).append(person)
    for part in _parts(sorted({found.case[1].id for found in recordings if found.case is not None})):
        for case, person in await tx.execute(
            select(Viewer.request, Viewer.practitioner).where(Viewer.request.in_(part))
        ):
            viewers.setdefault(case, set()).add(person)
    return _Related(presenters, viewers)


async def _touch(services: Services, sessions: Collection[SignInSession], now: datetime) -> None:
    """Who watches is there. When one session is due, all that will be soon are written with it."""
    if not any(now - session.last_seen_at >= TOUCH for session in sessions):
        return
    due = [session.id for session in sessions if now - session.last_seen_at >= TOUCH / 2]
    async with services.database.transaction() as tx:
        for part in _parts(due):
            await tx.execute(update(SignInSession).where(SignInSession.id.in_(part)).values(last_seen_at=now))


def _parts(values: Sequence[str]) -> Iterator[Sequence[str]]:
    return (values[at : at + AT_ONCE] for at in range(0, len(values), AT_ONCE))
