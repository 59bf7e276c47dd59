"""A player that is not ours: FFmpeg reads a lecture live and as its replay."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import av
import av.logging
import pytest
from yarl import URL

from signaling.media.counters import Counters
from signaling.media.tasks import Tasks
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
