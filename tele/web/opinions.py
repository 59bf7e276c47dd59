"""The opinion: draft, signature, addenda, and the sheet to print."""

from __future__ import annotations

from typing import Annotated

from aiohttp import web
from pydantic import BeforeValidator

from tele.domain.access import Action
from tele.domain.opinion import NextStep
from tele.services import opinions
from tele.services.opinion_pdf import opinion_pdf
from tele.services.view_consultation import view
from tele.services.views import ConsultationView
from tele.web.api import Call, Model, route
from tele.web.fields import LongText, Text
from tele.web.security import PDF_POLICY


class OpinionBody(Model):
    """The three fields, as far as they are written."""

    assessment: LongText = ""
    advice: LongText = ""
    next_step: Annotated[NextStep | None, BeforeValidator(lambda value: value or None)] = None

    def written(self) -> opinions.Written:
        """As the service takes it."""
        return opinions.Written(self.assessment, self.advice, self.next_step)


class AddendumBody(Model):
    """What is added to a signed opinion."""

    text: Text


@route("PUT", "/api/consultations/{consultation}/opinion", rule=Action.WRITE_OPINION)
async def put_opinion(call: Call, consultation: str, *, body: OpinionBody) -> ConsultationView:
    """Keep the draft; nobody else sees it."""
    await opinions.save_draft(call.services, call.actor, consultation, body.written())
    return await view(call.services, call.actor, consultation)


@route("POST", "/api/consultations/{consultation}/opinion/sign", rule=Action.SIGN)
async def post_signature(call: Call, consultation: str, *, body: OpinionBody) -> ConsultationView:
    """Sign the opinion; from now on it changes by addendum alone."""
    await opinions.sign(call.services, call.actor, consultation, body.written())
    return await view(call.services, call.actor, consultation)


@route("POST", "/api/consultations/{consultation}/opinion/addenda", rule=Action.ADD_ADDENDUM)
async def post_addendum(call: Call, consultation: str, *, body: AddendumBody) -> ConsultationView:
    """Add to a signed opinion."""
    await opinions.add_addendum(call.services, call.actor, consultation, body.text)
    return await view(call.services, call.actor, consultation)


@route("GET", "/api/consultations/{consultation}/opinion.pdf", rule=Action.SEE_OPINION)
async def get_opinion_pdf(call: Call, consultation: str) -> web.Response:
    """The signed opinion as a sheet to print."""
    content = await opinion_pdf(call.services, call.actor, consultation)
    headers = {
        "Content-Disposition": 'inline; filename="opinion.pdf"',
        "Content-Security-Policy": PDF_POLICY,
        "Cache-Control": "private, no-store",
    }
    return web.Response(body=content, content_type="application/pdf", headers=headers)
