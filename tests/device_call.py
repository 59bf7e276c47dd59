"""A call with devices: two people of a running server, tokens, WHIP and WHEP over HTTP, aiortc as the other WebRTC."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sys
import unittest.mock
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import av
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

from tests.people import Caller, caller

Json = dict[str, Any]
SDP_BODY = {"Content_Type": "application/sdp"}
FRAGMENT_BODY = {"Content_Type": "application/trickle-ice-sdpfrag"}


@dataclass
class DeviceCall:
    """A running call of gp and spec, whose pages are open; gp is in the room."""

    url: str
    gp: Caller
    specialist: Caller
    case: str
    room: str

    async def token(self, direction: str = "publish", label: str = "Ultrasound", **more: Any) -> Json:
        """A new token, made by the GP."""
        body = {"direction": direction, "label": label, **more}
        made: Json = await self.gp.ok("POST", f"/api/consultations/{self.case}/ingest-tokens", body)
        return made

    async def people(self, condition: Callable[[list[Json]], Any], limit: float = 8.0) -> list[Json]:
        """Wait until the people in the room, as the GP's page is told, are so."""
        async with asyncio.timeout(limit):
            while True:
                told = [payload["people"] for event, payload in self.gp.events if event == "room.people"]
                if told and condition(told[-1]):
                    return list(told[-1])
                await asyncio.sleep(0.02)


def devices(people: list[Json]) -> list[Json]:
    """Those of the room that are no persons."""
    return [each for each in people if each["role"] == "device"]


@asynccontextmanager
async def device_call(url: str, elsewhere: str = "") -> AsyncIterator[DeviceCall]:
    """A call that was accepted, at one server or at two nodes."""
    async with caller(url, "gp") as gp, caller(elsewhere or url, "spec") as specialist:
        await specialist.ok("PUT", "/api/on-call", {"on": True})
        made = await gp.ask()
        await specialist.hears("ring", consultation=made["id"])
        await specialist.ok("POST", f"/api/consultations/{made['id']}/accept")
        await gp.hears("consultation", id=made["id"], stage="in-call")
        room = (await gp.ok("GET", f"/api/consultations/{made['id']}"))["encounter"]["room"]
        joined = await gp.send("room.join", {"room": room, "codecs": ["H264", "VP9"]})
        assert joined["ok"], joined
        try:
            yield DeviceCall(url, gp, specialist, made["id"], room)
        finally:  # the specialist is free for the next one
            await gp.call("POST", f"/api/consultations/{made['id']}/hang-up")


