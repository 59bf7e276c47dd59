"""Leave for each request below /media: given from memory, looked up together for all who need it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from typing import Any, Final

import structlog
from aiohttp import web

from tele.domain.access import Action
from tele.domain.refusals import Forbidden, SignedOut, Unavailable, Unknown
from tele.services import viewing
from tele.services.context import Services
from tele.services.leave import MAX_AGE, MOST, SHARED_FOR, Granted, Key, Leaves
from tele.services.notify import Notifier, SessionWatch
from tele.services.sign_in import hash_token
from tele.web.api import denied
from tele.web.edge import Edge
from tele.web.sessions import token_of

log = structlog.get_logger(__name__)

RENEW_EVERY: Final = MAX_AGE / 2
"""Seconds between two looks at everybody who watches: a look may take as long again before anyone waits for it."""
ATTEMPTS: Final = 3
"""Looks that one request waits for: one that took too long tells of a moment that has passed."""

Look = Callable[[Collection[Key], Collection[Key]], Awaitable[dict[Key, viewing.Answer]]]


class MediaLeave:
    """Who may fetch files of recordings: asked for each file, so that a revoked session ends a replay too.

    All looks at the rows are made by `run`, one after another, each for all who wait at its beginning: a thousand
    viewers cost a few queries each 0.4 s, and no request of theirs waits for them.
    """

    def __init__(self, look: Look, edge: Edge, clock: Callable[[], float] = time.monotonic) -> None:
        self.leaves = Leaves()
        self.looks = 0
        self._look = look
        self._edge = edge
        self._clock = clock
        self._waiting: dict[Key, asyncio.Future[viewing.Answer]] = {}
        self._woken = asyncio.Event()
        # What a Cookie header says: viewers repeat theirs ten times a second.
        self._callers: dict[str, str] = {}

    @classmethod
    def of(cls, services: Services, edge: Edge) -> MediaLeave:
        """With the rows of these services."""
        return cls(lambda keys, begun: viewing.look(services, keys, begun), edge)

    async def authorise(self, request: web.Request, recording: str, *, ahead: float = 0.0) -> None:
        """Return when this request may be answered, and those of the `ahead` seconds to come. Raises SignedOut,
        Unknown, Unavailable when the rows cannot be read in time."""
        key = self._key(request, recording)
        if key is None:
            raise SignedOut
        for _ in range(ATTEMPTS):
            if self.leaves.holds(key, self._clock(), ahead):
                return
            asked = self._clock()
            answer = await self._wait(key)
            if answer is None:
                raise SignedOut
            if isinstance(answer, Action):
                raise denied(answer)
            if answer.still(self._clock() - asked, ahead):
                return  # the look began after this request did
        raise Unavailable("rows-away")

    def shares(self, request: web.Request, recording: str) -> bool:
        """Whether a cache in front may keep the answer to a request that was given leave."""
        key = self._key(request, recording)
        return key is not None and self.leaves.shares(key)

    async def answer(self, request: web.Request) -> web.Response:
        """`GET /media/{recording}/leave`, for a cache that asks before it answers (nginx: auth_request), and may let
        what it hears stand for SHARED_FOR: 204, 401 or 403, the statuses that it knows."""
        try:
            await self.authorise(request, request.match_info["recording"], ahead=SHARED_FOR)
        except SignedOut:
            return web.Response(status=401)
        except (Unknown, Forbidden):
            return web.Response(status=403)
        return web.Response(status=204)

    def routes(self) -> list[web.RouteDef]:
        """What a cache in front asks. Register it before the files."""
        return [web.get("/media/{recording}/leave", self.answer, allow_head=False)]

    async def run(self) -> None:
        """Look for those who wait, and now and then at all who watch."""
        renewed = self._clock()
        while True:
            try:
                async with asyncio.timeout(max(0.0, renewed + RENEW_EVERY - self._clock())):
                    await self._woken.wait()
            except TimeoutError:
                pass  # nobody waits: time to look at those who watch
            self._woken.clear()
            now = self._clock()
            waiting, self._waiting = self._waiting, {}
            keys = set(waiting)
            if now - renewed >= RENEW_EVERY:
                keys.update(self.leaves.due(now))
                renewed = now
            if keys:
                await self._look_at(keys, waiting)

    def changed(self, *about: str) -> None:
        """Something was committed about a person, a session, a consultation or a lecture: look again before the next
        answer. What changes on another node is seen within the age that leave may have."""
        now = self._clock()
        for each in about:
            self.leaves.forget(each, now)

    def _key(self, request: web.Request, recording: str) -> Key | None:
        header = request.headers.get("Cookie", "")
        whose = self._callers.get(header)
        if whose is None:
            token = token_of(self._edge, request)
            if token is None:
                return None
            if len(self._callers) >= MOST:
                self._callers.pop(next(iter(self._callers)))
            whose = self._callers[header] = hash_token(token)
        return (whose, recording)

    async def _wait(self, key: Key) -> viewing.Answer:
        waiting = self._waiting.get(key)
        if waiting is None:
            waiting = self._waiting[key] = asyncio.get_running_loop().create_future()
            self._woken.set()
        return await asyncio.shield(waiting)  # others may wait for the same

    async def _look_at(self, keys: set[Key], waiting: dict[Key, asyncio.Future[viewing.Answer]]) -> None:
        looked = self._clock()
        begun = [key for key in waiting if not self.leaves.is_viewing(key, looked)]
        self.looks += 1
        try:
            answers = await self._look(keys, begun)
        except Exception as error:
            log.exception("media.leave_not_looked_up", keys=len(keys))
            for future in waiting.values():
                failed = Unavailable("rows-away")
                failed.__cause__ = error
                future.set_exception(failed)
                future.exception()  # whoever waited may have gone
            return
        except asyncio.CancelledError:
            for future in waiting.values():
                future.cancel()
            raise
        for key, answer in answers.items():
            if isinstance(answer, Granted):
                self.leaves.keep(key, answer, looked, self._clock())
            else:
                self.leaves.refuse(key)
            if key in waiting:
                waiting[key].set_result(answer)


class Overheard:
    """Notifier and SessionWatch that pass everything on, and have leave forgotten where it may have changed."""

    def __init__(self, notifier: Notifier, watch: SessionWatch, changed: Callable[..., None]) -> None:
        self._notifier, self._watch, self._changed = notifier, watch, changed

    async def practitioner(self, practitioner_id: str, event: str, payload: dict[str, Any]) -> None:
        """Passed on."""
        await self._notifier.practitioner(practitioner_id, event, payload)

    async def coordinators(self, organisation_id: str, event: str, payload: dict[str, Any]) -> None:
        """Passed on."""
        await self._notifier.coordinators(organisation_id, event, payload)

    async def consultation(self, consultation_id: str, event: str, payload: dict[str, Any]) -> None:
        """A case changed: its viewers, its consents, its recording."""
        self._changed(consultation_id)
        await self._notifier.consultation(consultation_id, event, payload)

    async def lecture(self, lecture_id: str, event: str, payload: dict[str, Any]) -> None:
        """A lecture changed: its audience, its presenters, or it was called off."""
        self._changed(lecture_id)
        await self._notifier.lecture(lecture_id, event, payload)

    async def ended(self, practitioner_id: str, session_ids: Collection[str] | None, reason: str) -> None:
        """Somebody signed out, or was shut out."""
        self._changed(*([practitioner_id] if session_ids is None else session_ids))
        await self._watch.ended(practitioner_id, session_ids, reason)
