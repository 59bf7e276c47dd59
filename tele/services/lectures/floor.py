"""The floor of a lecture as a whole: what everybody sees beside the picture, and what one person adds to it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from tele.domain.access import Action, Actor, allows
from tele.domain.refusals import Conflict, FieldError, Invalid
from tele.services.context import Services
from tele.services.lectures import chat, hands, polls, questions
from tele.services.lectures.found import find, offset
from tele.services.lectures.views import FloorView, MarkView, OwnFloorView
from tele.store.tables import DocumentReference, LectureEvent, RaisedHand

MARKS = 5000


async def floor(services: Services, actor: Actor, lecture_id: str) -> OwnFloorView:
    """The floor as this person finds it. Raises Unknown."""
    async with services.database.reading() as tx:
        found = await find(tx, services, actor, lecture_id, Action.SEE_LECTURE)
        hosts = allows(actor, Action.MODERATE, found.relation)
        language = actor.language
        hand = await tx.get(RaisedHand, (lecture_id, actor.id))
        marks = select(LectureEvent).where(LectureEvent.lecture == lecture_id).order_by(LectureEvent.offset_s)
        return OwnFloorView(
            lecture=lecture_id,
            questions=await questions.shown(tx, language, lecture_id),
            polls=await polls.shown(tx, lecture_id),
            stage=await hands.shown(tx, language, lecture_id, ("on-stage",)),
            chat=await chat.shown(tx, language, lecture_id, whole=found.row.status == "completed"),
            timeline=[
                MarkView(offset=mark.offset_s, kind=mark.kind, data=mark.data)
                for mark in await tx.scalars(marks.limit(MARKS))
            ],
            votes=await questions.voices_of(tx, actor, lecture_id),
            answers=await polls.answers_of(tx, actor, lecture_id),
            hand=hand.state if hand else None,
            hands=await hands.shown(tx, language, lecture_id, hands.WAITING) if hosts else [],
            drafts=await polls.shown(tx, lecture_id, drafts=True) if hosts else [],
        )


async def public_floor(services: Services, lecture_id: str, language: str) -> dict[str, Any]:
    """What everybody sees, as it is sent to open pages of one language."""
    async with services.database.reading() as tx:
        view = FloorView(
            lecture=lecture_id,
            questions=await questions.shown(tx, language, lecture_id),
            polls=await polls.shown(tx, lecture_id),
            stage=await hands.shown(tx, language, lecture_id, ("on-stage",)),
        )
    return view.model_dump(mode="json")


async def hosts_floor(services: Services, lecture_id: str, language: str) -> dict[str, Any]:
    """What hosts see besides: the hands that wait."""
    async with services.database.reading() as tx:
        waiting = await hands.shown(tx, language, lecture_id, hands.WAITING)
    return {"lecture": lecture_id, "hands": [hand.model_dump(mode="json") for hand in waiting]}


async def show_slide(services: Services, actor: Actor, lecture_id: str, page: int | None) -> None:
    """Turn to a page of the deck, or take the slides away; a mark on the timeline. Raises Invalid, Conflict."""
    now = services.clock()
    async with services.database.transaction() as tx:
        row = (await find(tx, services, actor, lecture_id, Action.PRESENT, lock=True)).row
        deck = await tx.scalar(
            select(DocumentReference).where(
                DocumentReference.lecture == lecture_id, DocumentReference.kind == "deck",
                DocumentReference.deleted_at.is_(None),
            )
        )  # fmt: skip
        if deck is None or deck.pages is None:
            raise Conflict("no-deck")
        if page is not None and not 1 <= page <= deck.pages:
            raise Invalid(errors=[FieldError("page", "range")])
        at = offset(row, now)
        data = {"deck": deck.id, "page": page}
        tx.add(
            LectureEvent(
                id=services.new_id(), lecture=lecture_id, at=now, offset_s=at, kind="slide", data=data, by=actor.id
            )
        )  # fmt: skip
    mark = {"offset": at, "kind": "slide", "data": data}
    await services.notifier.lecture(lecture_id, "lecture.mark", {"lecture": lecture_id, "mark": mark})
