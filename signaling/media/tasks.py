"""Tasks that have an owner: none is forgotten, none fails unheard, all are cancelled when the owner stops."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from signaling.media.counters import Counters

_log = logging.getLogger(__name__)


class Tasks:
    """The tasks of one media plane."""

    def __init__(self, counters: Counters) -> None:
        self._running: set[asyncio.Task[None]] = set()
        self._counters = counters

    def __len__(self) -> int:
        return len(self._running)

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run `work`; what it raises is counted and logged."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._done)
        return task

    async def stop(self) -> None:
        """Cancel what runs and wait until it has ended."""
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._counters.add("task_errors")
            _log.error("task %s failed", task.get_name(), exc_info=error)
