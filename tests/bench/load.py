"""The load of the forwarding benchmarks, one publisher and many subscribers, and the CPU that it costs the server."""

from __future__ import annotations

import asyncio
import os
import struct
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from aioice import stun

from signaling.media.counters import Counters
from signaling.media.packets.rtp_header import is_rtcp
from signaling.media.tasks import Tasks
from tests.media_client import MediaClient

FRAMES_A_SECOND = 30
PACKETS_A_FRAME = 5
PAYLOAD = 1_000
"""Together 1.2 Mbit/s, a 720p camera."""
SSRC = 0x11223344
TRANSPORT_CC = 3
"""Header extension id in the client's offer."""

Frames = Callable[[int], Sequence[bytes]]
"""The RTP payloads of frame number n."""


class Target(Protocol):
    """A server under test: one room, one publisher, any number of subscribers."""

    @property
    def pid(self) -> int:
        """The process whose CPU counts."""
        ...

    async def publish(self, client: MediaClient) -> None:
        """Connect the publisher."""
        ...

    async def subscribe(self, client: MediaClient, index: int) -> None:
        """Connect subscriber number `index`; on return the server would send to it."""
        ...

    async def stop(self) -> None:
        """End the process."""
        ...


Start = Callable[[int], Awaitable[Target]]
"""Starts a fresh server on the given core."""


@dataclass
class Result:
    """One row of the table. CPU is user and system time of the server process, from the scheduler."""

    subscribers: int
    sent: int
    """Packets that the publisher sent while CPU was measured."""
    delivery: float
    """Share of all packets for all subscribers that arrived."""
    verified: float
    """Share that one subscriber decrypted and found to be the publisher's own, in order."""
    cpu_us_per_packet: float
    cpu_us_per_received: float
    core: float
    """Share of one core in use."""
    frame_delivery: float
    """Share of all frames for all subscribers whose last packet arrived."""
    cpu_us_per_frame: float
    """Per frame and subscriber."""


def server_cpu(pid: int) -> float:
    """Seconds of CPU that all threads of a process have used."""
    return sum(int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir()) / 1e9


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """Processes that are started within run on this core with all their threads."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def synthetic() -> Frames:
    """H264-like frames of random bytes, each tenth a keyframe."""
    filling = os.urandom(PAYLOAD)

    def payloads(frame: int) -> list[bytes]:
        numbers = range(frame * PACKETS_A_FRAME, (frame + 1) * PACKETS_A_FRAME)
        first = b"\x67" if frame % 10 == 0 else b"\x41"
        return [
            ((b"\x41" if index else first) + struct.pack("!I", number) + filling)[:PAYLOAD]
            for index, number in enumerate(numbers)
        ]

    return payloads


class Publisher:
    """Sends frames in real time."""

    def __init__(self, client: MediaClient, frames: Frames) -> None:
        self.client = client
        self.sent = 0
        self.frames = 0
        self._payloads = frames

    def frame(self) -> None:
        """One frame."""
        payloads = self._payloads(self.frames)
        timestamp = self.frames * 90_000 // FRAMES_A_SECOND
        for index, payload in enumerate(payloads):
            last = index == len(payloads) - 1
            head = struct.pack("!BBHII", 0x90, last << 7 | 102, self.sent & 0xFFFF, timestamp, SSRC)
            extension = struct.pack("!HHBHB", 0xBEDE, 1, TRANSPORT_CC << 4 | 1, self.sent & 0xFFFF, 0)
            self.client.send_secured(head + extension + payload)
            self.sent += 1
        self.frames += 1

    async def run(self) -> None:
        """Send until cancelled."""
        due = time.monotonic()
        while True:
            self.frame()
            due += 1 / FRAMES_A_SECOND
            await asyncio.sleep(max(0.0, due - time.monotonic()))


class Receiver(MediaClient):
    """Counts packets and frames without RTCP (the clear RTP header tells both), and answers connectivity checks.

    Our server is ICE-lite and makes none; the others do.
    """

    packets = 0
    frames = 0

    def _datagram(self, size: int) -> None:
        first, second = self._inbound.view[0], self._inbound.view[1]
        if 128 <= first <= 191 and not is_rtcp(second):
            self.packets += 1
            self.frames += second >> 7
        if first == 0 and second == 1:
            self._answer_check(bytes(self._inbound.view[:size]))
        else:
            super()._datagram(size)

    def _answer_check(self, request: bytes) -> None:
        """RFC 8445 §7.3; that the request is authentic is taken for granted here."""
        if not self.remote[0]:  # before the server's description is read; it will ask again
            return
        response = stun.Message(
            message_method=stun.Method.BINDING,
            message_class=stun.Class.RESPONSE,
            transaction_id=request[8:20],
        )
        response.attributes["XOR-MAPPED-ADDRESS"] = self.remote
        response.add_message_integrity(self.password.encode())
        response.add_fingerprint()
        self.send(bytes(response))


class Verifier:
    """Reads what one subscriber decrypted and counts what is the publisher's, in order and without a hole."""

    def __init__(self, client: MediaClient) -> None:
        self.verified = 0
        self._last: int | None = None
        client.on_rtp = self.packet

    def packet(self, data: bytes) -> None:
        """One decrypted packet; its header extensions are the server's."""
        start = 12 + 4 * (data[0] & 15)
        if data[0] & 0x10:
            start += 4 + 4 * int(struct.unpack_from("!H", data, start + 2)[0])
        if len(data) < start + 5:
            return
        number = struct.unpack_from("!I", data, start + 1)[0]
        if len(data) == start + PAYLOAD and (self._last is None or number == self._last + 1):
            self.verified += 1
        self._last = number


