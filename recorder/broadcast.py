"""Recordings on the air: one thread follows the journals that somebody watches, all viewers share what it finds.

A part is read and a playlist rendered once, however many wait for it; viewers wait on one future for each part.
"""

from __future__ import annotations

import asyncio
import gzip
import logging
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from recorder.directives import Answer, BadDirective, Directives, answer
from recorder.errors import RecorderError
from recorder.follow import Follower
from recorder.journal import TrackState
from recorder.library import Item, Library
from recorder.memory import Held, Memory
from recorder.names import part_file
from recorder.playlist_live import LiveText, Page, renditions, target_duration
from recorder.ready import Answers

LOOK = 0.015
"""Seconds between two looks at a journal; half of it is what the look adds to the latency."""

IDLE = 30.0
"""Seconds after which a recording that nobody watches is no longer followed."""

HELD = 3
"""Target durations for which a request is held (RFC 8216bis §6.2.5.2)."""

BEGINNING = 2.5
"""Seconds for which a playlist without a whole segment is held back: players take it for an error, and look again late.
"""

CHANNELS = 64
"""Recordings that may be on the air at once; further ones are played from the disk."""

FIRST = 12
"""Parts before the edge that are read when the first viewer comes."""

logger = logging.getLogger(__name__)


class Overdue(Exception):
    """What was waited for has not come: answered with 503."""


class Body:
    """A text as it goes out, made and compressed when first asked for."""

    __slots__ = ("_gzip", "_page", "_plain", "_skip", "answers")

    def __init__(self, page: Page, *, skip: bool) -> None:
        self.answers = Answers()
        self._page = page
        self._skip = skip
        self._plain: bytes | None = None
        self._gzip: bytes | None = None

    @property
    def plain(self) -> bytes:
        if self._plain is None:
            self._plain = (self._page.delta() if self._skip else self._page.full()).encode()
        return self._plain

    @property
    def gzip(self) -> bytes:
        if self._gzip is None:
            self._gzip = gzip.compress(self.plain, 4, mtime=0)
        return self._gzip


@dataclass(slots=True)
class Shown:
    """One track's playlist as viewers get it now."""

    page: Page
    full: Body
    delta: Body


@dataclass(slots=True)
class _Track:
    """What the thread knows of a track."""

    text: LiveText
    numbered: int = 0
    seen: tuple[int, int, int, str] | None = None


@dataclass(frozen=True, slots=True)
class _Update:
    """What a look found; the parts by track and number."""

    pages: dict[str, Page]
    parts: list[tuple[str, Item, bytes]]


_Wanted = tuple[str, int, int]
"""Track, media sequence number, part, or -1 for the whole segment."""


class Channel:
    """One recording on the air. The thread owns `follower` and `_tracks`, the event loop all else."""

    def __init__(self, recording: str, follower: Follower, library: Library, late: float) -> None:
        self.recording = recording
        self.used = time.monotonic()
        self.shown: dict[str, Shown] = {}
        self.waiting: dict[_Wanted, asyncio.Future[None]] = {}
        self.target = 1.0
        self.hold = 0.0
        self._library = library
        self._late = late
        self._follower = follower
        self._lines = -1
        self._tracks: dict[str, _Track] = {}

    def look(self) -> _Update | None:
        """What is new in the journal, rendered and read; None for nothing. Called by one thread at a time."""
        state = self._follower.look()
        if state is None or state.part is None or self._follower.lines == self._lines:
            return None
        self._lines = self._follower.lines
        self.target, self.hold = state.part, HELD * target_duration(state)
        update = _Update({}, [])
        self._library.accompany(state)
        tracks = renditions(state)
        for track in tracks:
            known = self._tracks.setdefault(track.name, _Track(LiveText(self._late)))
            seen = (track.numbered, len(track.segments), len(track.black), state.status)
            if seen != known.seen:
                known.seen = seen
                known.text.follow(state, track)
                update.pages[track.name] = known.text.page(state, track, tracks)
            if track.name in state.tracks:  # what is made of it is made when somebody asks
                update.parts.extend(self._read(track, known))
        return update if update.pages else None

    def _read(self, track: TrackState, known: _Track) -> Iterable[tuple[str, Item, bytes]]:
        first = max(known.numbered, track.numbered - FIRST)
        known.numbered = track.numbered
        for number in range(first, track.numbered):
            path = f"{track.name}/{part_file(number)}"
            try:
                if (item := self._library.part(self.recording, track, number)) is not None:
                    yield path, item, self._library.read_item(item, 0, item.size)
            except RecorderError as error:
                # Whoever asks for it is told so; the row goes on.
                logger.warning("recording %s: %s", self.recording, error)