@asynccontextmanager
async def pushing(url: str, token: str, seconds: float = 60.0, *more: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """FFmpeg sends; it is running when the first packet is out, and killed at the end if it still is."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.whip_push", url, token, str(seconds), *more,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None and process.stderr is not None
    try:
        async with asyncio.timeout(20):
            line = await process.stdout.readline()
        if not line:
            raise AssertionError((await process.stderr.read()).decode())
        assert line == b"started\n"
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


@contextlib.contextmanager
def on_loopback() -> Iterator[None]:
    """aioice leaves loopback out where it looks for its own addresses, and the server under test is nowhere else."""
    with unittest.mock.patch("aioice.ice.get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"]):
        yield


@dataclass
class Seen:
    """What a WebRTC client received: decoded frames by track, in the order of its m-lines."""

    peer: RTCPeerConnection
    pictures: list[av.VideoFrame] = field(default_factory=list)
    sounds: list[av.AudioFrame] = field(default_factory=list)
    tracks: list[MediaStreamTrack] = field(default_factory=list)
    reading: set[asyncio.Task[None]] = field(default_factory=set)

    @classmethod
    def make(cls) -> Seen:
        """A client that decodes whatever comes."""
        seen = cls(RTCPeerConnection())

        @seen.peer.on("track")
        def came(track: MediaStreamTrack) -> None:
            seen.tracks.append(track)
            seen.reading.add(asyncio.get_running_loop().create_task(seen._read(track)))

        return seen

    async def _read(self, track: MediaStreamTrack) -> None:
        with contextlib.suppress(MediaStreamError):  # the end of a track
            while True:
                frame = await track.recv()
                if isinstance(frame, av.VideoFrame):
                    self.pictures.append(frame)
                elif isinstance(frame, av.AudioFrame):
                    self.sounds.append(frame)

    async def until(self, condition: Callable[[Seen], Any], what: str, limit: float = 15.0) -> None:
        """Wait for what it sees."""
        try:
            async with asyncio.timeout(limit):
                while not condition(self):
                    await asyncio.sleep(0.02)
        except TimeoutError:
            state, pictures, sounds = self.peer.connectionState, len(self.pictures), len(self.sounds)
            raise AssertionError(f"no {what}: {state}, {pictures} pictures, {sounds} sounds") from None

    async def close(self) -> None:
        """Hang up."""
        await self.peer.close()
        for task in self.reading:
            task.cancel()


@asynccontextmanager
async def watching(person: Caller, room: str, session: str = "s_12345678") -> AsyncIterator[Seen]:
    """Somebody in the room who receives everything with aiortc, answering our offers as a browser does."""
    seen, answered = Seen.make(), 0

    async def answer() -> None:
        nonlocal answered
        while True:
            offers = [
                payload for event, payload in person.events if event == "media.offer" and payload["session"] == session
            ]
            for offer in offers[answered:]:
                answered += 1
                await seen.peer.setRemoteDescription(RTCSessionDescription(offer["sdp"], "offer"))
                await seen.peer.setLocalDescription(await seen.peer.createAnswer())
                sdp = seen.peer.localDescription.sdp
                said = {"room": room, "session": session, "version": offer["version"], "sdp": sdp}
                assert (await person.send("media.answer", said))["ok"]
            await asyncio.sleep(0.02)

    assert (await person.send("media.subscribe", {"room": room, "session": session}))["ok"]
    task = asyncio.get_running_loop().create_task(answer())
    try:
        with on_loopback():
            yield seen
    finally:
        task.cancel()
        await seen.close()


@asynccontextmanager
async def playing(made: Json, *, audio: int = 1, video: int = 1) -> AsyncIterator[tuple[Seen, str]]:
    """A player by WHEP that is aiortc's own: it offers, posts, and decodes; with the address of its session."""
    seen = Seen.make()
    for kind in ["audio"] * audio + ["video"] * video:
        seen.peer.addTransceiver(kind, direction="recvonly")
    with on_loopback():
        try:
            await seen.peer.setLocalDescription(await seen.peer.createOffer())
            status, headers, answer = await http(
                "POST", made["url"], made["token"], seen.peer.localDescription.sdp, **SDP_BODY
            )
            assert status == 201, answer
            await seen.peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
            yield seen, headers["Location"]
        finally:
            await seen.close()


async def http(
    method: str, url: str, token: str | None = None, body: str | None = None, **headers: str
) -> tuple[int, Any, str]:
    """One request of a device: status, headers, body. Header names are written with underscores."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if token is not None:
        sent["Authorization"] = f"Bearer {token}"
    async with (
        aiohttp.ClientSession() as client,
        client.request(method, url, data=body, headers=sent, skip_auto_headers=["Content-Type"]) as answer,
    ):
        return answer.status, answer.headers, await answer.text()


def orange(frame: av.VideoFrame) -> bool:
    """Whether the bar that the device sends is in the picture."""
    pixels = frame.to_ndarray(format="rgb24")
    bright = (pixels[:, :, 0] > 180) & (pixels[:, :, 2] < 90)
    return bool(0.03 < bright.mean() < 0.12)


def attribute(sdp: str, name: str) -> str:
    """The first value of an attribute."""
    found = re.search(rf"^a={name}:(.+?)\r?$", sdp, re.MULTILINE)
    assert found is not None, (name, sdp)
    return found[1]
