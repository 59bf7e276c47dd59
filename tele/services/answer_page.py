"""What specialists and GPs say while a request waits: accept, decline, later, tell me more, here it is, never mind."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from tele.domain.access import Action, Actor
from tele.domain.consultation import WAITING
from tele.domain.paging_state import (
    Accepted,
    AskedMore,
    Cancelled,
    Declined,
    Event,
    Reopened,
    Replied,
    RingAgain,
    Snoozed,
)
from tele.domain.refusals import Conflict, FieldError, Forbidden, Invalid, Unknown
from tele.domain.text import clean_text
from tele.services import encounters
from tele.services.case_content import attach
from tele.services.cases import find
from tele.services.context import Services
from tele.services.paging_turn import Also, advance, refusal
from tele.services.paging_world import in_call, specialties_of_specialists
from tele.store import audit
from tele.store.tables import Message, Page, ServiceRequest

TEXT_LIMIT = 4000
"""Longest question back or reply, in characters."""


async def accept(services: Services, actor: Actor, request_id: str) -> None:
    """Take the request and open the call. Of several at once exactly one succeeds.

    Raises Conflict: `taken` with the name of who was quicker, `cancelled`, `not-yours` when the ring has ended, and
    `in-call` while the specialist is in another call. Accepting what one has accepted already changes nothing.
    """

    async def open_call(tx: AsyncSession, row: ServiceRequest) -> None:
        await encounters.begin(tx, services, row, actor.id, services.clock())
        _audit(tx, services, actor, row, "consultation.accept")

    try:
        await _answer(services, actor, request_id, Action.ACCEPT, Accepted(actor.id), open_call, "accepted", free=True)
    except _AlreadyTheirs:
        return


async def answer_in_writing(services: Services, actor: Actor, request_id: str) -> None:
    """Take a routine request without a call: the opinion is written at once. Raises as `accept`, and `not-now`."""

    async def routine_only(tx: AsyncSession, row: ServiceRequest) -> None:
        if row.urgency != "routine":
            raise Conflict("not-now")
        _audit(tx, services, actor, row, "consultation.accept", in_writing=True)

    try:
        await _answer(
            services, actor, request_id, Action.ANSWER_IN_WRITING, Accepted(actor.id), routine_only, "accepted",
            written=True,
        )  # fmt: skip
    except _AlreadyTheirs:
        return


async def decline(services: Services, actor: Actor, request_id: str, reason: str = "") -> None:
    """Leave the request to the next."""
    event = Declined(actor.id, clean_text(reason)[:500])
    await _answer(services, actor, request_id, Action.DECLINE, event)


async def snooze(services: Services, actor: Actor, request_id: str) -> None:
    """Be rung again in ten minutes (or what the policy says); meanwhile the next is rung."""
    await _answer(services, actor, request_id, Action.SNOOZE, Snoozed(actor.id))


async def ask_more(services: Services, actor: Actor, request_id: str, text: str) -> None:
    """Ask the GP for something first; the request waits for the reply and then rings who asked."""
    text = _checked(text)
    write = _writes(services, actor, "asked-more", text)
    await _answer(services, actor, request_id, Action.ASK_MORE, AskedMore(actor.id), write, "needs-more")


async def reply(services: Services, actor: Actor, request_id: str, text: str, files: Sequence[str] = ()) -> None:
    """Give what was asked for: the request rings again. Raises Conflict("not-now") when nothing was asked."""
    text = _checked(text, may_be_empty=bool(files))

    async def write(tx: AsyncSession, row: ServiceRequest) -> None:
        await attach(tx, actor, row.id, files, services.limits.files_per_case)
        await _writes(services, actor, "more", text)(tx, row)

    await _answer(services, actor, request_id, Action.REPLY, Replied(), write, "replied")


async def ring_again(services: Services, actor: Actor, request_id: str) -> None:
    """Ring those who let it ring once more; while somebody is being rung this changes nothing."""
    await _answer(services, actor, request_id, Action.RING_AGAIN, RingAgain())


async def cancel(services: Services, actor: Actor, request_id: str, reason: str = "") -> None:
    """The GP needs it no more. Raises Conflict("taken") when a specialist has accepted; twice is once."""
    reason = clean_text(reason)[:500]

    async def note(tx: AsyncSession, row: ServiceRequest) -> None:
        row.cancelled_reason = reason or None
        _audit(tx, services, actor, row, "consultation.cancel")

    try:
        await _answer(services, actor, request_id, Action.CANCEL, Cancelled(reason), note, "cancelled")
    except Conflict as refused:
        if refused.code != "cancelled":
            raise


async def hand_over(services: Services, actor: Actor, request_id: str, to: str | None = None) -> None:
    """Give the request to a colleague, or back to everybody: one that rings, or one that was accepted and is not yet
    answered. A draft of the opinion goes with it. Raises Conflict("not-now") during a call and after signing.
    """

    async def reopen(tx: AsyncSession, row: ServiceRequest) -> None:
        _audit(tx, services, actor, row, "consultation.hand-over", to=to)

    async with services.database.reading() as tx:
        case = await find(tx, actor, request_id, Action.HAND_OVER)
        waiting = case.row.stage in WAITING
        if not waiting and case.row.stage != "awaiting-opinion":
            raise Conflict("not-now")
        if to is not None and (to == actor.id or (to, case.row.specialty) not in await specialties_of_specialists(tx)):
            raise Invalid(errors=[FieldError("to", "choice")])
    event: Event = Declined(actor.id, "handed over", to) if waiting else Reopened(actor.id, to)
    await _answer(services, actor, request_id, Action.HAND_OVER, event, None if waiting else reopen, "handed-over")


class _AlreadyTheirs(Exception):
    """The actor holds the request that they want to take."""


async def _answer(
    services: Services,
    actor: Actor,
    request_id: str,
    action: Action,
    event: Event,
    also: Also | None = None,
    what: str = "progress",
    *,
    free: bool = False,
    written: bool = False,
) -> None:
    async def found(tx: AsyncSession) -> ServiceRequest:
        row = await _find(tx, actor, request_id, action)
        if isinstance(event, Accepted) and row.accepted_by == actor.id:
            raise _AlreadyTheirs
        if isinstance(event, Reopened) and row.stage != "awaiting-opinion":
            raise Conflict("not-now")
        if free and actor.id in await in_call(tx):
            raise Conflict("in-call")
        return row

    # These ring nobody, so that nobody's open pages matter: one look less between a click and the call.
    pages = () if isinstance(event, Accepted | AskedMore | Cancelled) else None
    await advance(
        services, request_id, event, actor=actor, find=found, also=also, what=what, written=written, pages=pages
    )  # fmt: skip
    services.paging.wake(request_id)


async def _find(tx: AsyncSession, actor: Actor, request_id: str, action: Action) -> ServiceRequest:
    """The request, for who may do this; and for who was rung for it the reason why they can no longer."""
    try:
        return (await find(tx, actor, request_id, action, lock=True)).row
    except (Unknown, Forbidden):
        row = await tx.get(ServiceRequest, request_id)
        if row is None:
            raise
        if action in (Action.ACCEPT, Action.ANSWER_IN_WRITING) and row.accepted_by == actor.id:
            return row
        rung = select(exists().where(Page.request == request_id, Page.practitioner == actor.id))
        if not actor.has("specialist") or not (await tx.execute(rung)).scalar():
            raise
        if row.accepted_by == actor.id:
            raise
        code = "taken" if row.accepted_by else "cancelled" if row.stage == "cancelled" else "not-yours"
        raise await refusal(tx, row, code, actor) from None


def _checked(text: str, *, may_be_empty: bool = False) -> str:
    text = clean_text(text)
    if len(text) > TEXT_LIMIT or not (text or may_be_empty):
        raise Invalid(errors=[FieldError("text", "too-long" if text else "missing")])
    return text


def _writes(
    services: Services, actor: Actor, kind: str, text: str
) -> Callable[[AsyncSession, ServiceRequest], Awaitable[None]]:
    """Adds the text to the case's messages."""

    async def write(tx: AsyncSession, row: ServiceRequest) -> None:
        if text:
            tx.add(
                Message(
                    id=services.new_id(), request=row.id, author=actor.id, kind=kind, text=text, at=services.clock(),
                    encounter=None, offset_s=None, client_id=None,
                )
            )  # fmt: skip
        _audit(tx, services, actor, row, f"consultation.{kind}")

    return write


def _audit(
    tx: AsyncSession, services: Services, actor: Actor, row: ServiceRequest, action: str, **details: object
) -> None:  # fmt: skip
    audit.record(
        tx, actor=actor, action=action, subject_type="consultation", subject_id=row.id, at=services.clock(),
        id=services.new_id(), details=details,
    )  # fmt: skip
