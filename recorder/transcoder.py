"""AAC made while people wait for it: in threads, a few at a time, what is live before what was."""

from __future__ import annotations

import asyncio
import hashlib
import logging

from recorder.aac_format import recorded_name
from recorder.aac_live import Opus, Order, make
from recorder.errors import RecorderError, StorageFailed
from recorder.library import Item, Library
from recorder.memory import Memory

SINGLE = 2
"""Parts that are made at once: somebody listens to them live, and each takes milliseconds."""

WHOLE = 1
"""Segments that are made at once, for those who wind back, ten times the work: they never delay the live edge."""

PATIENCE = 10.0
"""Seconds for which one waits for a turn."""

logger = logging.getLogger(__name__)


class Busy(Exception):
    """So much is asked for that it cannot be made in time."""


class Transcoder:
    """Makes what is ordered, and counts it. Belongs to one event loop; `memory` is where finished parts are found."""

    def __init__(self, library: Library, memory: Memory, *, patience: float = PATIENCE) -> None:
        self.made = 0
        self.failed = 0
        self.refused = 0
        self._library = library
        self._memory = memory
        self._patience = patience
        self._single = asyncio.Semaphore(SINGLE)
        self._whole = asyncio.Semaphore(WHOLE)

    async def find(self, recording: str, path: str) -> tuple[Item, bytes] | None:
        """A file of a live recording's AAC; None where there is none, or no longer what it is made of. Raises Busy."""
        if recorded_name(path) is None:
            return None
        wanted = await asyncio.to_thread(self._library.order, recording, path)
        if wanted is None:
            return None
        turn = self._single if wanted.single else self._whole
        try:
            async with asyncio.timeout(self._patience):
                await turn.acquire()
        except TimeoutError as error:
            self.refused += 1
            raise Busy from error
        try:
            data = await asyncio.to_thread(make, wanted, self._read, self._held(recording, wanted))
        except RecorderError as error:
            self.failed += 1
            logger.warning("recording %s: no %s: %s", recording, path, error)
            return None
        finally:
            turn.release()
        self.made += 1
        return Item("audio/mp4", len(data), hashlib.sha256(data).hexdigest()[:32]), data

    def _held(self, recording: str, wanted: Order) -> dict[int, bytes]:
        """Parts that somebody asked for a moment ago."""
        if wanted.single:
            return {}
        found = {first: self._memory.get((recording, wanted.address(first))) for first, _ in wanted.parts or ()}
        return {first: held.data for first, held in found.items() if held is not None}

    def _read(self, opus: Opus) -> bytes:
        item = Item("audio/mp4", opus.bytes, "", file=opus.file)
        data = self._library.read_item(item, 0, item.size)
        if len(data) < opus.bytes:
            raise StorageFailed(f"{opus.file} is shorter than it was")
        return data
