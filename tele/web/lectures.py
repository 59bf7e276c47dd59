"""Lectures: scheduled, listed, taken live, ended; the calendar and the reminder; who checks in."""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

from aiohttp import web
from pydantic import BaseModel, Field

from tele.domain.access import Action
from tele.domain.lecture import Kind, Scope, Status
from tele.domain.people import Language, Role
from tele.services.lectures import attendance, calendar, deck, reminders, schedule, show
from tele.services.lectures.broadcast import Broadcasts
from tele.services.lectures.schedule import Change, Plan
from tele.services.lectures.views import LecturePage, LectureView, SeriesView
from tele.web.api import TO_ALL, Call, Model, route
from tele.web.fields import Id, Line, Moment, OptionalLine, OptionalText
from tele.web.files import PRIVATE
from tele.web.security import FILE_POLICY
from tele.web.sessions import EDGE

BROADCASTS: web.AppKey[Broadcasts] = web.AppKey("broadcasts", Broadcasts)
Specialty = Annotated[str, Field(min_length=2, max_length=32)]
Ids = Annotated[list[Id], Field(max_length=50)]
Roles = Annotated[list[Role], Field(max_length=6)]
WHEN: dict[str, tuple[Status, ...]] = {
    "live": ("in-progress",),
    "upcoming": ("planned",),
    "past": ("completed", "cancelled"),
}


class NewLecture(Model):
    """A title is enough to go live now."""

    title: Line
    kind: Kind = "lecture"
    summary: OptionalText = None
    specialty: Specialty | None = None
    language: Language | None = None
    place: OptionalLine = None
    series: Id | None = None
    speaker: Id | None = None
    presenters: Ids = Field(default_factory=list)
    starts_at: Moment | None = None
    ends_at: Moment | None = None
    scope: Scope = "consortium"
    organisations: Ids = Field(default_factory=list)
    roles: Roles = Field(default_factory=list)
    cover: Id | None = None
    downloadable: bool = False


class LectureChange(Model):
    """What is to be another; what is left out stays."""

    title: Line | None = None
    kind: Kind | None = None
    summary: OptionalText = None
    specialty: Specialty | None = None
    language: Language | None = None
    place: OptionalLine = None
    series: Id | None = None
    speaker: Id | None = None
    presenters: Ids | None = None
    starts_at: Moment | None = None
    ends_at: Moment | None = None
    scope: Scope | None = None
    organisations: Ids | None = None
    roles: Roles | None = None
    cover: Id | None = None
    downloadable: bool | None = None


_MAY_BE_NONE = {"specialty", "place", "series", "cover"}


class WhichLectures(Model):
    """Which part of the list."""

    when: Literal["live", "upcoming", "past"] = "upcoming"
    series: Id | None = None
    cursor: Annotated[str | None, Field(max_length=200)] = None


class NewSeries(Model):
    """Sessions that belong together."""

    title: Line
    summary: OptionalText = None


class SeriesList(BaseModel):
    """The series, newest first."""

    items: list[SeriesView]


class Agreement(Model):
    """The version of the consent form to which a presenter agrees; needed once a lecture."""

    consent: Annotated[str | None, Field(max_length=32)] = None


class Deck(Model):
    """An uploaded PDF, or nothing."""

    file: Id | None


class Code(BaseModel):
    """What the QR code on the screen says, and for how many seconds."""

    code: str
    seconds: int


class Scanned(Model):
    """What was read from a screen."""

    code: Annotated[str, Field(min_length=1, max_length=100)]


class CheckedIn(BaseModel):
    """How somebody is there now."""

    how: str


class FeedAddress(BaseModel):
    """Where a calendar program finds the reader's lectures."""

    url: str


@route("GET", "/api/lectures", rule=Action.LIST_LECTURES)
async def get_lectures(call: Call, *, query: WhichLectures) -> LecturePage:
    """The lectures to which the caller is invited, or that they present or coordinate."""
    return await show.list_lectures(call.services, call.actor, WHEN[query.when], query.series, query.cursor)


@route("POST", "/api/lectures", rule=Action.SCHEDULE_LECTURE, status=201, idempotent=True)
async def post_lecture(call: Call, *, body: NewLecture) -> LectureView:
    """Plan a lecture; without a time it is now."""
    plan = Plan(**{**dict(body), "summary": body.summary or ""})
    made = await schedule.schedule(call.services, call.actor, plan, call.idempotency_key)
    return await show.view(call.services, call.actor, made)


@route("GET", "/api/lectures/{lecture}", rule=Action.SEE_LECTURE)
async def get_lecture(call: Call, lecture: str) -> LectureView:
    """One lecture."""
    return await show.view(call.services, call.actor, lecture)


@route("PATCH", "/api/lectures/{lecture}", rule=Action.EDIT_LECTURE)
async def patch_lecture(call: Call, lecture: str, *, body: LectureChange) -> LectureView:
    """Change a lecture."""
    values = {
        name: getattr(body, name)
        for name in body.model_fields_set
        if getattr(body, name) is not None or name in _MAY_BE_NONE or name == "summary"
    }
    if "summary" in values:
        values["summary"] = values["summary"] or ""
    await schedule.edit(call.services, call.actor, lecture, Change(values))
    return await show.view(call.services, call.actor, lecture)


@route("POST", "/api/lectures/{lecture}/cancel", rule=Action.CANCEL_LECTURE)
async def post_cancel_lecture(call: Call, lecture: str) -> LectureView:
    """Call a planned lecture off."""
    await schedule.cancel(call.services, call.actor, lecture)
    await call.request.app[BROADCASTS].called_off(lecture)
    return await show.view(call.services, call.actor, lecture)


