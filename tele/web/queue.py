"""The coordinators' queue."""

from __future__ import annotations

from tele.domain.access import Action
from tele.services import queue
from tele.services.queue import Queue, QueueContacts
from tele.web.api import Call, Model, route
from tele.web.fields import Id, Text


class Assignment(Model):
    """Whom to ring."""

    practitioner: Id


class CancelReason(Model):
    """Why; the GP reads it."""

    reason: Text


@route("GET", "/api/queue", rule=Action.SEE_QUEUE)
async def get_queue(call: Call) -> Queue:
    """Everyone who waits; never the question or the patient."""
    return await queue.queue(call.services, call.actor)


@route("POST", "/api/queue/{consultation}/assign", rule=Action.ASSIGN)
async def post_assign(call: Call, consultation: str, *, body: Assignment) -> Queue:
    """Have a specialist rung now, or as soon as they can be."""
    await queue.assign(call.services, call.actor, consultation, body.practitioner)
    return await queue.queue(call.services, call.actor)


@route("POST", "/api/queue/{consultation}/cancel", rule=Action.CANCEL_QUEUED)
async def post_cancel_queued(call: Call, consultation: str, *, body: CancelReason) -> Queue:
    """Take a request out of the queue."""
    await queue.cancel_queued(call.services, call.actor, consultation, body.reason)
    return await queue.queue(call.services, call.actor)


@route("GET", "/api/queue/{consultation}/contacts", rule=Action.SEE_CONTACTS)
async def get_contacts(call: Call, consultation: str) -> QueueContacts:
    """Whom to telephone about a waiting request."""
    return await queue.contacts(call.services, call.actor, consultation)
