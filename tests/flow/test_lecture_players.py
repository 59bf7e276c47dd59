"""Readers that are not ours: FFmpeg reads a lecture live and as its replay, GPAC every box of what was recorded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import av.logging
import pytest
from yarl import URL

from signaling.media.counters import Counters
from signaling.media.tasks import Tasks
from tests import peers
from tests.bench.kills_live import live_recording, sealed
from tests.bench.podium import Podium
from tests.people import Caller, caller
from tests.server import Server, running_server

UNAVOIDABLE = {"mov,mp4,m4a,3gp,3g2,mj2: Found duplicated MOOV Atom. Skipped it"}
"""What FFmpeg says of every EXT-X-MAP after the first: what stands for a camera that was off has one of its own."""


@dataclass
class Show:
    """A lecture that is live until `end`, and somebody who may watch it."""

    server: Server
    podium: Podium
    viewer: Caller
    recording: str

    @property
    def path(self) -> str:
        """Of its playlist."""
        return f"/media/{self.recording}/index.m3u8"

    async def end(self) -> None:
        await self.podium.caller.ok("POST", f"/api/lectures/{self.podium.lecture}/end")
        await sealed(self.viewer, self.recording)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("players") / "data") as server:
        yield server


@pytest.fixture
async def show(server: Server) -> AsyncIterator[Show]:
    tasks = Tasks(Counters())
    async with caller(server.url, "spec") as host, caller(server.url, "gp", page=False) as viewer:
        made = Show(server, Podium(host), viewer, "")
        await made.podium.go_live("For every player")
        tasks.spawn(made.podium.keep(), "keep")
        tasks.spawn(made.podium.speak(), "speak")
        made.recording, _ = await live_recording(viewer)
        yield made
        await tasks.stop()
        await made.podium.close()
        await host.call("POST", f"/api/lectures/{made.podium.lecture}/end")


def read(address: str, cookie: str, seconds: float) -> tuple[dict[str, int], list[str]]:
    """What FFmpeg decodes of a playlist in so many seconds of media, and every warning of it."""
    frames = {"audio": 0, "video": 0}
    with av.logging.Capture(local=False) as said:
        av.logging.set_level(av.logging.WARNING)
        try:
            with av.open(address, "r", options={"headers": f"Cookie: {cookie}\r\n"}) as container:
                start = None
                for frame in container.decode(video=0, audio=0):
                    assert isinstance(frame, av.VideoFrame | av.AudioFrame) and frame.time is not None
                    frames["video" if isinstance(frame, av.VideoFrame) else "audio"] += 1
                    start = frame.time if start is None else start
                    if frame.time - start >= seconds:
                        break
        finally:
            av.logging.set_level(None)
    return frames, [f"{name}: {text.strip()}" for level, name, text in said if level <= av.logging.WARNING]


def cookie_of(viewer: Caller) -> str:
    return "; ".join(
        f"{each.key}={each.value}" for each in viewer.http.cookie_jar.filter_cookies(URL(viewer.url)).values()
    )


async def test_ffmpeg_reads_a_lecture_live_and_as_its_replay_without_a_warning(show: Show) -> None:
    for seconds, at_least in ((4.0, 40), (6.0, 60)):
        if seconds == 6.0:
            await show.end()
        frames, warnings = await asyncio.to_thread(read, show.viewer.url + show.path, cookie_of(show.viewer), seconds)
        assert set(warnings) <= UNAVOIDABLE
        assert frames["video"] >= at_least and frames["audio"] >= at_least, frames


async def fetched(viewer: Caller, path: str) -> bytes:
    """A file's bytes; one that is still being made is waited for."""
    async with asyncio.timeout(30):
        while True:
            async with viewer.http.get(viewer.url + path) as answer:
                if answer.status == 200:
                    return await answer.read()
                assert answer.status == 503, (path, answer.status)
            await asyncio.sleep(0.2)


async def pieces(viewer: Caller, folder: str) -> dict[str, bytes]:
    """What one track consists of: for each init section all segments behind it, by the init section's name."""
    found: dict[str, bytes] = {}
    current = ""
    for line in (await fetched(viewer, f"{folder}/index.m3u8")).decode().splitlines():
        if line.startswith("#EXT-X-MAP:"):
            current = line.split('"')[1]
            found.setdefault(current, await fetched(viewer, f"{folder}/{current}"))
        elif line and not line.startswith("#"):
            found[current] += await fetched(viewer, f"{folder}/{line}")
    return found


async def test_gpac_has_no_complaint_of_what_was_recorded(show: Show, tmp_path: Path) -> None:
    host, lecture = show.podium.caller, show.podium.lecture
    await host.ok("PATCH", f"/api/lectures/{lecture}", {"downloadable": True})
    await show.end()
    base = f"/media/{show.recording}"
    files = {tmp_path / "download.mp4": await fetched(show.viewer, f"{base}/download.mp4")}
    recording = await show.viewer.ok("GET", f"/api/recordings/{show.recording}")
    for track in recording["tracks"]:
        for init, data in (await pieces(show.viewer, f"{base}/{track['name']}")).items():
            files[tmp_path / f"{track['name']}-{init}"] = data
    for file, data in files.items():
        file.write_bytes(data)
    judged = dict(zip(files, await asyncio.to_thread(peers.mp4box, list(files)), strict=True))
    assert [f"{file.name}: {text}" for file, said in judged.items() for text in said["complaints"]] == []
    download = judged.pop(tmp_path / "download.mp4")["tracks"]
    assert {each["codec"].split(".")[0] for each in download} == {"avc1", "Opus"}
    assert all(each["samples"] > 10 for each in download)
    assert len(judged) >= 2 and all(len(said["tracks"]) == 1 for said in judged.values())
    assert all(each["samples"] for said in judged.values() for each in said["tracks"])
