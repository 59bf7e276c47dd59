"""Two people on a whole server whose sounds carry the time at which they were sent; arrivals are the kernel's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from signaling.media.tasks import Tasks
from tests.bench.crowd import AUDIO, PASSWORD, Pair, Person, speak
from tests.bench.gathering import STAMP
from tests.bench.subscriber import Subscriber
from tests.people import caller
from tests.server import Server
from tests.unit.recorder.synthetic import rtp

RECORDED: Final = 30.0
"""Seconds of the recording that is replayed."""
SEALED_WITHIN: Final = 60.0
TOC: Final = 0x78
"""How an Opus packet of 20 ms begins."""
SOUND: Final = 80
EVERY: Final = 0.02


@dataclass
class Talker(Person):
    """Sends sounds that can be timed, and times those of the other."""

    delays: list[float] = field(default_factory=list)
    _listening: Subscriber | None = None

    def __post_init__(self) -> None:
        self.ear = self._listen

    def _listen(self) -> Subscriber:
        self._listening = Subscriber()
        return self._listening

    def hear(self, data: bytes) -> None:
        """Note how long a sound was on its way."""
        super().hear(data)
        start = 12 + 4 * (data[0] & 15)
        if data[0] & 0x10:
            start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
        if len(data) == start + SOUND and data[start] == TOC and self._listening is not None:
            self.delays.append(self._listening.came - STAMP.unpack_from(data, start)[1] / 1e9)

    def say(self, at: int) -> None:
        """A sound that carries the time, in 20 ms step number `at`."""
        if self._up is not None and self._up.keys is not None:
            payload = STAMP.pack(TOC, time.time_ns()) + bytes(SOUND - STAMP.size)
            self._up.send_secured(rtp(at, at * 960, AUDIO, payload, kind=111))
            if at % 100 == 0:
                self.check()


@dataclass
class Call(Pair):
    """The two, and how many sounds they have sent."""

    said: int = 0

    @property
    def talkers(self) -> list[Talker]:
        """Both of them."""
        return [person for person in (self.gp, self.specialist) if isinstance(person, Talker)]

    async def talk(self) -> None:
        """Until cancelled."""
        at, due = 0, time.monotonic()
        while True:
            for person in self.talkers:
                person.say(at)
                self.said += 1
            at += 1
            due = max(due + EVERY, time.monotonic() - 1.0)
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def listen(self, seconds: float) -> Heard:
        """How long sounds take in the next seconds."""
        for person in self.talkers:
            person.delays.clear()
        said = self.said
        await asyncio.sleep(seconds)
        return Heard([delay for person in self.talkers for delay in person.delays], self.said - said)

    async def record(self, tasks: Tasks) -> str:
        """Hold a recorded call and hang up; the path of its playlist."""
        await self.begin(asyncio.Lock())
        await self.join()
        speaking = tasks.spawn(speak([self]), "speaking")
        await asyncio.sleep(RECORDED)
        speaking.cancel()
        await self.end()
        async with asyncio.timeout(SEALED_WITHIN):
            while True:
                items = (await self.gp.caller.ok("GET", "/api/recordings?state=sealed"))["items"]
                if items:
                    return f"/media/{items[0]['id']}/index.m3u8"
                await asyncio.sleep(0.2)


@dataclass(frozen=True, slots=True)
class Heard:
    """Seconds that each sound was on its way, and how many were sent meanwhile."""

    delays: list[float]
    said: int


@asynccontextmanager
async def call(server: Server, tasks: Tasks) -> AsyncIterator[Call]:
    """`gp-0` and `spec-0`, signed in and with a page open."""
    async with AsyncExitStack() as stack:
        people: list[Talker] = []
        for name in ("gp-0", "spec-0"):
            signed_in = await stack.enter_async_context(caller(server.url, name, page=False, password=PASSWORD))
            person = Talker(signed_in, tasks)
            person.listen()
            await signed_in.sio.connect(server.url, transports=["websocket"])
            people.append(person)
        yield Call(people[0], people[1])