def with_candidate(client: MediaClient, description: str) -> str:
    """The description with the client's address, which some servers want to know before the first check comes."""
    host, port = client.address
    return f"{description}a=candidate:1 1 udp 2130706431 {host} {port} typ host\r\na=end-of-candidates\r\n"


async def reports(clients: Sequence[MediaClient]) -> None:
    """A receiver report a second from each subscriber, and the checks that keep consent alive."""
    while True:
        for client in list(clients):
            client.send_secured(struct.pack("!BBHI", 0x80, 201, 1, 1))
            client.check()
            await asyncio.sleep(1 / len(clients))


async def measure(
    start: Start,
    subscribers: int,
    seconds: float,
    core: int,
    *,
    frames: Frames,
) -> Result:
    """One run with a fresh server."""
    tasks = Tasks(Counters())
    server = await start(core)
    try:
        publisher = Receiver(decrypt=False)
        await server.publish(publisher)
        source = Publisher(publisher, frames)
        clients: list[Receiver] = []
        alive: list[MediaClient] = [publisher]
        tasks.spawn(reports(alive), "reports")
        for index in range(subscribers):
            subscriber = Receiver(decrypt=index == 0)
            await server.subscribe(subscriber, index)
            clients.append(subscriber)
            alive.append(subscriber)
        verifier = Verifier(clients[0])
        sending = tasks.spawn(source.run(), "publisher")
        await asyncio.sleep(1.5)
        before, frames_before = source.sent, source.frames
        cpu, began = server_cpu(server.pid), time.monotonic()
        await asyncio.sleep(seconds)
        cpu, elapsed = server_cpu(server.pid) - cpu, time.monotonic() - began
        sent, frames_sent = source.sent - before, source.frames - frames_before
        sending.cancel()
        # A jitter buffer hands a frame on when the next one begins: the very last may stay where it is.
        whole = source.frames
        source.frame()
        await asyncio.sleep(0.5)
        # The publisher's first packet began a keyframe, so every packet was for everyone.
        arrived = sum(each.packets for each in clients)
        return Result(
            subscribers=subscribers,
            sent=sent,
            delivery=round(arrived / (source.sent * subscribers), 4),
            verified=round(verifier.verified / source.sent, 4),
            cpu_us_per_packet=round(cpu / (sent * subscribers) * 1e6, 2),
            cpu_us_per_received=round(cpu / sent * 1e6, 1),
            core=round(cpu / elapsed, 3),
            frame_delivery=round(sum(min(each.frames, whole) for each in clients) / (whole * subscribers), 4),
            cpu_us_per_frame=round(cpu / (frames_sent * subscribers) * 1e6, 1),
        )
    finally:
        await tasks.stop()
        await server.stop()