@route("POST", "/api/lectures/{lecture}/go-live", rule=Action.GO_LIVE)
async def post_go_live(call: Call, lecture: str, *, body: Agreement) -> LectureView:
    """Begin to broadcast."""
    await call.request.app[BROADCASTS].go_live(call.actor, lecture, body.consent)
    return await show.view(call.services, call.actor, lecture)


@route("POST", "/api/lectures/{lecture}/end", rule=Action.END_LECTURE)
async def post_end(call: Call, lecture: str) -> LectureView:
    """End for everybody; the replay is at the same address."""
    await call.request.app[BROADCASTS].end(call.actor, lecture)
    return await show.view(call.services, call.actor, lecture)


@route("PUT", "/api/lectures/{lecture}/deck", rule=Action.EDIT_LECTURE)
async def put_deck(call: Call, lecture: str, *, body: Deck) -> LectureView:
    """Put slides beside the lecture, or take them away."""
    await schedule.put_deck(call.services, call.actor, lecture, body.file)
    return await show.view(call.services, call.actor, lecture)


@route("GET", "/api/lectures/{lecture}/cover", rule=Action.SEE_LECTURE, reply=None)
async def get_cover(call: Call, lecture: str) -> web.Response:
    """The cover picture."""
    media_type, picture = await deck.cover(call.services, call.actor, lecture)
    return _picture(call, media_type, picture)


@route("GET", "/api/lectures/{lecture}/slides/{file}/{page}", rule=Action.SEE_LECTURE, reply=None)
async def get_slide(call: Call, lecture: str, file: str, page: str) -> web.Response:
    """One page of the slides, counted from 1."""
    number = int(page) if page.isascii() and page.isdigit() and len(page) < 5 else 0
    return _picture(call, "image/webp", await deck.page(call.services, call.actor, lecture, file, number))


@route("PUT", "/api/lectures/{lecture}/reminder", rule=Action.SEE_LECTURE)
async def put_reminder(call: Call, lecture: str) -> None:
    """Ask to be reminded a quarter of an hour before."""
    await reminders.remind(call.services, call.actor, lecture, True)


@route("DELETE", "/api/lectures/{lecture}/reminder", rule=Action.SEE_LECTURE)
async def delete_reminder(call: Call, lecture: str) -> None:
    """Ask not to be reminded after all."""
    await reminders.remind(call.services, call.actor, lecture, False)


@route("GET", "/api/lectures/{lecture}/check-in-code", rule=Action.CHECK_IN)
async def get_code(call: Call, lecture: str) -> Code:
    """The code to show as a QR code now: to the hall, or to those round one's own screen."""
    code, seconds = await attendance.code(call.services, call.actor, lecture)
    return Code(code=code, seconds=seconds)


@route("POST", "/api/lectures/{lecture}/check-ins", rule=Action.CHECK_IN)
async def post_check_in(call: Call, lecture: str, *, body: Scanned) -> CheckedIn:
    """Check in with a code that somebody shows."""
    return CheckedIn(how=await attendance.scan(call.services, call.actor, lecture, body.code))


@route("GET", "/api/lectures/{lecture}/calendar.ics", rule=Action.SEE_LECTURE)
async def get_calendar(call: Call, lecture: str) -> web.Response:
    """One lecture to put into a calendar (RFC 5545)."""
    address = call.request.app[EDGE].origin(call.request)
    return _calendar(await calendar.one(call.services, call.actor, lecture, address))


@route("GET", "/api/lecture-series", rule=Action.LIST_LECTURES)
async def get_series(call: Call) -> SeriesList:
    """The series."""
    return SeriesList(items=await show.list_series(call.services, call.actor))


@route("POST", "/api/lecture-series", rule=Action.SCHEDULE_LECTURE, status=201)
async def post_series(call: Call, *, body: NewSeries) -> SeriesList:
    """Begin a series."""
    await schedule.make_series(call.services, call.actor, body.title, body.summary or "")
    return SeriesList(items=await show.list_series(call.services, call.actor))


@route("GET", "/api/calendar-feed", rule=Action.LIST_LECTURES)
async def get_feed_address(call: Call) -> FeedAddress:
    """The address of the caller's calendar of lectures."""
    return _address(call, await calendar.feed_of(call.services, call.actor))


@route("POST", "/api/calendar-feed", rule=Action.LIST_LECTURES)
async def post_feed_address(call: Call) -> FeedAddress:
    """A new address; the old one ends."""
    return _address(call, await calendar.feed_of(call.services, call.actor, fresh=True))


@route("GET", "/calendar/{feed}.ics", rule=TO_ALL)
async def get_feed(call: Call, feed: str) -> web.Response:
    """Somebody's lectures, as calendar programs read them; the address is the secret."""
    return _calendar(await calendar.feed(call.services, feed, call.request.app[EDGE].origin(call.request)))


def _picture(call: Call, media_type: str, picture: bytes) -> web.Response:
    etag = f'"{hashlib.sha256(picture).hexdigest()[:32]}"'
    headers = {"Content-Security-Policy": FILE_POLICY, "Cache-Control": PRIVATE, "ETag": etag}
    if call.request.headers.get("If-None-Match") == etag:
        return web.Response(status=304, headers=headers)
    return web.Response(body=picture, content_type=media_type, headers=headers)


def _address(call: Call, feed: str) -> FeedAddress:
    return FeedAddress(url=f"{call.request.app[EDGE].origin(call.request)}/calendar/{feed}.ics")


def _calendar(content: bytes) -> web.Response:
    headers = {"Cache-Control": "no-store"}
    return web.Response(body=content, content_type="text/calendar", charset="utf-8", headers=headers)
