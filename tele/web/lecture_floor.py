"""Beside the picture of a lecture: questions, polls, chat, hands, slides."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from tele.domain.access import Action
from tele.domain.lecture_floor import OPTIONS, Hand
from tele.services.lectures import chat, floor, hands, polls, questions
from tele.services.lectures.views import LineView, OwnFloorView
from tele.web.api import Call, Model, route
from tele.web.fields import ClientId, Id, Line, OptionalText, Text
from tele.web.lectures import BROADCASTS
from tele.web.roster import Made

Short = Annotated[Text, Field(max_length=1000)]


class Said(Model):
    """A question or a line of chat; `client_id` makes a repeated one the same."""

    text: Short
    client_id: ClientId


class Settled(Model):
    """What a host makes of a question."""

    state: Literal["open", "answered", "hidden"]
    reply: OptionalText = None


class NewPoll(Model):
    """A poll, or with the right option a quiz."""

    text: Short
    options: Annotated[list[Line], Field(min_length=2, max_length=OPTIONS)]
    correct: Annotated[int | None, Field(ge=0, lt=OPTIONS)] = None


class PollTurn(Model):
    """Open a draft, or close what is open."""

    state: Literal["open", "closed"]


class Choice(Model):
    """Which option, counted from 0."""

    option: Annotated[int, Field(ge=0, lt=OPTIONS)]


class OwnHand(Model):
    """What one does with one's own hand; accepting the stage needs the consent form's version, once."""

    do: Literal["raise", "lower", "accept", "refuse", "leave"]
    consent: Annotated[str | None, Field(max_length=32)] = None


class OthersHand(Model):
    """What a host does with a hand."""

    person: Id
    do: Literal["invite", "dismiss"]


class HandNow(BaseModel):
    """Where the hand is."""

    state: Hand


class Slide(Model):
    """Which page is shown, from 1; none: the slides are away."""

    page: Annotated[int | None, Field(ge=1, le=2000)]


@route("GET", "/api/lectures/{lecture}/floor", rule=Action.SEE_LECTURE)
async def get_floor(call: Call, lecture: str) -> OwnFloorView:
    """Everything beside the picture; what changes afterwards comes by socket."""
    return await floor.floor(call.services, call.actor, lecture)


@route("POST", "/api/lectures/{lecture}/questions", rule=Action.TAKE_PART, status=201)
async def post_question(call: Call, lecture: str, *, body: Said) -> Made:
    """Ask a question."""
    return Made(id=await questions.ask(call.services, call.actor, lecture, body.text, body.client_id))


@route("PATCH", "/api/lectures/{lecture}/questions/{question}", rule=Action.MODERATE)
async def patch_question(call: Call, lecture: str, question: str, *, body: Settled) -> None:
    """Mark a question answered, open again, or hidden."""
    await questions.settle(call.services, call.actor, lecture, question, body.state, body.reply)


@route("PUT", "/api/lectures/{lecture}/questions/{question}/vote", rule=Action.TAKE_PART)
async def put_vote(call: Call, lecture: str, question: str) -> None:
    """Give one's voice to a question."""
    await questions.vote(call.services, call.actor, lecture, question, True)


@route("DELETE", "/api/lectures/{lecture}/questions/{question}/vote", rule=Action.TAKE_PART)
async def delete_vote(call: Call, lecture: str, question: str) -> None:
    """Take one's voice back."""
    await questions.vote(call.services, call.actor, lecture, question, False)


@route("POST", "/api/lectures/{lecture}/polls", rule=Action.EDIT_LECTURE, status=201)
async def post_poll(call: Call, lecture: str, *, body: NewPoll) -> Made:
    """Prepare a poll or a quiz."""
    made = await polls.prepare(call.services, call.actor, lecture, body.text, body.options, body.correct)
    return Made(id=made)


@route("PATCH", "/api/lectures/{lecture}/polls/{poll}", rule=Action.MODERATE)
async def patch_poll(call: Call, lecture: str, poll: str, *, body: PollTurn) -> None:
    """Open or close a poll."""
    await polls.turn(call.services, call.actor, lecture, poll, body.state)


@route("DELETE", "/api/lectures/{lecture}/polls/{poll}", rule=Action.EDIT_LECTURE)
async def delete_poll(call: Call, lecture: str, poll: str) -> None:
    """Throw a draft away."""
    await polls.discard(call.services, call.actor, lecture, poll)


@route("PUT", "/api/lectures/{lecture}/polls/{poll}/answer", rule=Action.TAKE_PART)
async def put_answer(call: Call, lecture: str, poll: str, *, body: Choice) -> None:
    """Choose an option; the last choice counts."""
    await polls.answer(call.services, call.actor, lecture, poll, body.option)


@route("POST", "/api/lectures/{lecture}/chat", rule=Action.TAKE_PART, status=201)
async def post_line(call: Call, lecture: str, *, body: Said) -> LineView:
    """Write a line of chat."""
    return await chat.say(call.services, call.actor, lecture, body.text, body.client_id)


@route("DELETE", "/api/lectures/{lecture}/chat/{line}", rule=Action.MODERATE)
async def delete_line(call: Call, lecture: str, line: str) -> None:
    """Take a line down."""
    await chat.take_down(call.services, call.actor, lecture, line)


@route("POST", "/api/lectures/{lecture}/hand", rule=Action.TAKE_PART)
async def post_hand(call: Call, lecture: str, *, body: OwnHand) -> HandNow:
    """Raise one's hand, lower it, come onto the stage, go down again."""
    broadcasts = call.request.app[BROADCASTS]
    state = await hands.move(call.services, broadcasts, call.actor, lecture, body.do, consent=body.consent)
    return HandNow(state=state)


@route("POST", "/api/lectures/{lecture}/hands", rule=Action.MODERATE)
async def post_hands(call: Call, lecture: str, *, body: OthersHand) -> HandNow:
    """Invite somebody onto the stage, or send them down."""
    broadcasts = call.request.app[BROADCASTS]
    state = await hands.move(call.services, broadcasts, call.actor, lecture, body.do, person=body.person)
    return HandNow(state=state)


@route("PUT", "/api/lectures/{lecture}/slide", rule=Action.PRESENT)
async def put_slide(call: Call, lecture: str, *, body: Slide) -> None:
    """Turn to a page of the slides."""
    await floor.show_slide(call.services, call.actor, lecture, body.page)
