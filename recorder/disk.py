"""The few things the recorder does to a disk, in one place so that a test can take the disk away."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from recorder.errors import RecordingBusy

JOURNAL = "journal.jsonl"
MANIFEST = "manifest.json"


class Disk:
    """Files below one folder; every method may raise OSError and may block."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def open_new(self, path: Path) -> int:
        """A descriptor of a new empty file for writing; what was there under this name is gone."""
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)

    def open_log(self, path: Path, *, make: bool = True) -> int:
        """A descriptor that appends to a file and keeps every other such descriptor away until it is closed.

        Raises RecordingBusy while there is another, in whatever process; that of a killed one is gone with it.
        """
        flags = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC
        if make:
            path.parent.mkdir(parents=True, exist_ok=True)
            flags |= os.O_CREAT
        descriptor = os.open(path, flags, 0o640)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise RecordingBusy(path.parent.name) from error
        return descriptor

    def write(self, descriptor: int, data: bytes) -> None:
        """Write all of `data` at the descriptor's place."""
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]

    def sync(self, descriptor: int) -> None:
        os.fdatasync(descriptor)

    def close(self, descriptor: int) -> None:
        os.close(descriptor)

    def replace(self, path: Path, data: bytes) -> None:
        """Put a whole file in the place of another at once, on disk before this returns."""
        fresh = path.with_name(path.name + ".new")
        descriptor = self.open_new(fresh)
        try:
            self.write(descriptor, data)
            self.sync(descriptor)
        finally:
            self.close(descriptor)
        fresh.replace(path)

    def free(self) -> int:
        """Bytes that an ordinary user may still write."""
        figures = os.statvfs(self.root)
        return figures.f_bavail * figures.f_frsize
