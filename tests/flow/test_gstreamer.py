"""GStreamer as a device (WHIP) and as a player (WHEP): a WebRTC stack and an ICE agent (libnice) of other people."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from tests.device_call import Json, device_call, devices, watching
from tests.server import REPOSITORY, Server, running_server

SYSTEM_PYTHON: Final = "/usr/bin/python3"
"""GStreamer's bindings come with the distribution, for its own Python."""
NEEDED: Final = ("webrtcbin", "nicesrc", "x264enc", "opusenc", "avdec_h264")


def there() -> bool:
    """Whether this machine has GStreamer with all that the client uses."""
    code = (
        "import gi; gi.require_version('Gst', '1.0'); gi.require_version('GstWebRTC', '1.0')\n"
        f"from gi.repository import Gst; Gst.init(None); assert all(map(Gst.ElementFactory.find, {NEEDED!r}))"
    )
    try:
        return subprocess.run([SYSTEM_PYTHON, "-c", code], capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


pytestmark = pytest.mark.skipif(not there(), reason="GStreamer's webrtcbin is not installed (docs/whip.md)")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("gstreamer")
    with running_server(folder / "data") as server:
        yield server


class Client:
    """A running client and what it said."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.said: list[Json] = []

    async def until(self, condition: Callable[[Json], Any], limit: float = 20.0) -> Json:
        """Read on until it says something of this kind."""
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(limit):
                async for line in self._process.stdout:
                    self.said.append(json.loads(line))
                    if condition(self.said[-1]):
                        return self.said[-1]
        except TimeoutError:
            pass
        raise AssertionError(f"it ended, or said only: {self.said[-5:]}")

    async def end(self) -> Json:
        """Let it end its session in order."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"end\n")
        return await self.until(lambda said: "ended" in said)


@asynccontextmanager
async def gstreamer(direction: str, made: Json) -> AsyncIterator[Client]:
    """A client in a process of its own, gone at the end."""
    process = await asyncio.create_subprocess_exec(
        SYSTEM_PYTHON, str(REPOSITORY / "tests" / "gst_client.py"), direction, made["url"], made["token"],
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield Client(process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def test_it_is_seen_and_heard_and_sees_and_hears(server: Server) -> None:
    async with device_call(server.url) as call, watching(call.gp, call.room) as seen:
        made = await call.token(label="Ultrasound")
        async with gstreamer("publish", made) as device:
            await device.until(lambda said: said.get("state") == "connected")
            await seen.until(lambda seen: len(seen.pictures) > 25 and len(seen.sounds) > 50, "picture or sound")
            async with gstreamer("play", await call.token("play", "Wall")) as player:
                await player.until(
                    lambda said: min(said.get("decoded", {"nothing": 0}).values()) > 12  # half a second of both
                )
                assert await player.end() == {"ended": 200}
            assert await device.end() == {"ended": 200}
        await call.people(lambda people: not devices(people))
