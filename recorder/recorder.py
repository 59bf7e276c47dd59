"""The recorder: starts, pauses, seals and recovers recordings of rooms; the shell around the pure sessions.

Driven by plain values and telling what happens by plain events, so that it can stand in the same process as its caller
or behind a socket. It listens to a room like any other subscriber.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from recorder.disk import JOURNAL, Disk
from recorder.errors import RecorderError, RecordingBusy, RecordingSealed, StorageFailed, UnknownRecording
from recorder.journal import Line, State
from recorder.names import recording_name
from recorder.recover import list_recordings, repair, write_manifest
from recorder.running import Running
from recorder.session import Announce, AskKeyframe, Command, Log, Session
from recorder.settings import RecorderSettings
from recorder.summary import summarise
from recorder.vault import Vault
from recorder.writer import FileCommand, Writer
from tele.domain.media import RoomFeed

TICK = 0.1
WATCH = 1.0
"""Seconds between two looks at the clock of each session, and at the disk."""

logger = logging.getLogger(__name__)


class Recorder:
    """All recordings of one media worker. Its methods may be called at any time and in any order."""

    def __init__(
        self,
        root: Path,
        feed: RoomFeed,
        emit: Callable[[dict[str, Any]], None],
        *,
        vault: Vault,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        settings: RecorderSettings | None = None,
        disk: Disk | None = None,
    ) -> None:
        """Recordings are folders of `root`; `clock` is that of the feed's arrival times, `wall` is Unix time."""
        self.clock = clock
        self._root = root
        self._feed = feed
        self._emit = emit
        self._vault = vault
        self._wall = wall
        self._settings = settings or RecorderSettings()
        self._disk = disk or Disk(root)
        self._active: dict[str, Running] = {}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._writer: Writer | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._errors = 0

    async def start(self, recording: str, room: str, options: dict[str, Any]) -> dict[str, Any]:
        """Record `room` from now on, or go on with a recording that was paused or torn; no-op while it runs.

        `options`: `low_latency` (bool), `grid` (seconds between keyframes), `host` (the participant who
        leads). Returns a summary. Raises InvalidName,
        RecordingSealed, RecordingBusy. A disk that refuses is told by an "alarm" event, and recording begins when
        it has room.
        """
        async with self._lock(recording_name(recording)):
            active = self._active.get(recording)
            if active is None:
                state = await asyncio.to_thread(self._load, recording, room, options)
                if state.status == "sealed":
                    raise RecordingSealed(recording)
                active = self._active[recording] = Running(state, room, self.clock, self.execute)
            active.wish = "recording"
            if active.session is None and active.alarm is None:
                await self._begin(active)
            summary = summarise(active.state)
            return summary | ({"state": "alarm", "reason": active.alarm} if active.alarm else {"state": "recording"})

    async def pause(self, recording: str) -> dict[str, Any]:
        """Stop for now: all that was heard is closed and playable. Returns a summary; raises UnknownRecording."""
        async with self._lock(recording_name(recording)):
            was_active = recording in self._active
            state = await self._pause(recording)
            if was_active:
                self._tell(recording, "paused")
            return summarise(state)

    async def seal(self, recording: str) -> dict[str, Any]:
        """End a recording for good. Returns its summary; raises UnknownRecording, and StorageFailed while the disk
        refuses: it is then sealed as soon as there is room, and an event tells so."""
        async with self._lock(recording_name(recording)):
            return await self._seal(recording)

    async def recover(self, seal_all: bool = False) -> list[dict[str, Any]]:
        """Mend every recording that an earlier process left open; returns the summaries of those not sealed.

        `torn` in a summary says that it had been running. With `seal_all` they are sealed as well.
        """
        self._start_writer()
        found: list[dict[str, Any]] = []
        for recording in await asyncio.to_thread(list_recordings, self._root):
            async with self._lock(recording):
                if recording in self._active:
                    continue
                try:
                    state, torn = await asyncio.to_thread(repair, self._disk, self._vault, recording)
                    if state.status == "sealed":
                        continue
                    summary = await self._seal(recording) if seal_all else summarise(state)
                except RecordingBusy:
                    continue
                except (OSError, RecorderError) as error:
                    self._errors += 1
                    logger.warning("recording %s cannot be recovered: %s", recording, error)
                    continue
            found.append(summary | {"torn": torn})
        return found

    async def stop(self) -> None:
        """Pause everything and end the thread; recordings can go on under another recorder."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        for recording in list(self._active):
            try:
                await self.pause(recording)
            except RecorderError as error:
                logger.warning("recording %s stays torn: %s", recording, error)
        if self._writer is not None:
            await self._writer.stop()
            self._writer = None

    async def stats(self) -> dict[str, Any]:
        """Figures for the metrics page."""
        sessions = [active.session for active in self._active.values() if active.session is not None]
        writer = self._writer
        return {
            "recordings": len(sessions),
            "alarms": sum(active.alarm is not None for active in self._active.values()),
            "publications": sum(session.publications for session in sessions),
            "tracks_refused": sum(session.refused for session in sessions),
            "errors": self._errors,
            "bytes_written": writer.bytes_written if writer else 0,
            "commands_queued": writer.queued if writer else 0,
            "commands_refused": writer.refused if writer else 0,
            "disk_free": writer.free if writer else 0,
        }

    def execute(self, active: Running, commands: list[Command]) -> None:
        """Do what a session asked for, on the loop; a disk that cannot keep up raises the alarm."""
        files: list[FileCommand] = []
        for command in commands:
            if isinstance(command, AskKeyframe):
                self._feed.request_keyframe(command.publication)
            elif isinstance(command, Announce):
                self._emit(
                    {
                        "event": "recording-track",
                        "recording": active.state.recording,
                        "track": command.track,
                        "participant": command.participant,
                        "source": command.source,
                        "kind": command.kind,
                    }
                )
            else:
                files.append(command)
        if files and not self._start_writer().submit(active.state.recording, files):
            self._fail(active.state.recording, "disk-slow")

    def _lock(self, recording: str) -> asyncio.Lock:
        return self._locks.setdefault(recording, asyncio.Lock())

    def _load(self, recording: str, room: str, options: dict[str, Any]) -> State:
        """What is on disk, mended; or the state of a recording that begins now."""
        try:
            return repair(self._disk, self._vault, recording)[0]
        except UnknownRecording:
            settings = self._settings
            journal = self._root / recording / JOURNAL
            if journal.exists():
                # Not even its first line is whole: put aside for whoever wants to look, and begun afresh.
                journal.replace(journal.with_suffix(".broken"))
            live = bool(options.get("low_latency"))
            grid = float(options.get("grid") or (settings.live_grid if live else settings.grid))
            milliseconds = round(min(60.0, max(1.0, grid)) * 1000)
            if live:
                options = {**options, "part": round(settings.live_part * 1000)}
            return State(recording, room, self._wall(), milliseconds, dict(options))

    async def _begin(self, active: Running) -> None:
        """Go on by the wall clock from where the recording first began."""
        state, writer = active.state, self._start_writer()
        recording = state.recording
        if writer.free < self._settings.min_free:
            self._fail(recording, "disk-full")
            return
        writer.release(recording)
        now = max(self._wall() - state.started, (state.starts[-1] + 1) / 1000 if state.closed >= 0 else 0.0)
        active.origin = self.clock() - now
        session = active.session = Session(state, self._settings, now)
        commands = session.begin(now)
        if state.closed < 0 and not state.tracks:
            header = {"v": 1, "recording": recording, "room": state.room, "started": state.started}
            commands.insert(0, Log({**header, "grid": state.grid, "options": state.options}))
        self.execute(active, commands)
        if active.session is None:
            return
        active.stop_listening = self._feed.listen(active.room, active)
        self._tell(recording, "recording")

    async def _pause(self, recording: str) -> State:
        active = self._active.get(recording)
        if active is None:
            return (await asyncio.to_thread(repair, self._disk, self._vault, recording))[0]
        active.wish = "paused"
        if active.session is not None:
            await self._finish(active)
        if active.alarm is not None:
            # What the disk took is made whole; if even that fails, the watch tries again later.
            active.state = await self._mend(recording)
        writer = self._start_writer()
        writer.release(recording)
        await writer.drained(recording)
        del self._active[recording]
        return active.state

    async def _finish(self, active: Running) -> None:
        """Close everything a running session has open; a disk that refuses leaves the alarm on."""
        session = active.leave()
        if session is None:
            return
        self.execute(active, session.finish(active.now()))
        try:
            await self._start_writer().drained(active.state.recording)
        except StorageFailed:
            active.alarm = active.alarm or "disk-error"

    async def _mend(self, recording: str) -> State:
        """Bring a failed recording's files to a whole state; raises StorageFailed."""
        writer = self._start_writer()
        writer.release(recording)
        await writer.drained(recording)
        try:
            return (await asyncio.to_thread(repair, self._disk, self._vault, recording))[0]
        except OSError as error:
            raise StorageFailed(str(error)) from error
        except UnknownRecording:
            # The disk was full from the first byte on: there is nothing to mend, and it begins afresh.
            return self._active[recording].state

    async def _seal(self, recording: str) -> dict[str, Any]:
        active = self._active.get(recording)
        try:
            state = await self._pause(recording)
            if state.status != "sealed":
                line: Line = {"state": "sealed", "at": state.starts[-1], "quality": state.quality}
                writer = self._start_writer()
                writer.release(recording)
                writer.submit(recording, [Log(line)])
                await writer.drained(recording)
                state.apply(line)
                writer.release(recording)
                await asyncio.to_thread(write_manifest, self._disk, state)
                self._tell(recording, "sealed")
        except (OSError, StorageFailed) as error:
            if active is not None:
                active.wish = "sealed"
                active.alarm = active.alarm or "disk-error"
                self._active[recording] = active
            raise StorageFailed(f"{recording} is sealed when the disk has room") from error
        return summarise(state)

    def _written(self, recording: str, line: Line) -> None:
        active = self._active.get(recording)
        if active is not None:
            active.state.apply(line)

    def _fail(self, recording: str, reason: str) -> None:
        """The disk does not take a recording: people are told, the call goes on, the watch waits for room."""
        active = self._active.get(recording)
        if active is None:
            return
        active.leave()
        if active.alarm is None:
            active.alarm = reason
            self._tell(recording, "alarm", reason)

    def _tell(self, recording: str, state: str, reason: str | None = None) -> None:
        event = {"event": "recording", "recording": recording, "state": state}
        self._emit(event if reason is None else event | {"reason": reason})

    def _start_writer(self) -> Writer:
        if self._writer is None:
            self._root.mkdir(parents=True, exist_ok=True)
            self._writer = Writer(self._disk, self._vault, self._settings, self._written, self._fail)
            self._tasks = [
                asyncio.create_task(self._tick(), name="recorder-tick"),
                asyncio.create_task(self._watch(), name="recorder-watch"),
            ]
        return self._writer

    def tick(self) -> None:
        """Let time pass for every session; the recorder does so by itself about ten times a second."""
        for recording, active in list(self._active.items()):
            if active.session is None:
                continue
            try:
                self.execute(active, active.session.tick(active.now()))
            except Exception:
                logger.exception("recording %s", recording)
                self._defect(recording)

    async def look(self) -> None:
        """Pause what the disk has no room for, take up again what it has room for; done by itself every second."""
        for recording, active in list(self._active.items()):
            async with self._lock(recording):
                try:
                    await self._look(active)
                except Exception:
                    logger.exception("recording %s", recording)
                    self._defect(recording)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            self.tick()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(WATCH)
            await self.look()

    def _defect(self, recording: str) -> None:
        """An error of ours in one recording must not stop the clock of the others."""
        self._errors += 1
        self._fail(recording, "internal")

    async def _look(self, active: Running) -> None:
        free = self._start_writer().free
        if active.session is not None and free < self._settings.min_free:
            await self._make_room(active)
        elif active.alarm is not None and free >= self._settings.resume_free:
            await self._retry(active)

    async def _make_room(self, active: Running) -> None:
        if active.session is None:
            return
        active.alarm = "disk-full"
        self._tell(active.state.recording, "alarm", "disk-full")
        await self._finish(active)

    async def _retry(self, active: Running) -> None:
        recording = active.state.recording
        if active.alarm is None or self._active.get(recording) is not active:
            return
        try:
            if active.wish == "sealed":
                await self._seal(recording)
            elif active.wish == "paused":
                await self._pause(recording)
                self._tell(recording, "paused")
            else:
                active.state = await self._mend(recording)
                active.alarm = None
                await self._begin(active)
        except (OSError, RecorderError) as error:
            logger.warning("recording %s still cannot go on: %s", recording, error)
