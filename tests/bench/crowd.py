"""People who hold calls on a whole server, without browsers: sockets, DTLS, sound and pictures that can be recorded."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

import aiohttp

from signaling.media.counters import Counters
from signaling.media.tasks import Tasks
from tests.bench.process import open_files, resident, threads
from tests.media_client import MediaClient
from tests.people import Caller, caller
from tests.server import REPOSITORY, Server
from tests.unit.recorder.synthetic import Encoder, Voice, h264_payloads, rtp

PASSWORD: Final = "a long enough password"
AUDIO, VIDEO = 0x0A000000, 0x0B000000
SOUNDS_A_SECOND, PICTURES_A_SECOND = 50, 15
RING_WITHIN: Final = 60.0
"""Seconds until the specialist who is on call is rung."""


def make_accounts(data_dir: Path, pairs: int) -> None:
    """A GP and a cardiologist for each pair: `gp-0`, `spec-0`, …"""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TELE_")}
    for number in range(pairs):
        for name, role, place in (("gp", "gp", "Fangcao Health Centre"), ("spec", "specialist", "West Hospital")):
            more = ["--specialty", "cardiology"] if role == "specialist" else []
            command = [
                *(sys.executable, "-m", "tele", "admin", "create", "--username", f"{name}-{number}"),
                *("--name", f"Dr {name} {number}", "--organisation", place, "--role", role, *more),
                *("--password", PASSWORD),
            ]
            subprocess.run(
                command, cwd=REPOSITORY, env={**environment, "TELE_DATA_DIR": str(data_dir)}, check=True,
                stdout=subprocess.DEVNULL,
            )  # fmt: skip


@cache
def sounds() -> tuple[bytes, ...]:
    """A second of a tone as Opus."""
    voice = Voice()
    return tuple(sound for _ in range(SOUNDS_A_SECOND + 5) if (sound := voice.encode(loud=True)))[:SOUNDS_A_SECOND]


@cache
def pictures() -> tuple[tuple[bytes, ...], ...]:
    """Two seconds of small pictures as H264 payloads, the first a keyframe."""
    encoder = Encoder("H264", 160, 96, fps=PICTURES_A_SECOND)
    return tuple(tuple(h264_payloads(encoder.encode(key=n == 0))) for n in range(2 * PICTURES_A_SECOND))


@dataclass
class Person:
    """Somebody signed in, who may be in a room with both peer connections."""

    caller: Caller
    tasks: Tasks
    room: str = ""
    heard: int = 0
    """RTP packets received since the beginning of the benchmark."""
    ear: Callable[[], MediaClient] = MediaClient
    """Makes the client that receives."""
    _up: MediaClient | None = None
    _down: MediaClient | None = None
    _session: str = ""
    _received: asyncio.Event = field(default_factory=asyncio.Event)
    _joins: int = 0
    _pictures_sent: int = 0

    def listen(self) -> None:
        """Answer every offer."""
        self.caller.sio.on("media.offer", self._offered)
        self.caller.sio.on("*", self._ignore)

    async def _ignore(self, event: str, payload: object) -> None:
        """What is of no interest here must not pile up."""

    async def join(self, room: str, *, first: bool) -> None:
        """Enter: publish microphone and camera, subscribe; done when both are connected, or one has nothing to hear."""
        self.room = room
        self._joins += 1
        self._received.clear()
        self._up, self._down = MediaClient(), None
        self._session = f"s_{self._joins:08d}"
        await self._must("room.join", codecs=["H264"])
        offer = self._up.offer(("audio", "opus", AUDIO), ("video", "H264", VIDEO))
        sources = {"0": "microphone", "1": "camera"}
        answer = await self._must("media.publish", session=f"p_{self._joins:08d}", sdp=offer, sources=sources)
        await self._up.connect(answer["sdp"])
        self._up.on_rtp = self._up.on_rtcp = lambda data: None
        await self._must("media.subscribe", session=self._session)
        if not first:
            async with asyncio.timeout(20):
                await self._received.wait()

    async def _must(self, event: str, **payload: Any) -> dict[str, Any]:
        answer = await self.caller.send(event, {"room": self.room, **payload})
        if not answer.get("ok"):
            raise RuntimeError(f"{event} was refused: {answer}")
        return answer

    async def _offered(self, offer: dict[str, Any]) -> None:
        if offer.get("session") != self._session or offer.get("room") != self.room:
            return
        fresh = self._down is None
        client = self._down = self._down or self.ear()
        said = {"room": self.room, "session": self._session, "version": offer["version"]}
        await self.caller.send("media.answer", {**said, "sdp": client.answer(offer["sdp"])})
        if fresh:
            client.on_rtp = self.hear
            client.on_rtcp = lambda data: None
            self.tasks.spawn(self._connect(client, offer["sdp"]), "connect")

    async def _connect(self, client: MediaClient, sdp: str) -> None:
        with contextlib.suppress(AssertionError, OSError):  # it left, or its call ended, while it connected
            await client.connect(sdp)
            self._received.set()

    def hear(self, data: bytes) -> None:
        """One RTP packet."""
        self.heard += 1

    async def leave(self) -> None:
        """Leave as a page does that is closed with its button."""
        await self._must("room.leave")
        await self.hang_up()

    async def hang_up(self) -> None:
        """Drop the connections."""
        up, down, self._up, self._down = self._up, self._down, None, None
        self._session = ""
        for client in (up, down):
            if client is not None:
                await client.close()

    def check(self) -> None:
        """Keep consent alive."""
        for client in (self._up, self._down):
            if client is not None and client.keys is not None:
                client.check()

    def send(self, at: int) -> None:
        """What is due in 20 ms step number `at`: a sound always, a picture now and then."""
        client = self._up
        if client is None or client.keys is None:
            return
        client.send_secured(rtp(at, at * 960, AUDIO, sounds()[at % SOUNDS_A_SECOND], kind=111))
        number = at * PICTURES_A_SECOND // SOUNDS_A_SECOND
        if number != (at - 1) * PICTURES_A_SECOND // SOUNDS_A_SECOND:
            payloads = pictures()[number % len(pictures())]
            for index, payload in enumerate(payloads):
                last = index == len(payloads) - 1
                client.send_secured(rtp(self._pictures_sent, number * 6000, VIDEO, payload, marker=last, kind=102))
                self._pictures_sent += 1


@dataclass
class Pair:
    """A GP and the specialist who takes the GP's calls."""

    gp: Person
    specialist: Person
    case: str = ""
    room: str = ""

    async def begin(self, on_call: asyncio.Lock) -> None:
        """Ask, ring, accept. One specialist is on call at a time, so that each pair gets its own."""
        specialist = self.specialist.caller
        async with on_call:
            await specialist.ok("PUT", "/api/on-call", {"on": True})
            try:
                self.case = (await self.gp.caller.ask())["id"]
                async with asyncio.timeout(RING_WITHIN):
                    while (await specialist.call("POST", f"/api/consultations/{self.case}/accept"))[0] >= 300:
                        await asyncio.sleep(0.1)
            finally:
                await specialist.ok("PUT", "/api/on-call", {"on": False})
        seen = await self.gp.caller.ok("GET", f"/api/consultations/{self.case}")
        self.room = seen["encounter"]["room"]

    async def abandon(self) -> None:
        """After something went wrong: whatever there is of the call is ended, so that the next one can begin."""
        for person in (self.gp, self.specialist):
            await person.hang_up()
        for way in ("hang-up", "cancel"):
            await self.gp.caller.call("POST", f"/api/consultations/{self.case}/{way}")

    async def join(self) -> None:
        """Both enter."""
        await self.gp.join(self.room, first=True)
        await self.specialist.join(self.room, first=False)

    async def leave(self) -> None:
        """Both leave; the call goes on without them."""
        for person in (self.gp, self.specialist):
            await person.leave()

    async def end(self) -> None:
        """Hang up for good."""
        await self.gp.caller.ok("POST", f"/api/consultations/{self.case}/hang-up")
        for person in (self.gp, self.specialist):
            await person.hang_up()


