"""Raised hands: somebody of the audience asks for the stage, is invited, agrees, speaks, and sits down again."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from tele.domain.access import Action, Actor
from tele.domain.lecture_floor import HOSTS, STAGE, Hand, HandEvent, moved
from tele.domain.refusals import Conflict, Forbidden, Unknown
from tele.services.case_rows import load_people
from tele.services.context import Services
from tele.services.lectures.broadcast import Broadcasts
from tele.services.lectures.found import find, offset
from tele.services.lectures.views import HandView
from tele.store.tables import Lecture, LectureEvent, RaisedHand

WAITING: tuple[Hand, ...] = ("raised", "invited")


async def move(
    services: Services,
    broadcasts: Broadcasts,
    actor: Actor,
    lecture_id: str,
    event: HandEvent,
    *,
    person: str | None = None,
    consent: str | None = None,
) -> Hand:
    """Move one's own hand, or as a host somebody else's; returns where it is now.

    Accepting needs the consent to be broadcast and recorded. Raises Conflict("hand-not-now", "stage-full"), Invalid,
    Forbidden, Unknown for a hand that is not there.
    """
    owner = person or actor.id
    if (event in HOSTS) != (person is not None):
        raise Forbidden
    now = services.clock()
    async with services.database.transaction() as tx:
        rule = Action.MODERATE if event in HOSTS else Action.TAKE_PART
        row = (await find(tx, services, actor, lecture_id, rule, lock=True)).row
        if row.status != "in-progress":
            raise Conflict("lecture-not-now")
        hand = await tx.get(RaisedHand, (lecture_id, owner), with_for_update=True)
        if hand is None and person is not None:
            raise Unknown
        before: Hand | None = hand.state if hand else None  # type: ignore[assignment]
        after = moved(before, event)
        if after is None:
            raise Conflict("hand-not-now")
        if after == before:
            return after
        if event == "accept":
            await broadcasts.agree(tx, actor, lecture_id, consent)
            if await _on_stage(tx, lecture_id) >= STAGE:
                raise Conflict("stage-full")
        if hand is None:
            hand = RaisedHand(lecture=lecture_id, practitioner=owner, state=after, at=now, changed_at=now)
            tx.add(hand)
        hand.state, hand.changed_at = after, now
        if event == "raise":
            hand.at = now
        if "on-stage" in (before, after):
            _mark(tx, services, row, owner, up=after == "on-stage", now=now)
    if before == "on-stage":
        await broadcasts.expel(lecture_id, owner)
    services.live.floor(lecture_id)
    await services.notifier.practitioner(owner, "lecture.hand", {"lecture": lecture_id, "state": after})
    return after


async def shown(tx: AsyncSession, language: str, lecture_id: str, states: tuple[Hand, ...]) -> list[HandView]:
    """The hands in these states, who waits longest first."""
    wanted = select(RaisedHand).where(RaisedHand.lecture == lecture_id, RaisedHand.state.in_(states))
    rows = list(await tx.scalars(wanted.order_by(RaisedHand.at).limit(200)))
    people = await load_people(tx, language, {row.practitioner for row in rows})
    return [
        HandView(
            person=people.ref(row.practitioner), organisation=people.workplace(row.practitioner), state=row.state,
            at=row.at,
        )
        for row in rows
    ]  # fmt: skip


async def _on_stage(tx: AsyncSession, lecture_id: str) -> int:
    up = (RaisedHand.lecture == lecture_id, RaisedHand.state == "on-stage")
    return await tx.scalar(select(func.count()).select_from(RaisedHand).where(*up)) or 0


def _mark(tx: AsyncSession, services: Services, row: Lecture, person: str, *, up: bool, now: datetime) -> None:
    tx.add(
        LectureEvent(
            id=services.new_id(), lecture=row.id, at=now, offset_s=offset(row, now),
            kind="stage-up" if up else "stage-down", data={"practitioner": person}, by=person,
        )
    )  # fmt: skip
