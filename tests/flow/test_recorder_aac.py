"""AAC beside Opus: the same sound at the same time, cut at the same places; there whole or not at all."""

from __future__ import annotations

import asyncio
import io
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import av
import pytest

from recorder.aac import make
from recorder.aac_format import aac_name
from recorder.alternative import INDEX
from recorder.library import Library
from recorder.renditions import Renditions
from recorder.vault import PlainVault
from tests.flow.test_recorder_progressive import HOST
from tests.flow.test_recorder_progressive import root as root  # a fixture
from tests.unit.recorder.hls_rules import attributes, check, check_renditions
from tests.unit.recorder.reading import assert_seamless, beeps, decoded, samples, track_files

OPUS = f"audio-{HOST}"
AAC = aac_name(OPUS)


def playlists(library: Library) -> dict[str, Any]:
    names = re.findall(r'(?m)^([^#\n]+)/index\.m3u8$|URI="([^"]+)/index\.m3u8"', library.playlist("lecture"))
    tracks = sorted({one or other for one, other in names})
    return {
        name: check(library.media_playlist("lecture", name), video=name.startswith(("cam", "screen")))
        for name in tracks
    }


async def test_it_sounds_like_the_opus_at_the_same_time(root: Path) -> None:
    assert make(root, "lecture") == 0
    assert_seamless(samples(root, "lecture", AAC))
    before, after = beeps(decoded(root, "lecture", OPUS)), beeps(_decoded_whole(root))
    assert len(before) >= 29 and len(after) == len(before)
    for one, other in zip(before, after, strict=True):
        assert abs(one - other) < 0.03  # an AAC frame is 21 ms
    again = (root / "lecture" / AAC / INDEX).stat().st_mtime_ns
    assert make(root, "lecture") == 0 and (root / "lecture" / AAC / INDEX).stat().st_mtime_ns == again


def _decoded_whole(root: Path) -> list[Any]:
    files = track_files(root, "lecture", AAC)
    with av.open(io.BytesIO(files[0][1] + b"".join(data for _, _, data in files))) as container:
        assert container.streams[0].codec_context.name == "aac"
        return list(container.decode(container.streams[0]))


async def test_it_is_listed_beside_the_opus_by_the_rules(root: Path) -> None:
    library = Library(root, PlainVault())
    before = library.playlist("lecture")
    assert "mp4a" not in before and AAC not in before
    assert make(root, "lecture") == 0
    text = library.playlist("lecture")
    assert text.startswith(before.split("#EXT-X-STREAM")[0].split("#EXT-X-MEDIA")[0])
    media = [attributes(line.split(":", 1)[1]) for line in text.splitlines() if line.startswith("#EXT-X-MEDIA:")]
    assert [each["GROUP-ID"] for each in media] == [OPUS, AAC]
    streams = [attributes(line.split(":", 1)[1]) for line in text.splitlines() if line.startswith("#EXT-X-STREAM-INF:")]
    for stream in streams:
        coded = stream["CODECS"].split(",")
        assert ("mp4a.40.2" in coded) != ("opus" in coded)
        if "AUDIO" in stream:
            assert stream["AUDIO"] == (AAC if "mp4a.40.2" in coded else OPUS)
    opus = [stream for stream in streams if "opus" in stream["CODECS"]]
    assert len(streams) == 2 * len(opus) and streams[: len(opus)] == opus, "Opus first"
    found = playlists(library)
    assert {OPUS, AAC} <= found.keys()
    check_renditions(found)
    assert library.playlist("lecture") == Library(root, PlainVault()).playlist("lecture")
    camera = library.participant_playlist("lecture", HOST)
    assert f'URI="../{AAC}/index.m3u8"' in camera


def files_of(folder: Path) -> int:
    """How many files are in it now; none, too, while it is not there or has just got its final name."""
    try:
        return len(list(folder.iterdir()))
    except FileNotFoundError:
        return 0


async def test_killed_at_any_moment_it_is_whole_or_not_there_and_is_made_after_all(root: Path) -> None:
    command = [sys.executable, "-m", "recorder.aac", str(root), "lecture"]
    fresh, there = root / "lecture" / f"{AAC}.new", root / "lecture" / AAC
    kills = 0
    for number in range(10):
        shutil.rmtree(there, ignore_errors=True)
        process = subprocess.Popen(command)
        deadline = time.monotonic() + 120  # it has the lowest priority of all
        while process.poll() is None and files_of(fresh) <= number:
            assert time.monotonic() < deadline
        process.send_signal(signal.SIGKILL)
        kills += process.wait() == -signal.SIGKILL
        text = Library(root, PlainVault()).playlist("lecture")
        assert (AAC in text) == there.exists() == (there / INDEX).exists()
        if there.exists():
            assert_seamless(samples(root, "lecture", AAC))
    assert kills, "every process was done before it could be killed"
    renditions = Renditions(Library(root, PlainVault()), root, every=0.1)
    running = asyncio.create_task(renditions.run())
    async with asyncio.timeout(60):
        while not (there / INDEX).exists():
            await asyncio.sleep(0.05)
    running.cancel()
    assert not fresh.exists() and renditions.failed == 0
    assert_seamless(samples(root, "lecture", AAC))


async def test_what_cannot_be_made_is_tried_once(root: Path) -> None:
    for segment in (root / "lecture" / OPUS).glob("seg-*"):
        segment.unlink()
    renditions = Renditions(Library(root, PlainVault()), root, every=0.05)
    running = asyncio.create_task(renditions.run())
    async with asyncio.timeout(60):
        while not renditions.failed:
            await asyncio.sleep(0.05)
    assert renditions.failed == 1 and not list((root / "lecture").glob("aac-*.new"))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
