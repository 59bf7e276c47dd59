"""Answers to a ring, and what the GP says while a request waits."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tele.domain.access import Action
from tele.services import answer_page
from tele.services.view_consultation import view
from tele.services.views import ConsultationView
from tele.web.api import Call, Model, route
from tele.web.fields import Id, OptionalText, Text


class Reason(Model):
    """Why; may be left out."""

    reason: Annotated[OptionalText, Field(description="At most 500 characters are kept.")] = None


class Question(Model):
    """What the specialist wants to know or see first."""

    text: Text


class Reply(Model):
    """What was asked for: a text, uploaded files, or both."""

    text: OptionalText = None
    files: Annotated[list[Id], Field(max_length=100, default_factory=list)]


class HandOver(Model):
    """To whom; left out, to whoever is on call."""

    to: Id | None = None


@route("POST", "/api/consultations/{consultation}/accept", rule=Action.ACCEPT)
async def post_accept(call: Call, consultation: str) -> ConsultationView:
    """Take the request and open the call; 409 `taken` names who was quicker."""
    await answer_page.accept(call.services, call.actor, consultation)
    return await view(call.services, call.actor, consultation)


@route("POST", "/api/consultations/{consultation}/answer-in-writing", rule=Action.ANSWER_IN_WRITING)
async def post_answer_in_writing(call: Call, consultation: str) -> ConsultationView:
    """Take a routine request and answer it without a call."""
    await answer_page.answer_in_writing(call.services, call.actor, consultation)
    return await view(call.services, call.actor, consultation)


@route("POST", "/api/consultations/{consultation}/decline", rule=Action.DECLINE)
async def post_decline(call: Call, consultation: str, *, body: Reason) -> None:
    """Leave the request to the next specialist."""
    await answer_page.decline(call.services, call.actor, consultation, body.reason or "")


@route("POST", "/api/consultations/{consultation}/snooze", rule=Action.SNOOZE)
async def post_snooze(call: Call, consultation: str) -> None:
    """Be rung again in ten minutes."""
    await answer_page.snooze(call.services, call.actor, consultation)


@route("POST", "/api/consultations/{consultation}/ask-more", rule=Action.ASK_MORE)
async def post_ask_more(call: Call, consultation: str, *, body: Question) -> ConsultationView:
    """Ask the GP for something first."""
    await answer_page.ask_more(call.services, call.actor, consultation, body.text)
    return await view(call.services, call.actor, consultation)


@route("POST", "/api/consultations/{consultation}/reply", rule=Action.REPLY)
async def post_reply(call: Call, consultation: str, *, body: Reply) -> ConsultationView:
    """Give what was asked for: the request rings again."""
    await answer_page.reply(call.services, call.actor, consultation, body.text or "", body.files)
    return await view(call.services, call.actor, consultation)


@route("POST", "/api/consultations/{consultation}/ring-again", rule=Action.RING_AGAIN)
async def post_ring_again(call: Call, consultation: str) -> ConsultationView:
    """Ring those who let it ring once more."""
    await answer_page.ring_again(call.services, call.actor, consultation)
    return await view(call.services, call.actor, consultation)


@route("POST", "/api/consultations/{consultation}/cancel", rule=Action.CANCEL)
async def post_cancel(call: Call, consultation: str, *, body: Reason) -> ConsultationView:
    """Take the request back."""
    await answer_page.cancel(call.services, call.actor, consultation, body.reason or "")
    return await view(call.services, call.actor, consultation)


@route("POST", "/api/consultations/{consultation}/hand-over", rule=Action.HAND_OVER)
async def post_hand_over(call: Call, consultation: str, *, body: HandOver) -> None:
    """Give the request to a colleague, or back to everybody on call."""
    await answer_page.hand_over(call.services, call.actor, consultation, body.to)
