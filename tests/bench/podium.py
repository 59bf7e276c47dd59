"""A presenter without a browser: sound and pictures into a live lecture, and back into it whatever was killed."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any, Final

from socketio.exceptions import SocketIOError

from signaling.media.packets import rtcp
from tests.bench.crowd import AUDIO, PICTURES_A_SECOND, SOUNDS_A_SECOND, VIDEO, pictures, sounds
from tests.media_client import MediaClient
from tests.people import Caller
from tests.unit.recorder.synthetic import rtp

AGAIN: Final = 0.1
"""Seconds until what failed is tried again."""
CHECK_EVERY: Final = 1.0
"""Seconds between connectivity checks, which keep consent alive."""
CONSENT: Final = {"consent": "2026-1"}


@dataclass
class Podium:
    """`keep` takes and holds the seat, `speak` sends; both run until they are cancelled."""

    caller: Caller
    lecture: str = ""
    joined: int = 0
    """How often the seat was taken."""
    _client: MediaClient | None = None
    _anew: bool = False
    _away: bool = True
    _key_wanted: bool = True
    _problems: list[str] = field(default_factory=list)

    async def go_live(self, title: str) -> None:
        """A lecture of its own, live from now on."""
        self.lecture = (await self.caller.ok("POST", "/api/lectures", {"title": title}))["id"]
        await self.caller.ok("POST", f"/api/lectures/{self.lecture}/go-live", CONSENT)
        self.caller.sio.on("media.lost", self._lost)
        self.caller.sio.on("disconnect", self._disconnected)

    async def keep(self) -> None:
        """Join, and publish where the server knows nothing of it (any more); again after each loss."""
        while True:
            if self._away or self._anew:
                try:
                    async with asyncio.timeout(10):
                        await self._enter()
                except (SocketIOError, OSError, TimeoutError, AssertionError) as error:
                    self._problems = [*self._problems[-9:], repr(error)]  # the server is not there yet
            await asyncio.sleep(AGAIN)

    async def speak(self) -> None:
        """50 sounds and 15 pictures a second, a keyframe whenever one is asked for."""
        start = time.monotonic()
        spoken = shown = in_loop = packets = 0
        checked = start
        while True:
            now = time.monotonic()
            client = self._client
            ready = client is not None and client.keys is not None
            while start + spoken / SOUNDS_A_SECOND <= now:
                if ready and client is not None:
                    client.send_secured(rtp(spoken, spoken * 960, AUDIO, sounds()[spoken % SOUNDS_A_SECOND], kind=111))
                spoken += 1
            while start + shown / PICTURES_A_SECOND <= now:
                loop = pictures()
                if self._key_wanted or in_loop == len(loop):
                    in_loop, self._key_wanted = 0, False
                for index, payload in enumerate(loop[in_loop] if ready else ()):
                    assert client is not None
                    last = index == len(loop[in_loop]) - 1
                    client.send_secured(rtp(packets, shown * 6000, VIDEO, payload, marker=last, kind=102))
                    packets += 1
                in_loop, shown = in_loop + 1, shown + 1
            if ready and client is not None and now - checked > CHECK_EVERY:
                client.check()
                checked = now
            await asyncio.sleep(0.01)

    async def close(self) -> None:
        """Vanish."""
        if self._client is not None:
            await self._client.close()

    async def _enter(self) -> None:
        if not self.caller.sio.connected:
            await self.caller.sio.eio.disconnect(abort=True)  # an attempt that was given up may be half open
            await self.caller.sio.connect(self.caller.url, transports=["websocket"])
        reply = await self._asked("room.join", codecs=["H264"])
        if self._anew or not reply["known"] or self._client is None:
            await self._publish()
        self.joined += 1
        self._away = self._anew = False

    async def _publish(self) -> None:
        old, client = self._client, MediaClient()
        self._client = None
        if old is not None:
            await old.close()
        client.on_rtcp = self._heard
        try:
            offer = client.offer(("audio", "opus", AUDIO), ("video", "H264", VIDEO))
            sources = {"0": "microphone", "1": "camera"}
            session = f"s_{time.monotonic_ns():x}"
            answer = await self._asked("media.publish", session=session, sdp=offer, sources=sources)
            await client.connect(answer["sdp"])
        except BaseException:
            await client.close()
            raise
        self._key_wanted = True
        self._client = client

    async def _asked(self, event: str, **payload: Any) -> dict[str, Any]:
        answer = await self.caller.send(event, {"room": self.lecture, **payload})
        assert answer.get("ok"), (event, answer)
        return answer

    async def _lost(self, payload: dict[str, Any]) -> None:
        self._anew = self._anew or payload.get("room") == self.lecture

    async def _disconnected(self, *_: object) -> None:
        self._away = True

    def _heard(self, data: bytes) -> None:
        for part in rtcp.walk(data):
            if part.kind == rtcp.PAYLOAD_FEEDBACK and part.format == rtcp.PLI:
                self._key_wanted = True
