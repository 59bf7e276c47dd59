"""A journal read as it grows, by whoever plays what another process records."""

from __future__ import annotations

from pathlib import Path

from recorder.errors import Malformed
from recorder.journal import State, decode


class Follower:
    """One journal and the state it has told so far."""

    def __init__(self, path: Path) -> None:
        self.lines = 0
        self._path = path
        self._state = State()
        self._offset = 0
        self._inode = 0

    def look(self) -> State | None:
        """The present state, of which only what was added since the last look is read; None without a recording.

        A journal that was begun anew gives a new state.
        """
        try:
            figures = self._path.stat()
            if self._inode != figures.st_ino or figures.st_size < self._offset:
                self._state, self._offset, self._inode = State(), 0, figures.st_ino
            if figures.st_size > self._offset:
                with self._path.open("rb") as stream:
                    stream.seek(self._offset)
                    self._take(stream.read())
        except OSError:
            # Not there, or no more: nothing to play.
            return None
        return self._state if self._state.recording else None

    def _take(self, data: bytes) -> None:
        lines, size = decode(data)
        self._offset += size
        self.lines += len(lines)
        for line in lines:
            try:
                self._state.apply(line)
            except Malformed:
                # A line of a later version, or one that a crash left half a story: the rest is still told.
                continue
