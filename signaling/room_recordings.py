"""The recording of each call: the recorder does what the case says, the mark shows what the recorder does."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

import structlog

from signaling.ports import Calls, Json, Media, Speaker
from signaling.room import Kind, RecordingMark, Room
from tele.services.tasks import Tasks

log = structlog.get_logger(__name__)

SEAL_TRIES = 8
STOPPED_ANYWAY = {"unknown-recording", "storage-failed"}
"""Refusals of a pause after which nothing is recorded all the same: nothing ever was, or the disk is away and the
recorder has taken note."""


class RoomRecordings:
    """Tells the recorder what the rows say, shows people what came of it, and seals what is over."""

    def __init__(self, *, media: Media, speaker: Speaker, calls: Calls, tasks: Tasks, segment_seconds: float) -> None:
        self._media = media
        self._speaker = speaker
        self._calls = calls
        self._tasks = tasks
        self._options: dict[Kind, Json] = {
            "consultation": {"low_latency": False, "grid": segment_seconds},
            "lecture": {"low_latency": True},
        }
        self._sealing: set[str] = set()

    @staticmethod
    def differs(room: Room, wanted: RecordingMark) -> bool:
        """Whether the recorder was told anything else than the case says, or nothing yet."""
        return room.recording is not None and room.told != ("start" if wanted == "on" else "pause")

    async def obey(self, room: Room, wanted: RecordingMark) -> None:
        """Bring the recorder to where the case wants it. While it runs, the mark follows the recorder's own events:
        people who come in do not turn a disk that is full into one that records.
        """
        if room.recording is None:
            return
        if wanted == "on":
            if self.differs(room, wanted):
                await self._start(room)
            return
        if self.differs(room, wanted):
            # Also when the mark says that nothing is recorded: a recorder that waits for room on the disk would go on.
            try:
                await self._media.call(room.id, "record.pause", recording=room.recording)
            except Exception as refused:
                if getattr(refused, "code", None) not in STOPPED_ANYWAY:
                    raise
            room.told = "pause"
        if (room.mark, room.mark_reason) != (wanted, None):
            await self._set_mark(room, wanted, None)

    async def heard(self, room: Room, event: Json) -> None:
        """The recorder's own changes: it paused for want of disk, or goes on again."""
        if room.told != "start":
            return
        if event.get("state") == "alarm":
            log.error("recording.alarm", room=room.id, reason=event.get("reason"))
            await self._set_mark(room, "paused", str(event.get("reason") or "disk-full"))
        elif event.get("state") == "recording" and room.mark_reason is not None:
            await self._set_mark(room, "on", None)

    def seal(self, room_id: str, recording: str, *, over: bool = False) -> None:
        """Close a recording beside everything else. With `over` its call ended just now, so that a recorder which does
        not know it has recorded nothing."""
        if recording not in self._sealing:
            self._sealing.add(recording)
            self._tasks.spawn(self._seal(room_id, recording, over), "seal")

    async def seal_left_over(self, running: Collection[str]) -> None:
        """Close the recordings of calls that are over, which nobody closed: `running` are the rooms that are not."""
        for room_id, recording in await self._calls.unsealed():
            if room_id not in running:
                self.seal(room_id, recording)

    async def _start(self, room: Room) -> None:
        options = dict(self._options[room.kind])
        if room.host is not None:
            options["host"] = room.host
        try:
            answer = await self._media.call(room.id, "record.start", recording=room.recording, options=options)
        except Exception as refused:
            if getattr(refused, "code", None) == "media-down":
                raise
            log.exception("recording.not_started", room=room.id)  # the call goes on without it, and people see that
            await self._set_mark(room, "paused", "internal")
            return
        room.told = "start"
        if answer.get("state") == "alarm":
            await self._set_mark(room, "paused", str(answer.get("reason") or "disk-full"))
        else:
            await self._set_mark(room, "on", None)

    async def _set_mark(self, room: Room, mark: RecordingMark, reason: str | None) -> None:
        room.mark, room.mark_reason = mark, reason
        await self._speaker.to_room(room.id, "recording", {"room": room.id, "state": mark, "reason": reason})

    async def _seal(self, room_id: str, recording: str, over: bool) -> None:
        """A worker that is just starting is waited for. If all fails, the next look at what is left over does it."""
        try:
            for attempt in range(SEAL_TRIES):
                try:
                    summary = await self._media.call(room_id, "record.seal", recording=recording)
                except Exception as refused:
                    code = getattr(refused, "code", None)
                    if code == "media-down":
                        await asyncio.sleep(0.25 * 2**attempt)
                        continue
                    if code == "unknown-recording" and over:
                        summary = {"duration": 0.0, "tracks": []}
                    elif code in ("unknown-recording", "recording-busy"):
                        return  # another node's, or lost: not for this one to say
                    elif code == "storage-failed":
                        break
                    else:
                        raise
                await self._calls.sealed(recording, summary)
                return
            log.error("recording.not_sealed_yet", recording=recording)
        finally:
            self._sealing.discard(recording)
