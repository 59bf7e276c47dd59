"""Signing in and out, and knowing again who calls."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from tele.domain.access import Actor
from tele.domain.people import name_in
from tele.domain.refusals import SignedOut
from tele.services.context import Limits, Services
from tele.store import audit
from tele.store.tables import Practitioner, PractitionerRole, SignInSession

TOUCH = timedelta(seconds=60)
"""`last_seen_at` is written at most this often."""


def hash_token(token: str) -> str:
    """What the database keeps of a token: a random 256-bit secret needs no salt and no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()


async def sign_in(services: Services, username: str, password: str, source: str, user_agent: str) -> tuple[str, Actor]:
    """Check the password and open a session; returns its token, which is kept nowhere, and who it is.

    Raises SignedOut("wrong-credentials") for any mistake and TooMany after ten of them.
    """
    username = username.strip().lower()
    await services.attempts.check(username, source)
    async with services.database.reading() as tx:
        person = (await tx.execute(select(Practitioner).where(Practitioner.username == username))).scalar()
    right = await services.passwords.matches(person.password_hash if person else None, password)
    now = services.clock()
    if not (right and person and person.active):
        await services.attempts.failed(username, source)
        async with services.database.transaction() as tx:
            subject = person.id if person else "unknown"
            audit.record(
                tx, actor=None, action="sign-in.failed", subject_type="practitioner", subject_id=subject, at=now,
                id=services.new_id(), details={"source": source},
            )  # fmt: skip
        raise SignedOut("wrong-credentials")
    await services.attempts.succeeded(username)
    token = secrets.token_urlsafe(32)
    async with services.database.transaction() as tx:
        # Read again under the write lock: the account may have been closed while the password was checked.
        person = await tx.get(Practitioner, person.id, populate_existing=True)
        if person is None or not person.active:
            raise SignedOut("wrong-credentials")
        session = SignInSession(
            id=services.new_id(), token_hash=hash_token(token), practitioner=person.id, created_at=now,
            last_seen_at=now, expires_at=now + services.limits.session_absolute, revoked_at=None,
            user_agent="".join(letter for letter in user_agent if letter.isprintable())[:300],
        )  # fmt: skip
        tx.add(session)
        actor = await actor_of(tx, person, session.id)
        audit.record(
            tx, actor=actor, action="sign-in", subject_type="practitioner", subject_id=person.id, at=now,
            id=services.new_id(), details={"source": source},
        )  # fmt: skip
    return token, actor


async def resume(services: Services, token: str) -> Actor | None:
    """Who this token belongs to, now; None when it is unknown, revoked, expired, idle for too long or disabled."""
    now = services.clock()
    async with services.database.reading() as tx:
        found = (
            await tx.execute(
                select(SignInSession, Practitioner)
                .join(Practitioner, Practitioner.id == SignInSession.practitioner)
                .where(SignInSession.token_hash == hash_token(token))
            )
        ).first()
        if found is None or not is_alive(found[0], services.limits, now) or not found[1].active:
            return None
        session, person = found
        actor = await actor_of(tx, person, session.id)
    if now - session.last_seen_at >= TOUCH:
        async with services.database.transaction() as tx:
            await tx.execute(update(SignInSession).where(SignInSession.id == session.id).values(last_seen_at=now))
    return actor


def is_alive(session: SignInSession, limits: Limits, now: datetime) -> bool:
    """Whether a session still counts: not revoked, within its absolute life, and not idle for too long."""
    return (
        session.revoked_at is None and now < session.expires_at and now - session.last_seen_at < limits.session_idle
    )  # fmt: skip


async def alive(services: Services, session_ids: Collection[str]) -> set[str]:
    """Which of these sessions still count, of accounts that are still open: for what holds connections open."""
    now = services.clock()
    query = (
        select(SignInSession.id)
        .join(Practitioner, Practitioner.id == SignInSession.practitioner)
        .where(
            SignInSession.id.in_(session_ids), Practitioner.active, SignInSession.revoked_at.is_(None),
            SignInSession.expires_at > now, SignInSession.last_seen_at > now - services.limits.session_idle,
        )
    )  # fmt: skip
    async with services.database.reading() as tx:
        return set(await tx.scalars(query))


async def sign_out(services: Services, actor: Actor, everywhere: bool = False) -> None:
    """End this session, or all of this person's, together with what they hold open."""
    now = services.clock()
    async with services.database.transaction() as tx:
        ended = await revoke(tx, actor.id, None if everywhere else actor.session_id, now)
        audit.record(
            tx, actor=actor, action="sign-out", subject_type="practitioner", subject_id=actor.id, at=now,
            id=services.new_id(), details={"everywhere": everywhere},
        )  # fmt: skip
    await services.watch.ended(actor.id, None if everywhere else ended, "signed-out")


async def revoke(tx: AsyncSession, practitioner: str, session: str | None, now: datetime) -> list[str]:
    """Mark one session (None: all) of a person as over; returns the ids that were open."""
    wanted = update(SignInSession).where(
        SignInSession.practitioner == practitioner, SignInSession.revoked_at.is_(None)
    )  # fmt: skip
    if session:
        wanted = wanted.where(SignInSession.id == session)
    return list((await tx.execute(wanted.values(revoked_at=now).returning(SignInSession.id))).scalars())


async def actor_of(tx: AsyncSession, person: Practitioner, session_id: str) -> Actor:
    """A person with the roles that they hold now."""
    roles = (await tx.execute(select(PractitionerRole).where(PractitionerRole.practitioner == person.id))).scalars()
    held = list(roles)
    return Actor(
        id=person.id,
        name=name_in(person.language, person.name, person.name_zh),
        language=person.language,
        roles=tuple((role.role, role.organisation) for role in held),  # type: ignore[misc]
        specialties=frozenset(code for role in held for code in role.specialties),
        session_id=session_id,
    )