class Broadcast:
    """Serves what is being recorded. Belongs to the event loop on which it is first asked."""

    def __init__(self, library: Library, memory: Memory, *, late: float = 0.0) -> None:
        """`late`: seconds by which what stands in front may tell viewers of a part late."""
        self.memory = memory
        self.refused = 0
        self.overdue = 0
        self._library = library
        self._late = late
        self._channels: dict[str, Channel] = {}
        self._opening: dict[str, asyncio.Future[Channel | None]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._awake = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None

    async def playlist(self, recording: str, track: str, asked: Directives) -> Shown | None:
        """The playlist of a track when it has what was asked for; None for what is not on the air.

        Raises BadDirective for what no player asks for, Overdue when it does not come.
        """
        channel = await self._channel(recording)
        if channel is None or track not in channel.shown:
            return None
        channel.used = time.monotonic()
        edge = channel.shown[track].page.edge
        found = answer(asked, edge, channel.target)
        if found is Answer.REFUSE:
            self.refused += 1
            raise BadDirective("so far ahead nothing is known")
        if found is Answer.WAIT and asked.msn is not None:
            await self._wait(channel, (track, asked.msn, -1 if asked.part is None else asked.part))
        elif asked.msn is None and edge.msn < 0 and not edge.ended:
            with suppress(TimeoutError, Overdue):
                async with asyncio.timeout(BEGINNING):
                    await self._wait(channel, (track, 0, -1))
        return channel.shown[track]

    async def part(self, recording: str, track: str, number: int) -> Held | None:
        """A part from memory; the one that playlists hint at is waited for. None for what must be sought on disk."""
        key = (recording, f"{track}/{part_file(number)}")
        held = self.memory.get(key)
        if held is not None:
            return held
        channel = await self._channel(recording)
        shown = channel.shown.get(track) if channel else None
        if channel is None or shown is None or shown.page.edge.ended or number != shown.page.edge.following:
            return self.memory.get(key)
        edge = shown.page.edge
        channel.used = time.monotonic()
        await self._wait(channel, (track, edge.msn + 1, edge.parts))
        return self.memory.get(key)

    def close(self) -> None:
        """End the thread; whoever waits is told that nothing comes."""
        with self._awake:
            self._closed = True
            self._awake.notify()
        for channel in self._channels.values():
            for future in channel.waiting.values():
                _refuse(future)
        self._channels.clear()

    @property
    def on_air(self) -> int:
        """How many recordings are followed."""
        return len(self._channels)

    async def _wait(self, channel: Channel, wanted: _Wanted) -> None:
        """Until a playlist has what is wanted; one future and one timer for all who want the same."""
        future = channel.waiting.get(wanted)
        if future is None:
            loop = asyncio.get_running_loop()
            future = channel.waiting[wanted] = loop.create_future()
            timer = loop.call_later(channel.hold, self._give_up, channel, wanted)
            future.add_done_callback(lambda _: timer.cancel())
        # One viewer who leaves must not take the others with him.
        await asyncio.shield(future)

    def _give_up(self, channel: Channel, wanted: _Wanted) -> None:
        future = channel.waiting.pop(wanted, None)
        if future is not None and not future.done():
            self.overdue += 1
            _refuse(future)

    async def _channel(self, recording: str) -> Channel | None:
        channel = self._channels.get(recording)
        if channel is not None or self._closed:
            return channel
        opening = self._opening.get(recording)
        if opening is not None:
            return await asyncio.shield(opening)
        self._loop = asyncio.get_running_loop()
        opening = self._opening[recording] = self._loop.create_future()
        try:
            channel = await self._open(recording)
        finally:
            del self._opening[recording]
            opening.set_result(channel)
        return channel

    async def _open(self, recording: str) -> Channel | None:
        if len(self._channels) >= CHANNELS or not await asyncio.to_thread(self._library.on_air, recording):
            return None
        channel = Channel(recording, self._library.follower(recording), self._library, self._late)
        update = await asyncio.to_thread(channel.look)
        if update is None or self._closed:
            return None
        self._publish(channel, update)
        self._channels[recording] = channel
        with self._awake:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="recorder-broadcast", daemon=True)
                self._thread.start()
            self._awake.notify()
        return channel

    def _publish(self, channel: Channel, update: _Update) -> None:
        """On the loop: show what is new and wake whoever waited for it."""
        for path, item, data in update.parts:
            self.memory.put((channel.recording, path), item, data)
        for name, page in update.pages.items():
            channel.shown[name] = Shown(page, Body(page, skip=False), Body(page, skip=True))
        for wanted, future in list(channel.waiting.items()):
            name, msn, part = wanted
            if name in update.pages:
                asked = Directives(msn, None if part < 0 else part)
                if answer(asked, update.pages[name].edge, channel.target) is Answer.NOW:
                    del channel.waiting[wanted]
                    if not future.done():
                        future.set_result(None)

    def _drop(self, channel: Channel) -> None:
        if not channel.waiting and time.monotonic() - channel.used > IDLE:
            self._channels.pop(channel.recording, None)

    def _run(self) -> None:
        """The thread: look, hand over, sleep."""
        loop = self._loop
        assert loop is not None
        while True:
            with self._awake:
                while not self._channels and not self._closed:
                    self._awake.wait()
                if self._closed:
                    return
            begun = time.monotonic()
            try:
                for channel in list(self._channels.values()):
                    self._follow(loop, channel, begun)
            except RuntimeError:
                # The loop was closed before `close` was called.
                return
            time.sleep(max(0.001, LOOK - (time.monotonic() - begun)))

    def _follow(self, loop: asyncio.AbstractEventLoop, channel: Channel, now: float) -> None:
        try:
            update = channel.look()
        except Exception:
            # A defect in one recording must not stop the others.
            logger.exception("recording %s", channel.recording)
            return
        if update is not None:
            loop.call_soon_threadsafe(self._publish, channel, update)
        elif now - channel.used > IDLE:
            loop.call_soon_threadsafe(self._drop, channel)


def _refuse(future: asyncio.Future[None]) -> None:
    """Tell whoever still waits that nothing comes; that they have all left is no error."""
    if not future.done():
        future.set_exception(Overdue())
        future.exception()
