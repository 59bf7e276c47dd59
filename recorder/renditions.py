"""AAC for sealed recordings that have none yet: found by looking, made one after another by a process of its own."""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path

from recorder.alternative import BUSY, missing
from recorder.disk import MANIFEST
from recorder.errors import InvalidName
from recorder.library import Library

LOOK_EVERY = 10.0
"""Seconds between two looks for recordings that were sealed since: by whatever process, before whatever crash."""

logger = logging.getLogger(__name__)


class Renditions:
    """Nothing is noted but what is on disk: whoever starts again finds what is missing."""

    def __init__(self, library: Library, root: Path, *, every: float = LOOK_EVERY) -> None:
        self.failed = 0
        self._library = library
        self._root = root
        self._every = every
        self._settled: set[str] = set()
        """Recordings that need no further look: they have all, or could not be given it by this process."""

    async def run(self) -> None:
        """Go on until cancelled; what is being made then is begun anew at the next start."""
        while True:
            for recording in await asyncio.to_thread(self._unsettled):
                await self._make(recording)
            await asyncio.sleep(self._every)

    def _unsettled(self) -> list[str]:
        """Sealed recordings of which something is missing, those that ended last first."""
        if not self._root.is_dir():
            return []
        names = {folder.name for folder in self._root.iterdir()}
        self._settled &= names
        found: list[tuple[float, str]] = []
        for name in names - self._settled:
            try:
                sealed = (self._root / name / MANIFEST).stat().st_mtime
                state = self._library.follower(name).look()
            except (OSError, InvalidName):
                continue  # it still runs, or is none
            if state is None or not missing(self._root, state):
                self._settled.add(name)
            else:
                found.append((sealed, name))
        return [name for _, name in sorted(found, reverse=True)]

    async def _make(self, recording: str) -> None:
        command = (sys.executable, "-m", "recorder.aac", str(self._root), recording)
        process = await asyncio.create_subprocess_exec(*command, cwd=Path(__file__).resolve().parent.parent)
        try:
            code = await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if code not in (0, BUSY):
            self.failed += 1
            self._settled.add(recording)
            logger.warning("no AAC of %s: its process ended with %s", recording, code)
