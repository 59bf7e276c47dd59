"""Signing in, knowing who one is, signing out."""

from __future__ import annotations

from typing import Annotated

from aiohttp import web
from pydantic import Field, StringConstraints

from tele.domain.access import Action
from tele.domain.people import Language
from tele.services import accounts, sign_in
from tele.services.passwords import MAX_LENGTH
from tele.services.people import Me, me
from tele.web.api import TO_ALL, Call, Model, NoReply, route
from tele.web.sessions import EDGE, clear_cookie, set_cookie


class Credentials(Model):
    """Who wants to sign in. The password is taken exactly as it was typed."""

    username: Annotated[str, Field(min_length=1, max_length=64)]
    password: Annotated[str, StringConstraints(min_length=1, max_length=MAX_LENGTH, strip_whitespace=False)]


class LanguageChoice(Model):
    """The language of one's own pages."""

    language: Language


class SignOut(Model):
    """`everywhere=1` ends all of one's sessions."""

    everywhere: bool = False


@route("POST", "/api/session", rule=TO_ALL, reply=Me)
async def post_session(call: Call, *, body: Credentials) -> web.Response:
    """Sign in: sets the session cookie."""
    edge, request = call.request.app[EDGE], call.request
    agent = request.headers.get("User-Agent", "")
    token, actor = await sign_in.sign_in(call.services, body.username, body.password, edge.address(request), agent)
    reply = await me(call.services, actor)
    response = web.json_response(text=reply.model_dump_json(), headers={"Cache-Control": "no-store"})
    set_cookie(edge, response, token, int(call.services.limits.session_absolute.total_seconds()))
    return response


@route("GET", "/api/session", rule=Action.OWN_SESSION)
async def get_session(call: Call) -> Me:
    """Who am I?"""
    return await me(call.services, call.actor)


@route("DELETE", "/api/session", rule=Action.OWN_SESSION, reply=NoReply, status=204)
async def delete_session(call: Call, *, query: SignOut) -> web.Response:
    """Sign out, here or everywhere."""
    await sign_in.sign_out(call.services, call.actor, query.everywhere)
    # Drafts and cached pages of a shared machine go with the session (W3C Clear Site Data §3.1).
    response = web.Response(status=204, headers={"Clear-Site-Data": '"cache"'})
    clear_cookie(call.request.app[EDGE], response)
    return response


@route("PUT", "/api/session/language", rule=Action.OWN_SESSION)
async def put_language(call: Call, *, body: LanguageChoice) -> None:
    """Choose the language of one's own pages, mails and problems."""
    await accounts.set_language(call.services, call.actor, body.language)
