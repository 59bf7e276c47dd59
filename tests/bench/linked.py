"""A media worker behind its link, as fronts have it: many commands under way at once, its clients' offers answered."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from signaling.media.config import MediaConfig
from signaling.media.counters import Counters
from signaling.media.plane import MediaPlane
from signaling.media.tasks import Tasks
from tele.link import LinkServer, Message, RemoteNode
from tele.process import calm_collector
from tests.bench.load import pinned
from tests.media_client import MediaClient

CONNECT_WITHIN = 30.0
"""Seconds that a client may take to connect."""


class _Callee:
    """Each command by its name."""

    def __init__(self, plane: MediaPlane) -> None:
        self._plane = plane

    async def call(self, name: str, arguments: Message) -> Message:
        result: Message = await getattr(self._plane, name)(**arguments)
        return result


async def serve(path: Path) -> None:
    """The process: until standard input ends."""
    config = MediaConfig(port=0, bind="127.0.0.1", max_rooms=5_000, max_peers=10_000)
    plane = MediaPlane(config, lambda event: link.emit(event))  # noqa: PLW0108 - the link is made from the plane
    link = LinkServer(_Callee(plane))
    await plane.start()
    await link.start(path)
    calm_collector()
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await link.stop()
    await plane.stop()


class Linked:
    """One front's end: those who connect through it, by room, participant and session."""

    def __init__(self, path: Path, pid: int) -> None:
        self.pid = pid
        self._tasks = Tasks(Counters())
        self._receivers: dict[tuple[str, str, str], MediaClient] = {}
        self._up = asyncio.Event()
        self._node = RemoteNode(path, self._heard, self._greet)
        self._tasks.spawn(self._node.run(), "link")

    async def _greet(self) -> None:
        self._up.set()

    async def ready(self) -> None:
        """Until commands can be given."""
        async with asyncio.timeout(CONNECT_WITHIN):
            await self._up.wait()

    async def call(self, command: str, **arguments: Any) -> Message:
        """One command; others may be under way."""
        return await self._node.call(command, arguments)

    async def open_room(self, room: str) -> None:
        """Nothing is recorded here."""

    async def publish(
        self, client: MediaClient, *, room: str, name: str, audio: bool, ssrc: int, session: str = "s"
    ) -> None:
        """Connect somebody who sends a camera, and with `audio` a microphone before it with the SSRC below."""
        await self.call("join", room=room, participant=name, codecs=["H264"])
        sections = [("audio", "opus", ssrc - 1)] if audio else []
        sources = ["microphone", "camera"] if audio else ["camera"]
        offer = client.offer(*sections, ("video", "H264", ssrc))
        wanted = {str(mid): source for mid, source in enumerate(sources)}
        answer = await self.call(
            "publish", room=room, participant=name, session=session, sdp=offer, sources=wanted
        )  # fmt: skip
        await client.connect(answer["sdp"])

    async def subscribe(self, client: MediaClient, index: int, *, room: str, name: str, session: str = "s") -> None:
        """Connect somebody who receives what there is in the room."""
        self._receivers[room, name, session] = client
        await self.call("subscribe", room=room, participant=name, session=session)
        async with asyncio.timeout(CONNECT_WITHIN):
            await client.connected.wait()

    def forget(self, *, room: str, name: str, session: str) -> None:
        """Answer no more for this one."""
        self._receivers.pop((room, name, session), None)

    def _heard(self, event: Message) -> None:
        if event.get("event") == "offer" and event["tracks"]:
            client = self._receivers.get((event["room"], event["participant"], event["session"]))
            if client is not None:
                self._tasks.spawn(self._answer(event, client), "answer")

    async def _answer(self, offer: Message, client: MediaClient) -> None:
        """The first offer with something in it connects."""
        sdp, known = offer["sdp"], bool(client.remote_ufrag)
        client.read_transport(sdp)
        said = {name: offer[name] for name in ("room", "participant", "session", "version")}
        await self.call("answer", **said, sdp=client.answer(sdp))
        if not known:
            await client.connect(sdp)

    async def close(self) -> None:
        """Leave the link."""
        await self._tasks.stop()


@asynccontextmanager
async def worker(core: int) -> AsyncIterator[tuple[Path, Linked]]:
    """The process on this core: where its link is, and one end of it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "media"
        with pinned(core):
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.bench.linked", str(path)),
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            )  # fmt: skip
        assert process.stdout is not None and process.stdin is not None
        assert await process.stdout.readline() == b"ready\n"
        linked = Linked(path, process.pid)
        try:
            await linked.ready()
            yield path, linked
        finally:
            await linked.close()
            process.stdin.close()
            await process.wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
