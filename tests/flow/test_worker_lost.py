"""One of two media workers is killed: its people are back within the promise, the calls of the other notice nothing."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
import zlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from signaling.media.packets import rtp_header
from tests.media_call import AUDIO, OPUS, rtp
from tests.media_client import MediaClient
from tests.people import Caller, caller
from tests.server import Server, running_server

BACK_WITHIN = 5.0
PACE = 0.02
"""Seconds between two packets of sound."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with running_server(tmp_path / "data", TELE_MEDIA__WORKERS="2") as server:
        yield server


class Talk:
    """A call in which the GP speaks and the specialist listens, with the pages' messages and real packets."""

    def __init__(self, gp: Caller, specialist: Caller, consultation: str, room: str) -> None:
        self.gp, self.specialist, self.consultation, self.room = gp, specialist, consultation, room
        self.heard: list[int] = []
        self._clients: list[MediaClient] = []
        self._tasks: list[asyncio.Future[None]] = []

    @property
    def worker(self) -> int:
        """Which worker has the room."""
        return zlib.crc32(self.room.encode()) % 2

    async def connect(self, session: str) -> None:
        """Publish and subscribe, for the first time or anew; then the GP speaks."""
        self.disconnect()
        mouth, ear = MediaClient(), MediaClient()
        self._clients = [mouth, ear]
        ear.on_rtp = lambda data: self.heard.append(rtp_header.parse(data).sequence)
        for person in (self.gp, self.specialist):
            await self._asked(person, "room.join", codecs=["H264"])
        offer = mouth.offer(("audio", "opus", AUDIO))
        answer = await self._asked(self.gp, "media.publish", session=session, sdp=offer, sources={"0": "microphone"})
        await self._asked(self.specialist, "media.subscribe", session=session)
        await mouth.connect(answer["sdp"])
        offered = await self.specialist.hears("media.offer", session=session)
        await self._accept(ear, offered)
        await ear.connect(offered["sdp"])
        self._tasks = [
            asyncio.ensure_future(self._speak(mouth, ear)),
            asyncio.ensure_future(self._accept_more(ear, session, offered["version"])),
        ]

    def disconnect(self) -> None:
        """Stop speaking and listening."""
        for task in self._tasks:
            task.cancel()

    async def close(self) -> None:
        """Vanish."""
        self.disconnect()
        for client in self._clients:
            await client.close()

    async def until_heard(self) -> None:
        """Wait for the next packet."""
        before = len(self.heard)
        while len(self.heard) == before:
            for task in self._tasks:
                if task.done():
                    task.result()
            await asyncio.sleep(PACE)

    async def _speak(self, mouth: MediaClient, ear: MediaClient) -> None:
        number = 0
        while True:
            number += 1
            mouth.send_secured(rtp(AUDIO, OPUS, number, 960 * number, b"sound"))
            if number % 50 == 0:
                mouth.check()
                ear.check()
            await asyncio.sleep(PACE)

    async def _accept(self, ear: MediaClient, offered: dict[str, Any]) -> None:
        described = {"version": offered["version"], "sdp": ear.answer(offered["sdp"])}
        await self._asked(self.specialist, "media.answer", session=offered["session"], **described)

    async def _accept_more(self, ear: MediaClient, session: str, version: int) -> None:
        """As a page does: whatever is offered later is answered too."""
        while True:
            version += 1
            wanted = {"session": session, "version": version}
            await self._accept(ear, await self.specialist.hears("media.offer", limit=3600, **wanted))

    async def _asked(self, person: Caller, event: str, **payload: Any) -> dict[str, Any]:
        answer = await person.send(event, {"room": self.room, **payload})
        assert answer["ok"], (event, answer)
        return answer


@contextlib.asynccontextmanager
async def talking(server: Server, gp: str, specialist: str, *, not_with: int | None = None) -> AsyncIterator[Talk]:
    """A running call; asks again until its room is with another worker than `not_with`."""
    async with caller(server.url, gp) as asking, caller(server.url, specialist) as asked:
        await asked.ok("PUT", "/api/on-call", {"on": True})
        for _ in range(20):
            made = await asking.ask()
            await asked.hears("ring", consultation=made["id"], limit=30)
            await asked.ok("POST", f"/api/consultations/{made['id']}/accept")
            case = await asking.ok("GET", f"/api/consultations/{made['id']}")
            talk = Talk(asking, asked, made["id"], case["encounter"]["room"])
            if talk.worker != not_with:
                break
            await asking.ok("POST", f"/api/consultations/{made['id']}/hang-up")
            await asked.ok("PUT", f"/api/consultations/{made['id']}/opinion", {})
        await asked.ok("PUT", "/api/on-call", {"on": False})
        await talk.connect("session-one")
        try:
            yield talk
        finally:
            await talk.close()


async def test_the_calls_of_one_worker_outlive_the_other(server: Server) -> None:
    async with (
        talking(server, "gp", "spec") as lost,
        talking(server, "gp2", "spec2", not_with=lost.worker) as kept,
    ):
        await lost.until_heard()
        await kept.until_heard()
        before = len(kept.heard)
        [process] = server.children(f"_media {lost.worker}").values()
        os.kill(process, signal.SIGKILL)
        killed = time.monotonic()
        await asyncio.gather(
            *(each.hears("media.lost", room=lost.room, limit=30) for each in (lost.gp, lost.specialist))
        )
        async with asyncio.timeout(30):
            await lost.connect("session-two")
            await lost.until_heard()
        took = time.monotonic() - killed
        heard = kept.heard[before:]
        assert heard == list(range(heard[0], heard[0] + len(heard))), "not a packet of the other call is missing"
        assert len(heard) > took / PACE * 0.5
        assert not [event for event, _ in kept.gp.events if event == "media.lost"]
        assert all(
            person["connected"] for name, said in kept.gp.events if name == "room.people" for person in said["people"]
        )
        assert took < BACK_WITHIN
