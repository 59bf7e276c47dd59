"""aiortc's MediaRelay as a server under test: it decodes what comes once and encodes it again for each subscriber."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from fractions import Fraction
from typing import Any

import aioice.ice
import av
import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaRelay

from tests.bench.load import FRAMES_A_SECOND, SSRC, Frames, pinned, with_candidate
from tests.media_client import MediaClient
from tests.unit.recorder.synthetic import h264_payloads

SIZE, BITRATE = (640, 360), 600_000
"""Small enough that a core encodes it for a few subscribers in real time."""
LOOP = 10
"""Seconds of pictures, sent again and again; the first is a keyframe."""


def camera(bitrate: int = BITRATE) -> Frames:
    """A moving pattern with noise in it as H264: this server would not forward random bytes."""
    context: Any = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = *SIZE, "yuv420p"
    context.time_base, context.framerate = Fraction(1, 90_000), Fraction(FRAMES_A_SECOND)
    context.bit_rate = bitrate
    context.options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "profile": "baseline",
        "x264-params": "keyint=infinite:scenecut=0:repeat-headers=1:annexb=1:threads=1",
    }
    chance = np.random.default_rng(1)
    scene = np.kron(
        chance.integers(60, 190, (SIZE[1] * 3 // 2 // 6, SIZE[0] // 8 + 64), np.uint8), np.ones((6, 8), np.uint8)
    )
    frames: list[list[bytes]] = []
    for number in range(LOOP * FRAMES_A_SECOND):
        picture = np.ascontiguousarray(scene[:, number % 256 :][:, : SIZE[0]])
        picture[:32] += chance.integers(0, 30, (32, SIZE[0]), np.uint8)
        picture[SIZE[1] :] = 128
        frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts, frame.time_base = number * 90_000 // FRAMES_A_SECOND, Fraction(1, 90_000)
        frames.append(h264_payloads(b"".join(bytes(packet) for packet in context.encode(frame))))
    return lambda number: frames[number % len(frames)]


# --- the server process -------------------------------------------------------------------------------------------


async def serve() -> None:
    """Answer offers, a JSON line each: the first is the publisher's, each other one a subscriber's."""
    # aioice leaves loopback out; nothing here may leave it.
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]
    relay, peers, tracks = MediaRelay(), list[RTCPeerConnection](), list[MediaStreamTrack]()
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=1 << 20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)

    def say(message: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()

    def add_peer() -> RTCPeerConnection:
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        peer.on("track", tracks.append)
        peer.on("connectionstatechange", lambda: say({"state": peer.connectionState}))
        peers.append(peer)
        return peer

    say({"ready": True})
    while line := await reader.readline():
        peer = add_peer()
        await peer.setRemoteDescription(RTCSessionDescription(json.loads(line)["sdp"], "offer"))
        if len(peers) > 1:
            peer.addTrack(relay.subscribe(tracks[0]))
        await peer.setLocalDescription(await peer.createAnswer())
        say({"sdp": peer.localDescription.sdp})
    for peer in peers:
        await peer.close()


class Relay:
    """The server process, pinned to one core."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, core: int) -> Relay:
        """Start it."""
        with pinned(core):
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "tests.bench.relay",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=1 << 20,
            )
        server = cls(process)
        await server._until("ready")
        return server

    @property
    def pid(self) -> int:
        """The server's process."""
        return self._process.pid

    async def publish(self, client: MediaClient) -> None:
        """Connect the publisher."""
        await self._connect(client, client.offer(("video", "H264", SSRC)))

    async def subscribe(self, client: MediaClient, index: int) -> None:
        """Connect a subscriber, which makes the offer too."""
        offer = client.offer(("video", "H264", SSRC)).replace("a=sendonly", "a=recvonly")
        await self._connect(client, re.sub(r"a=ssrc.*\r\n", "", offer))

    async def counts(self) -> dict[str, int]:
        """None are asked for."""
        return {}

    async def stop(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), 10)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    async def _connect(self, client: MediaClient, offer: str) -> None:
        assert self._process.stdin is not None
        offer = with_candidate(client, offer.replace("a=setup:actpass", "a=setup:active"))
        self._process.stdin.write(json.dumps({"sdp": offer}).encode() + b"\n")
        await client.connect((await self._until("sdp"))["sdp"])
        while (await self._until("state"))["state"] != "connected":
            pass

    async def _until(self, key: str) -> dict[str, Any]:
        """The server's next line with that key."""
        assert self._process.stdout is not None
        async with asyncio.timeout(20):
            while line := await self._process.stdout.readline():
                message: dict[str, Any] = json.loads(line)
                if key in message:
                    return message
        raise RuntimeError("the relay ended")


if __name__ == "__main__":
    asyncio.run(serve())
