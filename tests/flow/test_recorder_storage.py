"""What a killed process and a full disk cost: the open part, and the time without room."""

from __future__ import annotations

import asyncio
import errno
import random
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from recorder.disk import Disk
from recorder.errors import RecordingBusy, RecordingSealed, StorageFailed, UnknownRecording
from recorder.library import Library
from recorder.recorder import Recorder
from recorder.settings import RecorderSettings
from recorder.vault import PlainVault
from tests.unit.recorder.hls_rules import Playlist, check, check_change
from tests.unit.recorder.reading import assert_seamless, decoded, samples
from tests.unit.recorder.synthetic import Feed, Publisher, World

ALICE = "alice-000001"
TRACKS = (f"audio-{ALICE}", f"cam-{ALICE}")
KILLS = 5


def spawn(root: Path, *more: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.unit.recorder.live_room", str(root), "visit", *more],
        cwd=Path(__file__).resolve().parents[2],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "recording\n"
    return process


async def test_killed_at_any_moment_at_most_a_second_is_lost_and_it_goes_on(tmp_path: Path) -> None:
    moments = random.Random(20)
    library = Library(tmp_path, PlainVault())
    ends: list[float] = []
    for _ in range(KILLS):
        process = spawn(tmp_path)
        try:
            await asyncio.sleep(1.2 + moments.random() * 2)
        finally:
            process.kill()
            killed = time.time()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
        recorder = Recorder(tmp_path, Feed(), lambda _: None, vault=PlainVault())
        (summary,) = await recorder.recover()
        await recorder.stop()
        assert summary["torn"] and summary["state"] == "paused"
        end = killed - summary["started"]
        for track in summary["tracks"]:
            assert end - (track["start"] + track["duration"]) <= 1.0, track
        assert {track["name"] for track in summary["tracks"]} == set(TRACKS)
        ends.append(end)
    recorder = Recorder(tmp_path, Feed(), lambda _: None, vault=PlainVault())
    (summary,) = await recorder.recover(seal_all=True)
    assert await recorder.recover() == []
    await recorder.stop()
    assert summary["state"] == "sealed"
    for name in TRACKS:
        assert_seamless(samples(tmp_path, "visit", name), within=0.003)
        assert decoded(tmp_path, "visit", name)
    camera = next(track for track in summary["tracks"] if track["name"] == TRACKS[1])
    assert len(camera["gaps"]) == KILLS - 1
    assert library.media_playlist("visit", TRACKS[0]).endswith("#EXT-X-ENDLIST\n")


async def test_who_watches_live_goes_on_watching_after_each_kill(tmp_path: Path) -> None:
    """Nothing that was ever listed changes, and what was listed can be fetched after the crash as before."""
    moments = random.Random(7)
    shown: dict[str, Playlist] = {}
    for _ in range(3):
        process = spawn(tmp_path, "live")
        library = Library(tmp_path, PlainVault())
        try:
            until = time.monotonic() + 2.2 + moments.random() * 2
            while time.monotonic() < until:
                await asyncio.sleep(0.05)
                shown = seen(library, shown)
        finally:
            process.kill()
            killed = time.time()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
        shown = seen(library, shown)
        recorder = Recorder(tmp_path, Feed(), lambda _: None, vault=PlainVault())
        (summary,) = await recorder.recover()
        await recorder.stop()
        for track in summary["tracks"]:
            assert killed - summary["started"] - (track["start"] + track["duration"]) <= 1.0, track
        for name, playlist in shown.items():
            # The open segment is whole now: what was listed of it is in it.
            after = seen(library, {})[name]
            assert [s.told for s in after.segments[: len(playlist.segments)]] == [s.told for s in playlist.segments]
            assert playlist.open is None or len(after.segments) > len(playlist.segments)
    recorder = Recorder(tmp_path, Feed(), lambda _: None, vault=PlainVault())
    await recorder.recover(seal_all=True)
    await recorder.stop()
    for name in TRACKS:
        found = samples(tmp_path, "visit", name)
        holes = [after.time - before.time - before.duration for before, after in pairwise(found)]
        # A track that others were ahead of by a segment has a gap where it was killed (EXT-X-GAP).
        assert min(holes) > -0.003 and max(holes) <= 1.0 and sum(hole > 0.003 for hole in holes) <= 3
        assert decoded(tmp_path, "visit", name)


def seen(library: Library, before: dict[str, Playlist]) -> dict[str, Playlist]:
    """Every playlist held against the rules and against what it was; every part near the edge is there."""
    found: dict[str, Playlist] = {}
    for name in TRACKS:
        try:
            text = library.media_playlist("visit", name)
        except UnknownRecording:
            continue
        playlist = check(text, video=name.startswith("cam"))
        if name in before and before[name].end <= playlist.end:
            check_change(before[name], playlist)
        for part in playlist.parts[-3:]:
            item = library.find("visit", f"{name}/{part.uri}")
            assert part.gap or (item is not None and len(library.read_item(item, 0, item.size)) == item.size)
        found[name] = playlist
    return found


async def test_a_torn_tail_of_any_length_is_cut_and_the_rest_plays(tmp_path: Path) -> None:
    """The last segment and the journal cut off at every kind of place, as a crash in the middle of a write does."""
    world = World()
    settings = RecorderSettings(min_free=0, resume_free=0)
    recorder = Recorder(
        tmp_path, world.feed, lambda _: None, vault=PlainVault(), clock=lambda: world.now, settings=settings
    )
    world.microphone(Publisher(ALICE, "microphone", "opus"), world.now, world.now + 30)
    world.camera(Publisher(ALICE, "camera", "H264"), world.now, world.now + 30)
    await recorder.start("visit", "room", {})
    world.run(world.now + 26, recorder.tick)
    await recorder._start_writer().drained("visit")
    journal = (tmp_path / "visit/journal.jsonl").read_bytes()
    files = {path: path.read_bytes() for path in (tmp_path / "visit").rglob("*.m4s")}
    await recorder.stop()
    chance = random.Random(4)
    for _ in range(12):
        (tmp_path / "visit/journal.jsonl").write_bytes(journal + b'{"track":"cam'[: chance.randrange(14)])
        for path, data in files.items():
            tail = chance.randrange(3000) if path.name == "seg-000002.m4s" else 0
            path.write_bytes(data[: max(0, len(data) - tail)])
        again = Recorder(tmp_path, Feed(), lambda _: None, vault=PlainVault())
        (summary,) = await again.recover()
        await again.stop()
        assert summary["torn"]
        for name in TRACKS:
            assert_seamless(samples(tmp_path, "visit", name), within=0.003)
            assert len(decoded(tmp_path, "visit", name)) > 15 * 22


async def test_two_processes_never_write_the_same_recording(tmp_path: Path) -> None:
    one = Recorder(tmp_path, Feed(), lambda _: None, vault=PlainVault())
    two = Recorder(tmp_path, Feed(), lambda _: None, vault=PlainVault())
    await one.start("visit", "room", {})
    await one._start_writer().drained("visit")
    assert await two.recover() == []
    with pytest.raises(RecordingBusy):
        await two.start("visit", "room", {})
    await one.pause("visit")
    assert (await two.start("visit", "room", {}))["state"] == "recording"
    assert (await two.seal("visit"))["state"] == "sealed"
    await one.stop()
    await two.stop()


async def test_a_journal_without_a_whole_line_is_put_aside(tmp_path: Path) -> None:
    (tmp_path / "visit").mkdir()
    (tmp_path / "visit/journal.jsonl").write_bytes(b'{"v":1,"recor')
    recorder = Recorder(tmp_path, Feed(), lambda _: None, vault=PlainVault())
    assert await recorder.recover() == []
    await recorder.start("visit", "room", {})
    assert (await recorder.seal("visit"))["state"] == "sealed"
    await recorder.stop()
    assert (tmp_path / "visit/journal.broken").read_bytes() == b'{"v":1,"recor'


class SmallDisk(Disk):
    """A disk with room for so many bytes."""

    def __init__(self, root: Path, room: int) -> None:
        super().__init__(root)
        self.room = room

    def write(self, descriptor: int, data: bytes) -> None:
        if len(data) > self.room:
            # As a real one does: what fits is written, then it refuses.
            super().write(descriptor, data[: self.room])
            self.room = 0
            raise OSError(errno.ENOSPC, "No space left on device")
        self.room -= len(data)
        super().write(descriptor, data)

    def free(self) -> int:
        return self.room


@pytest.fixture
async def crowded(tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    made: list[Recorder] = []

    def make(room: int, **settings: int) -> tuple[World, SmallDisk, Recorder, list[dict[str, Any]]]:
        world, disk, events = World(), SmallDisk(tmp_path, room), []
        recorder = Recorder(
            tmp_path,
            world.feed,
            events.append,
            vault=PlainVault(),
            clock=lambda: world.now,
            wall=lambda: world.now,
            settings=RecorderSettings(**settings),  # type: ignore[arg-type]
            disk=disk,
        )
        made.append(recorder)
        world.microphone(Publisher(ALICE, "microphone", "opus"), world.now, world.now + 60)
        world.camera(Publisher(ALICE, "camera", "H264"), world.now, world.now + 60)
        return world, disk, recorder, events

    yield make
    for recorder in made:
        await recorder.stop()


async def run(world: World, recorder: Recorder, seconds: int) -> None:
    """In steps, so that the writing thread's answers are heard in between."""
    for _ in range(seconds * 2):
        world.run(world.now + 0.5, recorder.tick)
        if (writer := recorder._writer) is not None:
            try:
                await writer.drained("visit")
            except StorageFailed:
                continue


def states(events: list[dict[str, Any]]) -> list[tuple[str, str | None]]:
    return [(e["state"], e.get("reason")) for e in events if e["event"] == "recording"]


@pytest.mark.parametrize("reserve", [0, 30_000])
async def test_a_full_disk_pauses_with_an_alarm_and_resumes_by_itself(
    crowded: Callable[..., Any], tmp_path: Path, reserve: int
) -> None:
    """With a reserve the recorder stops in good order before the disk is full; without, it is torn off and mended."""
    world, disk, recorder, events = crowded(150_000, min_free=reserve, resume_free=100_000)
    await recorder.start("visit", "room", {})
    await run(world, recorder, 15)
    for _ in range(15):
        await run(world, recorder, 1)
        await recorder.look()
    assert states(events) == [("recording", None), ("alarm", "disk-full")]
    taken = world.feed.taps["room"]
    assert taken == []
    disk.room = 10_000_000
    await asyncio.wait_for(_until(lambda: recorder._writer is not None and recorder._writer.free > 1_000_000), 5)
    await recorder.look()
    assert states(events)[-1] == ("recording", None)
    await run(world, recorder, 10)
    summary = await recorder.seal("visit")
    for track in summary["tracks"]:
        assert len(track["gaps"]) == 1, track
        assert track["start"] + track["duration"] == pytest.approx(40, abs=0.1)
    for name in TRACKS:
        assert_seamless(samples(tmp_path, "visit", name), within=0.003)
        assert decoded(tmp_path, "visit", name)


async def _until(true: Callable[[], bool]) -> None:
    while not true():
        await asyncio.sleep(0.05)


async def test_sealing_on_a_full_disk_is_made_up_for_when_there_is_room(
    crowded: Callable[..., Any], tmp_path: Path
) -> None:
    world, disk, recorder, events = crowded(100_000, min_free=0, resume_free=50_000)
    await recorder.start("visit", "room", {})
    await run(world, recorder, 20)
    with pytest.raises(StorageFailed):
        await recorder.seal("visit")
    assert ("sealed", None) not in states(events)
    disk.room = 10_000_000
    await asyncio.wait_for(_until(lambda: recorder._writer is not None and recorder._writer.free > 1_000_000), 5)
    await recorder.look()
    assert states(events)[-1] == ("sealed", None)
    summary = Library(tmp_path, PlainVault()).summary("visit")
    assert summary is not None and summary["state"] == "sealed" and summary["duration"] > 3


async def test_a_recorder_that_stops_leaves_recordings_that_another_continues(
    crowded: Callable[..., Any], tmp_path: Path
) -> None:
    world, _, recorder, _ = crowded(10_000_000, min_free=0, resume_free=0)
    await recorder.start("visit", "room", {})
    await run(world, recorder, 8)
    await recorder.stop()
    again = Recorder(
        tmp_path, world.feed, lambda _: None, vault=PlainVault(), clock=lambda: world.now, wall=lambda: world.now
    )
    (found,) = await again.recover()
    assert found["state"] == "paused" and not found["torn"]
    world.run(world.now + 4, again.tick)
    await again.start("visit", "room", {})
    await run(world, again, 8)
    summary = await again.seal("visit")
    assert summary["duration"] == pytest.approx(20, abs=0.01)
    assert [len(track["gaps"]) for track in summary["tracks"]] == [1, 1]
    assert (await again.pause("visit"))["state"] == "sealed"
    with pytest.raises(RecordingSealed):
        await again.start("visit", "room", {})
    with pytest.raises(UnknownRecording):
        await again.pause("another")
    await again.stop()