@contextlib.asynccontextmanager
async def pairs(server: Server, count: int, tasks: Tasks) -> AsyncIterator[list[Pair]]:
    """So many pairs with open pages."""
    async with contextlib.AsyncExitStack() as stack:
        made = []
        for number in range(count):
            people = []
            for name in ("gp", "spec"):
                signed_in = await stack.enter_async_context(
                    caller(server.url, f"{name}-{number}", page=False, password=PASSWORD)
                )
                person = Person(signed_in, tasks)
                person.listen()
                await signed_in.sio.connect(server.url, transports=["websocket"])
                people.append(person)
            made.append(Pair(people[0], people[1]))
        yield made


async def speak(people: list[Pair]) -> None:
    """Everybody who is connected sends sound and pictures in real time, and a check every two seconds."""
    at, due = 0, time.monotonic()
    while True:
        for pair in people:
            for person in (pair.gp, pair.specialist):
                person.send(at)
                if at % 100 == 0:
                    person.check()
        at += 1
        due = max(due + 0.02, time.monotonic() - 1.0)
        await asyncio.sleep(max(0.0, due - time.monotonic()))


@dataclass(frozen=True, slots=True)
class Sample:
    """One process at one time."""

    at: float
    """Seconds since the benchmark began."""
    resident: int
    files: int
    threads: int


class Gauges:
    """Reads the processes of a server from outside, and its own metrics."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._began = time.monotonic()
        self.processes = server.children()
        self.samples: dict[str, list[Sample]] = {name: [] for name in self.processes}

    def sample(self) -> None:
        """Note all processes as they are."""
        now = time.monotonic() - self._began
        for name, pid in self.processes.items():
            self.samples[name].append(Sample(now, resident(pid), open_files(pid), threads(pid)))

    async def metrics(self, http: aiohttp.ClientSession) -> dict[str, float]:
        """/metrics without labels."""
        async with http.get(f"{self._server.url}/metrics") as answer:
            text = await answer.text()
        found: dict[str, float] = {}
        for line in text.splitlines():
            if not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                found[name.partition("{")[0]] = found.get(name.partition("{")[0], 0.0) + float(value)
        return found


def new_tasks() -> Tasks:
    """Tasks of a benchmark."""
    return Tasks(Counters())
