"""A live lecture under fire: ten random kills, and a disk that is full for a while. What is lost, and who notices."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from signaling.media.counters import Counters
from signaling.media.tasks import Tasks
from tests.bench import kills_live
from tests.bench.podium import Podium
from tests.people import caller
from tests.server import running_server

ALARM_WITHIN = 5.0
RESUMES_WITHIN = 10.0
MIB = 1024 * 1024


@pytest.mark.timeout(400)
async def test_ten_random_kills_cost_at_most_a_second_each() -> None:
    result = await kills_live.measure(10, seed=4)
    print(result)
    assert kills_live.kept(result) == []
    assert result["frames"] > 500


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A data folder whose recordings are on a disk of 64 MiB."""
    recordings = tmp_path / "data" / "recordings"
    recordings.mkdir(parents=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", recordings], capture_output=True).returncode:
        pytest.skip("a disk of its own needs the right to mount one")
    yield recordings
    subprocess.run(["umount", "--lazy", recordings], check=True)


async def test_a_full_disk_stops_the_recording_and_nothing_else(small_disk: Path) -> None:
    """All is written that can be; then the host is told, the lecture goes on, and the recording when there is room."""
    tasks = Tasks(Counters())
    with running_server(small_disk.parent, TELE_RECORDING__MIN_FREE_MEGABYTES="4") as server:
        async with caller(server.url, "spec") as spec, caller(server.url, "gp", page=False) as gp:
            podium = Podium(spec)
            await podium.go_live("On a small disk")
            tasks.spawn(podium.keep(), "keep")
            tasks.spawn(podium.speak(), "speak")
            try:
                recording, tracks = await kills_live.live_recording(gp)
                viewer = kills_live.Viewer(gp, f"/media/{recording}", tracks)
                tasks.spawn(viewer.run(), "viewer")
                await kills_live.until(lambda: viewer.watches(time.time() - 2), 20, "watching")
                ballast = small_disk / "ballast"
                filled = time.monotonic()
                await asyncio.to_thread(fill, ballast)
                await spec.hears("recording", room=podium.lecture, reason="disk-full", limit=ALARM_WITHIN)
                assert time.monotonic() - filled < ALARM_WITHIN
                joined = podium.joined
                await asyncio.sleep(3)  # nothing is recorded, and nothing else happens
                emptied = time.time()
                ballast.unlink()
                await kills_live.until(lambda: viewer.watches(emptied), RESUMES_WITHIN, "going on")
                assert podium.joined == joined == 1, "nobody had to come back"
                await spec.ok("POST", f"/api/lectures/{podium.lecture}/end")
                await kills_live.sealed(gp, recording)
                assert viewer.violations == []
                for track in tracks:
                    frames, wrong = await kills_live.decode(gp, f"/media/{recording}", track)
                    assert wrong == [] and frames > 10, frames  # the disk may fill in the third second
            finally:
                await tasks.stop()
                await podium.close()


def fill(ballast: Path) -> None:
    """Write until nothing fits any more."""
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(MIB // 16))
