"""Downloads of sealed recordings: made once, in a process of their own, and kept in bounds."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from recorder.disk import Disk
from recorder.errors import RecorderError, StorageFailed, UnknownRecording
from recorder.library import Item, Library
from recorder.names import recording_name
from recorder.progressive import BUSY, NOTHING, PICTURES, Picture, chosen, progressive_file

MAKING = 2
"""Files made at a time; who asks for a further one is told to come back."""
PATIENCE = 4.0
"""Seconds that a request waits for its file before it is told to come back."""
KEPT = 20 * 1024**3
"""Bytes of made files that are kept; those asked for longest ago go first, and are made again when they are wanted."""
SPARE = 512 * 1024**2
"""Bytes that must stay free on the disk: recording needs them more."""


class NotYet(RecorderError):
    """The file is being made, or others are: it can be asked for again in a few seconds."""

    code = "download-in-the-making"


@dataclass(frozen=True, slots=True)
class _Wanted:
    recording: str
    picture: Picture


class Downloads:
    """Of one event loop; another process that serves the same folder may make the same files."""

    def __init__(self, library: Library, root: Path, *, kept: int = KEPT, spare: int = SPARE) -> None:
        self._library = library
        self._root = root
        self._disk = Disk(root)
        self._kept, self._spare = kept, spare
        self._making: dict[_Wanted, asyncio.Task[None]] = {}

    async def get(self, recording: str, picture: Picture | None, patience: float = PATIENCE) -> Item:
        """The file as an item of the library; without a wish the camera, else the screen.

        Raises UnknownRecording where there is nothing of the kind, NotYet, StorageFailed when there is no room for it.
        """
        wanted = await asyncio.to_thread(self._choose, recording, picture)
        if item := await asyncio.to_thread(self._there, wanted):
            return item
        making = self._making.get(wanted)
        if making is None:
            if len(self._making) >= MAKING:
                raise NotYet("others are being made")
            making = self._making[wanted] = asyncio.get_running_loop().create_task(self._make(wanted))
            making.add_done_callback(lambda done: self._made(wanted, done))
        await asyncio.wait([making], timeout=patience)
        if not making.done():
            raise NotYet(recording)
        making.result()
        item = await asyncio.to_thread(self._there, wanted)
        if item is None:
            raise StorageFailed(f"{recording}: the file that was made is gone")
        return item

    async def close(self) -> None:
        """End what is being made; nothing half-made is ever given out."""
        for making in list(self._making.values()):
            making.cancel()
        await asyncio.gather(*self._making.values(), return_exceptions=True)

    def _choose(self, recording: str, picture: Picture | None) -> _Wanted:
        state = self._library.follower(recording_name(recording)).look()
        if state is None or state.status != "sealed":
            raise UnknownRecording(recording)
        for each in (picture,) if picture else PICTURES:
            with contextlib.suppress(UnknownRecording):
                chosen(state, each)
                return _Wanted(recording, each)
        raise UnknownRecording(f"{recording} has no such picture")

    def _there(self, wanted: _Wanted) -> Item | None:
        file = f"{wanted.recording}/{progressive_file(wanted.picture)}"
        path = self._root / file
        try:
            figures = path.stat()
            os.utime(path)  # asked for now: others go first when room is needed
        except FileNotFoundError:
            return None
        return Item("video/mp4", figures.st_size, f"{figures.st_ino:x}-{figures.st_size:x}", file=file)

    def _make_room(self, wanted: _Wanted) -> None:
        """Raises StorageFailed when there is none."""
        state = self._library.follower(wanted.recording).look()
        tracks = chosen(state, wanted.picture) if state else []
        needed = sum(segment.bytes for track in tracks for segment in track.segments.values()) * 105 // 100
        made = [path for picture in PICTURES for path in self._root.glob(f"*/{progressive_file(picture)}")]
        kept = sorted((path.stat().st_mtime, path.stat().st_size, path) for path in made)
        total = sum(size for _, size, _ in kept)
        while kept and (total + needed > self._kept or self._disk.free() - needed < self._spare):
            _, size, path = kept.pop(0)
            path.unlink(missing_ok=True)
            total -= size
        if needed > self._kept or self._disk.free() - needed < self._spare:
            raise StorageFailed("no room for a download")

    async def _make(self, wanted: _Wanted) -> None:
        await asyncio.to_thread(self._make_room, wanted)
        async with _process(str(self._root), wanted.recording, wanted.picture) as process:
            code = await process.wait()
        if code == BUSY:
            raise NotYet("another process makes it")
        if code == NOTHING:
            raise UnknownRecording(wanted.recording)
        if code:
            raise StorageFailed(f"making a download of {wanted.recording} ended with {code}")

    def _made(self, wanted: _Wanted, making: asyncio.Task[None]) -> None:
        del self._making[wanted]
        if not making.cancelled():
            making.exception()  # whoever waits is told; nobody may be waiting any more


@contextlib.asynccontextmanager
async def _process(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that does not outlive its `with`."""
    command = (sys.executable, "-m", "recorder.progressive", *arguments)
    process = await asyncio.create_subprocess_exec(*command, cwd=Path(__file__).resolve().parent.parent)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
