"""The pages that watch lectures on this node: who watches what, and the floor told to them as it changes.

Thousands may watch one lecture, so nothing is told to each of them alone: what changes beside the picture is gathered
and told to all readers of one language at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import structlog

from signaling import messages
from signaling.heads import Heads
from signaling.ports import Json, SocketError
from tele.domain.access import Actor
from tele.domain.people import LANGUAGES
from tele.domain.refusals import Unknown
from tele.services.tasks import Tasks

log = structlog.get_logger(__name__)

FLOOR_EVERY = 0.5
"""Seconds for which changes are gathered before all pages are told."""
COUNT_EVERY = 5.0
"""Seconds between two tellings of how many watch."""
WATCHED = 8
"""Lectures that one page may watch at a time."""


class Audience(Protocol):
    """What the services know of a lecture's audience."""

    async def came(self, actor: Actor, lecture: str) -> tuple[str, bool]:
        """Somebody begins to watch: the language in which they read, and whether they host. Raises Unknown."""

    async def floor(self, lecture: str, language: str) -> Json:
        """What everybody sees beside the picture."""

    async def hands(self, lecture: str, language: str) -> Json:
        """What hosts see besides."""


class Groups(Protocol):
    """Sockets, as far as audiences use them."""

    async def listen(self, sid: str, group: str) -> None:
        """From now on this connection hears the group."""

    async def unlisten(self, sid: str, group: str) -> None:
        """It hears it no longer."""

    async def to_group(self, group: str, event: str, payload: Json) -> None:
        """To all connections of a group, on any node."""


class Lectures:
    """Implements `LiveLectures` of the services; its handlers are those of the `lecture.…` messages."""

    def __init__(
        self, *, groups: Groups, heads: Heads, tasks: Tasks, remind: Callable[[], None], deck: Callable[[], None]
    ) -> None:
        self._groups = groups
        self._heads = heads
        self._tasks = tasks
        self.remind = remind
        self.deck = deck
        self._watchers: dict[str, dict[str, tuple[str, ...]]] = {}
        """Lecture → connection → the groups that it hears."""
        self._changed: set[str] = set()
        self._woken = asyncio.Event()
        self._elsewhere: dict[str, int] = {}
        self._counted: dict[str, int] = {}
        self._pictures: dict[str, str] = {}
        self._devices: dict[str, list[Json]] = {}
        self.handlers: dict[str, Callable[[Actor, str, Any], Awaitable[Json]]] = {
            "lecture.watch": self.watch,
            "lecture.unwatch": lambda _, sid, message: self.unwatch(sid, message),
        }

    def start(self, audience: Audience) -> None:
        """Begin to listen and to tell; the audience's rows come from services that know this object themselves."""
        self._audience = audience
        self._tasks.spawn(self._tell_floors(), "floors")
        self._tasks.spawn(self._tell_counts(), "watching")

    # ------------------------------------------------------------------ what pages ask for

    async def watch(self, actor: Actor, sid: str, message: messages.LectureWatch) -> Json:
        """Hear of a lecture from now on; who is invited and it is live was there."""
        lecture = message.lecture
        if sum(sid in each for each in self._watchers.values()) >= WATCHED:
            raise SocketError("too-many", "this page watches enough lectures")
        try:
            language, hosts = await self._audience.came(actor, lecture)
        except Unknown:
            raise SocketError("not-found", "there is no such lecture") from None
        groups: tuple[str, ...] = (f"lecture:{lecture}", f"lecture:{lecture}:{language}")
        if hosts:
            groups += (f"lecture:{lecture}:hosts:{language}",)
        for group in groups:
            await self._groups.listen(sid, group)
        self._watchers.setdefault(lecture, {})[sid] = groups
        return {"watching": self.watching(lecture), "picture": self._pictures.get(lecture, "on")}

    async def unwatch(self, sid: str, message: messages.LectureUnwatch) -> Json:
        """Hear of it no more."""
        for group in self._forget(sid, message.lecture):
            await self._groups.unlisten(sid, group)
        return {}

    def disconnected(self, sid: str) -> None:
        """A connection ended; its groups end with it."""
        for lecture in list(self._watchers):
            self._forget(sid, lecture)

    # ------------------------------------------------------------------ LiveLectures

    def watching(self, lecture_id: str) -> int:
        """How many pages watch it; those on other nodes as of some seconds ago."""
        return len(self._watchers.get(lecture_id, ())) + self._elsewhere.get(lecture_id, 0)

    def floor(self, lecture_id: str) -> None:
        """Something beside the picture changed."""
        self._changed.add(lecture_id)
        self._woken.set()

    # ------------------------------------------------------------------ what rooms say

    async def picture(self, lecture_id: str, state: str) -> None:
        """Whether a presenter's picture or sound comes in now: `on`, or `away` while their line is lost."""
        if self._pictures.get(lecture_id, "on") == state:
            return
        if state == "on":
            self._pictures.pop(lecture_id, None)
        else:
            self._pictures[lecture_id] = state
        told = {"lecture": lecture_id, "state": state}
        await self._groups.to_group(f"lecture:{lecture_id}", "lecture.picture", told)

    async def tracks(self, lecture_id: str) -> None:
        """The recording has a track more, or one that ended: players look at it again."""
        told = {"id": lecture_id, "version": None, "what": "tracks"}
        await self._groups.to_group(f"lecture:{lecture_id}", "lecture", told)

    async def devices(self, lecture_id: str, devices: list[Json]) -> None:
        """Which encoders are connected; told to hosts alone, and only what is new."""
        if self._devices.get(lecture_id, []) == devices:
            return
        if devices:
            self._devices[lecture_id] = devices
        else:
            del self._devices[lecture_id]
        told = {"lecture": lecture_id, "devices": devices}
        for language in LANGUAGES:
            await self._groups.to_group(f"lecture:{lecture_id}:hosts:{language}", "lecture.devices", told)

    # ------------------------------------------------------------------ inside

    def _forget(self, sid: str, lecture: str) -> tuple[str, ...]:
        watchers = self._watchers.get(lecture, {})
        groups = watchers.pop(sid, ())
        if not watchers:
            self._watchers.pop(lecture, None)
        return groups

    async def _tell_floors(self) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            changed, self._changed = self._changed, set()
            for lecture in changed:
                try:
                    await self._tell_floor(lecture)
                except Exception:
                    log.exception("lectures.floor_not_told", lecture=lecture)
            await asyncio.sleep(FLOOR_EVERY)

    async def _tell_floor(self, lecture: str) -> None:
        for language in LANGUAGES:  # readers of each may be on other nodes
            group = f"lecture:{lecture}:{language}"
            await self._groups.to_group(group, "lecture.floor", await self._audience.floor(lecture, language))
            hosts = f"lecture:{lecture}:hosts:{language}"
            await self._groups.to_group(hosts, "lecture.hands", await self._audience.hands(lecture, language))

    async def _tell_counts(self) -> None:
        while True:
            await asyncio.sleep(COUNT_EVERY)
            here = {lecture: len(watchers) for lecture, watchers in self._watchers.items()}
            self._elsewhere = await self._heads.elsewhere(here)
            for lecture in list(self._watchers.keys() | self._counted.keys()):
                now = self.watching(lecture)
                if now == self._counted.get(lecture, 0):
                    continue
                self._counted[lecture] = now
                if not now:
                    del self._counted[lecture]
                told = {"lecture": lecture, "watching": now}
                await self._groups.to_group(f"lecture:{lecture}", "lecture.watching", told)
