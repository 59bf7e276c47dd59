"""A media plane with hand-made clients around it: what the flow tests of the media plane have in common."""

from __future__ import annotations

import asyncio
import contextlib
import struct
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from signaling.media.config import MediaConfig
from signaling.media.counters import Counters
from signaling.media.plane import MediaPlane
from signaling.media.tasks import Tasks
from tests.media_client import MediaClient

AUDIO, VIDEO = 0x0A000000, 0x0B000000
"""SSRCs of a client's microphone and camera; RTX is VIDEO + 1."""
OPUS, RED, H264, RTX = 111, 63, 102, 103
"""Payload types in a client's offer."""
KEYFRAME = b"\x67keyframe"
DELTA = b"\x41delta"


class Clock:
    """The worker's clock, which a test can put forward."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self._stands_at: float | None = None

    def __call__(self) -> float:
        return (time.monotonic() if self._stands_at is None else self._stands_at) + self.ahead

    def stand_still(self) -> None:
        """Only `ahead` moves it from now on."""
        self._stands_at = time.monotonic()


def rtp(ssrc: int, payload_type: int, number: int, timestamp: int, payload: bytes, **more: Any) -> bytes:
    """One RTP packet; `wide` and `mid` add header extensions, `marker` the bit, `padding` that many bytes."""
    elements = struct.pack("!BH", 3 << 4 | 1, more["wide"] & 0xFFFF) if "wide" in more else b""
    elements += bytes((4 << 4, ord(more["mid"]))) if "mid" in more else b""
    elements += bytes(-len(elements) % 4)
    head = struct.pack(
        "!BBHII",
        0x80 | (elements != b"") << 4 | ("padding" in more) << 5,
        bool(more.get("marker")) << 7 | payload_type,
        number & 0xFFFF,
        timestamp,
        ssrc,
    )
    if elements:
        head += struct.pack("!HH", 0xBEDE, len(elements) // 4) + elements
    padding = more.get("padding", 0)
    return head + payload + (bytes(padding - 1) + bytes((padding,)) if padding else b"")


class Call:
    """One room, its participants' clients, and every event that the plane emitted."""

    room = "room"

    def __init__(self, plane: MediaPlane, clock: Clock, tasks: Tasks) -> None:
        self.plane = plane
        self.clock = clock
        self.tasks = tasks
        self.events: list[dict[str, Any]] = []
        self.clients: list[MediaClient] = []
        self._subscribers: dict[str, MediaClient] = {}
        self.auto_answer = True

    def heard(self, event: dict[str, Any]) -> None:
        """The plane's `emit`."""
        self.events.append(event)
        client = self._subscribers.get(event.get("participant", ""))
        if event["event"] == "offer" and client is not None and self.auto_answer:
            self.tasks.spawn(self._answer(client, event), "answer")

    async def _answer(self, client: MediaClient, event: dict[str, Any]) -> None:
        arguments = self.room, event["participant"], event["session"], event["version"], client.answer(event["sdp"])
        await self.plane.answer(*arguments)
        if client.keys is None and not client.checks_answered:
            await client.connect(event["sdp"])

    async def publisher(
        self, name: str = "gp", session: str = "p1", *, codec: str = "H264", audio: bool = True, video: bool = True
    ) -> MediaClient:
        """A participant who is connected and ready to send microphone (mid 0) and camera (the next mid)."""
        client = self.client()
        await self.plane.join(self.room, name, [codec])
        offer, sources = publishing(client, codec, audio=audio, video=video)
        answer = await self.plane.publish(self.room, name, session, offer, sources)
        await client.connect(answer["sdp"])
        await self.state(name, "publish", session, "connected")
        return client

    async def subscriber(
        self, name: str = "spec", session: str = "s1", *, codecs: tuple[str, ...] = ("H264", "VP9")
    ) -> MediaClient:
        """A participant who is connected and receives what there is."""
        client = self._subscribers[name] = self.client()
        await self.plane.join(self.room, name, list(codecs))
        await self.plane.subscribe(self.room, name, session)
        await self.state(name, "subscribe", session, "connected")
        await client.connected.wait()
        return client

    def client(self) -> MediaClient:
        """A client that is closed at the end of the test."""
        client = MediaClient()
        self.clients.append(client)
        return client

    async def until(self, condition: Callable[[], Any], what: str = "the condition", limit: float = 10.0) -> None:
        """Let the plane work until the condition holds."""
        deadline = time.monotonic() + limit
        while not condition():
            assert time.monotonic() < deadline, f"{what} did not come"
            await asyncio.sleep(0.005)

    def states(self, name: str, direction: str, session: str) -> list[str]:
        """The states that were announced for a peer."""
        wanted = {"event": "peer", "participant": name, "direction": direction, "session": session}
        return [event["state"] for event in self.events if wanted.items() <= event.items()]

    async def state(self, name: str, direction: str, session: str, state: str) -> None:
        """Wait until a peer is in this state."""
        try:
            await self.until(lambda: self.states(name, direction, session)[-1:] == [state])
        except AssertionError:
            went = self.states(name, direction, session)
            raise AssertionError(
                f"{name}'s {direction} peer went {went}, not {state}: {await self.plane.stats()}"
            ) from None

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The events of one kind."""
        return [event for event in self.events if event["event"] == kind]

    async def count(self, name: str) -> int:
        """One of the plane's counters."""
        return int((await self.plane.stats()).get(name, 0))


def publishing(
    client: MediaClient, codec: str = "H264", *, audio: bool = True, video: bool = True
) -> tuple[str, dict[str, str]]:
    """An offer to send microphone and camera, and their sources."""
    sections = [("audio", "opus", AUDIO)] * audio + [("video", codec, VIDEO)] * video
    names = ["microphone"] * audio + ["camera"] * video
    return client.offer(*sections), {str(mid): name for mid, name in enumerate(names)}


@contextlib.asynccontextmanager
async def calling(**settings: Any) -> AsyncIterator[Call]:
    """A running plane on a free loopback port."""
    clock, tasks = Clock(), Tasks(Counters())
    config = MediaConfig(**{"port": 0, "bind": "127.0.0.1", **settings})
    plane = MediaPlane(config, lambda event: call.heard(event), clock=clock)  # noqa: PLW0108 - call is made below
    call = Call(plane, clock, tasks)
    await plane.start()
    try:
        yield call
    finally:
        await tasks.stop()
        await plane.stop()
        for client in call.clients:
            await client.close()
    assert await call.count("task_errors") == 0
    assert await call.count("datagram_errors") == 0
    assert await call.count("tick_errors") == 0
