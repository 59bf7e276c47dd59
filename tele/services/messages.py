"""Writing in a case: chat during the call, questions and answers after it."""

from __future__ import annotations

from sqlalchemy import func, select

from tele.domain.access import Action, Actor, allows
from tele.domain.consultation import possible
from tele.domain.refusals import Conflict, FieldError, Forbidden, Invalid
from tele.domain.text import clean_text
from tele.services.announce import changed
from tele.services.case_rows import load, load_people
from tele.services.cases import find, touch
from tele.services.context import Services
from tele.services.view_consultation import message_view, situation
from tele.services.views import MessageView
from tele.store import audit
from tele.store.tables import Message

TEXT_LIMIT = 4000
"""Longest message, in characters."""


async def post(
    services: Services, actor: Actor, consultation_id: str, text: str, client_id: str | None
) -> MessageView:  # fmt: skip
    """Add a message: chat while the call runs, a follow-up after it. The same `client_id` again gives the same message.

    Raises Conflict("not-now") before a specialist has accepted, and Invalid for a text that is empty or too long.
    """
    text = clean_text(text)
    if not text or len(text) > TEXT_LIMIT:
        raise Invalid(errors=[FieldError("text", "too-long" if text else "missing")])
    now = services.clock()
    async with services.database.transaction() as tx:
        case = await find(tx, actor, consultation_id, Action.SEE, lock=True)
        (rows,) = await load(tx, [case.row])
        again = client_id and await tx.scalar(
            select(Message).where(
                Message.request == case.row.id, Message.author == actor.id, Message.client_id == client_id
            )
        )
        people = await load_people(tx, actor.language, [actor.id])
        if again:
            return message_view(again, people)
        call = rows.encounter if rows.encounter and rows.encounter.status == "in-progress" else None
        action = Action.CHAT if call else Action.FOLLOW_UP
        if not allows(actor, action, case.relation):
            raise Forbidden
        if not call and not possible(Action.FOLLOW_UP, situation(rows)):
            raise Conflict("not-now")
        written = select(func.count()).select_from(Message).where(Message.request == case.row.id)
        if (await tx.scalar(written) or 0) >= services.limits.messages_per_case:
            raise Conflict("too-many-messages")
        message = Message(
            id=services.new_id(), request=case.row.id, author=actor.id, kind="chat" if call else "follow-up",
            text=text, at=now, encounter=call.id if call else None,
            offset_s=max(0.0, (now - call.started_at).total_seconds()) if call else None, client_id=client_id,
        )  # fmt: skip
        tx.add(message)
        touch(case.row, now)
        audit.record(
            tx, actor=actor, action="message.add", subject_type="consultation", subject_id=case.row.id, at=now,
            id=services.new_id(), details={"message": message.id, "kind": message.kind},
        )  # fmt: skip
        await tx.flush()
    if not call:
        await changed(services, case.row, "message")
    return message_view(message, people)
