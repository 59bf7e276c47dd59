"""The media nodes as one: each room lives on one of them, chosen by its id, so that every restart finds it again."""

from __future__ import annotations

import asyncio
import functools
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from tele.link import LocalNode, Message, RemoteNode
from tele.process import socket_path
from tele.services.tasks import Tasks
from tele.settings import Settings

if TYPE_CHECKING:
    from tele.media_node import MediaNode

log = structlog.get_logger(__name__)

EVENTS_WAITING = 50_000
"""Events that may wait to be told to browsers; beyond it something is badly wrong, and the newest are dropped."""

OnEvent = Callable[[Message], Awaitable[None]]
OnUp = Callable[[Message, Callable[[str], bool]], Awaitable[None]]


class MediaPool:
    """Implements signaling's `Media` over workers in other processes, or over one node in this process."""

    def __init__(self, settings: Settings, tasks: Tasks, run_dir: str | None) -> None:
        self._settings = settings
        self._tasks = tasks
        self._events: asyncio.Queue[Message] = asyncio.Queue(EVENTS_WAITING)
        self._local: MediaNode | None = None
        self._nodes: list[RemoteNode | LocalNode] = []
        self._on_event: OnEvent | None = None
        self._on_up: OnUp | None = None
        if settings.media.workers == 0 or run_dir is None:
            from tele.media_node import MediaNode  # a third of a second that a front with workers need not spend

            self._local = MediaNode(settings, 0, self._hear)
            self._nodes.append(LocalNode(self._local))
        else:
            for number in range(settings.media.workers):
                path: Path = socket_path(run_dir, number)
                self._nodes.append(RemoteNode(path, self._hear, functools.partial(self._greet, number)))

    async def start(self, on_event: OnEvent, on_up: OnUp) -> None:
        """Connect; `on_up(snapshot, belongs)` is called for each worker whenever it is there (again)."""
        self._on_event, self._on_up = on_event, on_up
        self._tasks.spawn(self._tell_events(), "media-events")
        if self._local is not None:
            await self._local.start()
            await self._greet(0)
        for node in self._nodes:
            if isinstance(node, RemoteNode):
                self._tasks.spawn(node.run(), "media-link")

    async def stop(self) -> None:
        """End the node of this process; workers are the supervisor's to end."""
        if self._local is not None:
            await self._local.stop()

    @property
    def up(self) -> bool:
        """Whether every worker is there."""
        return all(node.up for node in self._nodes)

    async def call(self, room: str, name: str, **arguments: Any) -> Message:
        """A command about a room, to the node that has it. Raises LinkDown or CallFailed."""
        return await self._nodes[self._place(room)].call(name, {"room": room, **arguments})

    async def stats(self) -> list[Message]:
        """Counters of each worker that is there, for the metrics."""
        return [await node.call("stats", {}) for node in self._nodes if node.up]

    async def line_checks(self) -> list[Message]:
        """Where each worker that is there is reached, with credentials to try it."""
        return [await node.call("line_check", {}) for node in self._nodes if node.up]

    def _place(self, room: str) -> int:
        return zlib.crc32(room.encode()) % len(self._nodes)

    async def _greet(self, number: int) -> None:
        snapshot = await self._nodes[number].call("snapshot", {})
        if self._on_up is not None:
            await self._on_up(snapshot, lambda room: self._place(room) == number)

    def _hear(self, event: Message) -> None:
        try:
            self._events.put_nowait(event)
        except asyncio.QueueFull:
            log.error("media.events_dropped", media_event=event.get("event"))

    async def _tell_events(self) -> None:
        while True:
            event = await self._events.get()
            try:
                assert self._on_event is not None
                await self._on_event(event)
            except Exception:  # one event that cannot be told must not silence those after it
                log.exception("media.event_failed", media_event=event.get("event"))
