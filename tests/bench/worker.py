"""A media worker as a process under test: one core, commands as JSON lines, its clients' offers answered for them."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from recorder.recorder import Recorder
from recorder.vault import PlainVault
from signaling.media.config import MediaConfig
from signaling.media.counters import Counters
from signaling.media.plane import MediaPlane
from signaling.media.tasks import Tasks
from tele.process import calm_collector
from tests.bench.load import SSRC, pinned
from tests.media_client import MediaClient

ROOM = "bench"
CONNECT_WITHIN = 20.0
"""Seconds that a client may take to connect."""

# --- the process --------------------------------------------------------------------------------------------------


async def serve(recordings: str = "") -> None:
    """Take commands on standard input and answer on standard output; with a folder, a recorder listens too."""

    def say(message: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()

    plane = MediaPlane(MediaConfig(port=0, bind="127.0.0.1", max_rooms=5_000, max_peers=10_000), say)
    await plane.start()
    calm_collector()
    recorder = Recorder(Path(recordings), plane, say, vault=PlainVault()) if recordings else None
    commands: dict[str, Callable[..., Any]] = {
        name: getattr(plane, name) for name in ("join", "publish", "subscribe", "answer", "stats")
    }
    if recorder is not None:
        commands["record"] = recorder.start
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=1 << 20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    say({"ready": plane.port})
    while line := await reader.readline():
        command = json.loads(line)
        say({"result": await commands[command["command"]](*command["arguments"])})
    if recorder is not None:
        await recorder.stop()
    await plane.stop()


# --- those who use it ---------------------------------------------------------------------------------------------


class Server:
    """The process, and its commands."""

    def __init__(self, process: asyncio.subprocess.Process, *, records: bool = False) -> None:
        self._process = process
        self._records = records
        self._offers: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._receivers: dict[tuple[str, str], MediaClient] = {}
        self._results: asyncio.Queue[Any] = asyncio.Queue()
        self._asking = asyncio.Lock()
        self._tasks = Tasks(Counters())
        self._tasks.spawn(self._listen(), "server output")
        self._tasks.spawn(self._answer(), "answers")

    @classmethod
    async def start(cls, core: int, recordings: str = "") -> Server:
        """Start it on this core and wait until its port is open."""
        with pinned(core):
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "tests.bench.worker",
                recordings,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=1 << 22,
            )
        assert process.stdout is not None
        assert "ready" in json.loads(await process.stdout.readline())
        return cls(process, records=bool(recordings))

    @property
    def pid(self) -> int:
        """The server's process."""
        return self._process.pid

    async def publish(
        self, client: MediaClient, *, room: str = ROOM, name: str = "publisher", audio: bool = False, ssrc: int = SSRC
    ) -> None:
        """Connect somebody who sends a camera, and with `audio` a microphone before it with the SSRC below."""
        sections = [("audio", "opus", ssrc - 1)] if audio else []
        sources = ["microphone", "camera"] if audio else ["camera"]
        await self.call("join", room, name, ["H264"])
        offer = client.offer(*sections, ("video", "H264", ssrc))
        wanted = {str(mid): source for mid, source in enumerate(sources)}
        answer = await self.call("publish", room, name, "s", offer, wanted)
        await client.connect(answer["sdp"])

    async def subscribe(self, client: MediaClient, index: int, *, room: str = ROOM, name: str = "") -> None:
        """Connect somebody who receives what there is and what will come."""
        name = name or f"subscriber-{index}"
        await self.call("join", room, name, ["H264"])
        self._receivers[room, name] = client
        await self.call("subscribe", room, name, "s")
        async with asyncio.timeout(CONNECT_WITHIN):
            await client.connected.wait()

    async def open_room(self, room: str) -> None:
        """Record it from now on, where recordings are made."""
        if self._records:
            await self.call("record", f"recording-{room}", room, {})

    async def counts(self) -> dict[str, int]:
        """What the media plane has counted since it started."""
        counts: dict[str, Any] = await self.call("stats")
        return {name: count for name, count in counts.items() if isinstance(count, int)}

    async def call(self, command: str, *arguments: Any) -> Any:
        """One command."""
        assert self._process.stdin is not None
        async with self._asking:
            self._process.stdin.write(json.dumps({"command": command, "arguments": arguments}).encode() + b"\n")
            return await self._results.get()

    async def _listen(self) -> None:
        """Sort what the server says."""
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            message = json.loads(line)
            if "result" in message:
                self._results.put_nowait(message["result"])
            elif message.get("event") == "offer" and message["tracks"]:
                self._offers.put_nowait(message)

    async def _answer(self) -> None:
        """Answer each offer; the first with something in it connects."""
        while True:
            offer = await self._offers.get()
            room, name, sdp = offer["room"], offer["participant"], offer["sdp"]
            client = self._receivers[room, name]
            await self.call("answer", room, name, "s", offer["version"], client.answer(sdp))
            known = bool(client.remote_ufrag)
            client.read_transport(sdp)
            if not known:
                self._tasks.spawn(client.connect(sdp), f"connect {name}")

    async def stop(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()
        await self._tasks.stop()


if __name__ == "__main__":
    asyncio.run(serve(*sys.argv[1:2]))
