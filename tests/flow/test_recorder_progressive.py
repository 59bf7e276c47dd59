"""One MP4 of a recording: what a stranger's demuxer finds in it, and that it is there whole or not at all."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import av
import pytest

from recorder.boxes import walk
from recorder.progressive import NOTHING, make, progressive_file
from recorder.recorder import Recorder
from recorder.settings import RecorderSettings
from recorder.vault import PlainVault
from tests.unit.recorder.reading import beeps, flashes
from tests.unit.recorder.synthetic import Publisher, World

HOST = "host-0000001"
WHOLE = progressive_file("camera")


@pytest.fixture
async def root(tmp_path: Path) -> AsyncIterator[Path]:
    """30 s of a lecture: the camera comes after 3 s, is away from 12 to 16 s, then smaller; slides from 5 s on."""
    world = World()
    settings = RecorderSettings(min_free=0, resume_free=0, queue_items=10**7, queue_bytes=10**10)
    recorder = Recorder(
        tmp_path, world.feed, lambda _: None, vault=PlainVault(), clock=lambda: world.now, settings=settings
    )
    start = world.now
    world.microphone(Publisher(HOST, "microphone", "opus"), start, start + 30)
    world.camera(Publisher(HOST, "camera", "H264"), start + 3, start + 12)
    world.camera(
        Publisher(HOST, "camera", "H264", publication="again"), start + 16, start + 30, size=lambda _: (160, 96)
    )
    world.camera(Publisher(HOST, "screen", "VP9"), start + 5, start + 30, fps=10)
    await recorder.start("lecture", "room", {"low_latency": True, "host": HOST})
    world.run(start + 30, recorder.tick)
    await recorder.seal("lecture")
    await recorder.stop()
    yield tmp_path


def demuxed(file: Path, kind: str) -> list[Any]:
    with av.open(str(file)) as container:
        stream = next(each for each in container.streams if each.type == kind)
        return list(container.decode(stream))


async def test_it_plays_as_the_replay_does(root: Path) -> None:
    assert make(root, "lecture", "camera") == 0
    file = root / "lecture" / WHOLE
    kinds = [kind for kind, _, _ in islice(walk(file.read_bytes()), 2)]
    assert kinds == [b"ftyp", b"moov"], "the index is in front"
    sound, picture = demuxed(file, "audio"), demuxed(file, "video")
    assert float(picture[0].time) == pytest.approx(3.0, abs=0.15)
    assert max(after.time - before.time for before, after in pairwise(picture)) > 3.5
    assert {(frame.width, frame.height) for frame in picture} == {(320, 180), (160, 96)}
    assert float(sound[-1].time) == pytest.approx(30.0, abs=0.3)
    heard = beeps(sound)
    assert len(heard) >= 29
    seen = flashes(picture)[1:]
    off = [flash for flash in seen if min(abs(flash - beep) for beep in heard) > 0.06]
    # Where the camera went away its last keyframe is repeated; what it shot before the cut, shown with it.
    assert len(seen) >= 20 and all(12 < flash < 17 for flash in off), off


async def test_of_another_picture_and_of_none(root: Path) -> None:
    assert make(root, "lecture", "screen") == 0
    with av.open(str(root / "lecture" / progressive_file("screen"))) as container:
        assert [stream.codec_context.name for stream in container.streams] == ["vp9", "opus"]
    for other in (root / "lecture").glob("download-*"):
        other.unlink()
    assert make(root, "none", "camera") == NOTHING


def written(folder: Path) -> int:
    """Bytes of the file under way; none before it and after it."""
    try:
        return (folder / f"{WHOLE}.new").stat().st_size
    except FileNotFoundError:
        return -1


async def test_killed_at_any_moment_it_is_whole_or_not_there(root: Path) -> None:
    command = [sys.executable, "-m", "recorder.progressive", str(root), "lecture", "camera"]
    assert make(root, "lecture", "camera") == 0
    right = (root / "lecture" / WHOLE).read_bytes()
    kills = 0
    for number in range(12):
        (root / "lecture" / WHOLE).unlink(missing_ok=True)
        process = subprocess.Popen(command)
        deadline = time.monotonic() + 20
        while process.poll() is None and written(root / "lecture") < number * len(right) // 12:
            assert time.monotonic() < deadline
        process.send_signal(signal.SIGKILL)
        kills += process.wait() == -signal.SIGKILL
        there = root / "lecture" / WHOLE
        assert not there.exists() or there.read_bytes() == right
    assert kills, "every process was done before it could be killed"
    assert make(root, "lecture", "camera") == 0 and (root / "lecture" / WHOLE).read_bytes() == right
