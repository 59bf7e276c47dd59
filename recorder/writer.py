"""The thread that writes: commands go in through one bounded queue, journal lines come back when they are on disk.

A recording whose disk fails is put aside, its later commands dropped, until it is released; the others go on.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from recorder.disk import JOURNAL, Disk
from recorder.errors import RecorderError, StorageFailed
from recorder.journal import Line, encode
from recorder.session import Append, Close, Log, Store
from recorder.settings import RecorderSettings
from recorder.vault import Vault

if TYPE_CHECKING:
    from hashlib import _Hash

FileCommand = Log | Store | Append | Close
_LOOK = 0.5
"""Seconds between two looks at the free space."""

logger = logging.getLogger(__name__)


class _Release:
    """Close what is open of the recording, forget an earlier failure."""


@dataclass(frozen=True, slots=True)
class _Barrier:
    done: asyncio.Future[None]


@dataclass(slots=True)
class _File:
    descriptor: int
    digest: _Hash
    size: int = 0


@dataclass(slots=True)
class _Folder:
    """What the thread has open of one recording."""

    journal: int
    files: dict[str, _File] = field(default_factory=dict)


_Item = tuple[str, FileCommand | _Release | _Barrier, int]


class Writer:
    """Owned by an event loop; `written` and `failed` are called on it, never on the thread."""

    def __init__(
        self,
        disk: Disk,
        vault: Vault,
        settings: RecorderSettings,
        written: Callable[[str, Line], None],
        failed: Callable[[str, str], None],
    ) -> None:
        self.free = disk.free()
        self.bytes_written = 0
        self.refused = 0
        self._disk = disk
        self._vault = vault
        self._settings = settings
        self._written = written
        self._failed = failed
        self._loop = asyncio.get_running_loop()
        self._changed = threading.Condition()
        self._queue: deque[_Item] = deque()
        self._queued_bytes = 0
        self._stopping = False
        self._folders: dict[str, _Folder] = {}
        self._broken: set[str] = set()
        self._thread = threading.Thread(target=self._run, name="recorder-writer", daemon=True)
        self._thread.start()

    def submit(self, recording: str, commands: Iterable[FileCommand]) -> bool:
        """Queue commands in order; False, and none queued, when the disk cannot keep up."""
        items: list[_Item] = [(recording, command, len(getattr(command, "data", b""))) for command in commands]
        if not items:
            return True
        size = sum(item[2] for item in items)
        with self._changed:
            full = self._queued_bytes + size > self._settings.queue_bytes
            if full or len(self._queue) + len(items) > self._settings.queue_items:
                self.refused += len(items)
                return False
            self._queue.extend(items)
            self._queued_bytes += size
            self._changed.notify()
        return True

    def release(self, recording: str) -> None:
        """Let go of a recording's files, and of an earlier failure; what was queued before is done or dropped first."""
        self._control(recording, _Release())

    async def drained(self, recording: str) -> None:
        """Returns when all that was submitted before has been written; raises StorageFailed when it could not be."""
        done: asyncio.Future[None] = self._loop.create_future()
        self._control(recording, _Barrier(done))
        await done

    async def stop(self) -> None:
        """Write what is queued and end the thread."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        await asyncio.to_thread(self._thread.join)

    @property
    def queued(self) -> int:
        return len(self._queue)

    def _control(self, recording: str, item: _Release | _Barrier) -> None:
        with self._changed:
            if self._stopping:
                raise StorageFailed("the recorder has stopped")
            self._queue.append((recording, item, 0))
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._queue and not self._stopping:
                    self._changed.wait(_LOOK)
                batch, self._queue = self._queue, deque()
                self._queued_bytes = 0
                stopping = self._stopping
            for recording, command, _ in batch:
                self._do(recording, command)
            self._look()
            if stopping and not batch:
                break
        for recording in list(self._folders):
            self._shut(recording)

    def _look(self) -> None:
        try:
            self.free = self._disk.free()
        except OSError as error:
            logger.warning("free space is unknown: %s", error)
            self.free = 0

    def _do(self, recording: str, command: FileCommand | _Release | _Barrier) -> None:
        if isinstance(command, _Release):
            self._shut(recording)
            self._broken.discard(recording)
        elif isinstance(command, _Barrier):
            failure = StorageFailed("the disk did not take the recording") if recording in self._broken else None
            self._loop.call_soon_threadsafe(_settle, command.done, failure)
        elif recording not in self._broken:
            try:
                self._write(recording, command)
            except (OSError, RecorderError) as error:
                self._broken.add(recording)
                self._shut(recording)
                full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
                logger.warning("recording %s cannot be written: %s", recording, error)
                self._loop.call_soon_threadsafe(self._failed, recording, "disk-full" if full else "disk-error")

    def _write(self, recording: str, command: FileCommand) -> None:
        disk = self._disk
        folder = self._folders.get(recording)
        if folder is None:
            folder = self._folders[recording] = _Folder(disk.open_log(disk.root / recording / JOURNAL))
        if isinstance(command, Log):
            self._log(recording, folder, command.line)
            return
        name = f"{command.track}/{command.file}"
        if isinstance(command, Append):
            file = self._append(recording, folder, name, command.data)
            if self._settings.sync == "part":
                disk.sync(file.descriptor)
            return
        file = self._append(recording, folder, name, command.data if isinstance(command, Store) else b"")
        if self._settings.sync != "never":
            disk.sync(file.descriptor)
        disk.close(folder.files.pop(name).descriptor)
        self._log(recording, folder, {**command.line, "bytes": file.size, "sha256": file.digest.hexdigest()})
        if self._settings.sync != "never":
            disk.sync(folder.journal)

    def _append(self, recording: str, folder: _Folder, name: str, data: bytes) -> _File:
        file = folder.files.get(name)
        if file is None:
            descriptor = self._disk.open_new(self._disk.root / recording / Path(name))
            file = folder.files[name] = _File(descriptor, hashlib.sha256())
        if data:
            sealed = self._vault.seal(f"{recording}/{name}", file.size, data)
            self._disk.write(file.descriptor, sealed)
            file.digest.update(sealed)
            file.size += len(sealed)
            self.bytes_written += len(sealed)
        return file

    def _log(self, recording: str, folder: _Folder, line: Line) -> None:
        self._disk.write(folder.journal, encode(line))
        self._loop.call_soon_threadsafe(self._written, recording, line)

    def _shut(self, recording: str) -> None:
        """Close what is open of a recording; nothing is written by that."""
        folder = self._folders.pop(recording, None)
        if folder is None:
            return
        for descriptor in [folder.journal, *(file.descriptor for file in folder.files.values())]:
            try:
                self._disk.close(descriptor)
            except OSError as error:
                logger.warning("closing a file of %s: %s", recording, error)


def _settle(done: asyncio.Future[None], failure: StorageFailed | None) -> None:
    if done.done():
        return
    if failure is None:
        done.set_result(None)
    else:
        done.set_exception(failure)
