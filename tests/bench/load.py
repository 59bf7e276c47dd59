"""The load of the forwarding benchmarks, one publisher and many subscribers, and the CPU that it costs the server."""

from __future__ import annotations

import asyncio
import os
import struct
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from signaling.media.counters import Counters
from signaling.media.packets import rtcp
from signaling.media.tasks import Tasks
from tests.bench.subscriber import FEEDBACK_EVERY, Rota, Subscriber
from tests.media_client import MediaClient

FRAMES_A_SECOND = 30
PACKETS_A_FRAME = 5
PAYLOAD = 1_000
"""Together 1.2 Mbit/s, a 720p camera."""
SSRC = 0x11223344
TRANSPORT_CC = 3
"""Header extension id in the client's offer."""
WARM_UP = 12.0
"""Seconds of load before CPU is measured, at least: until then Janus knows no round-trip time and keeps no packets for
NACKs."""
SETTLED_WITHIN = 40.0
"""Seconds within which everybody must receive everything: what a line carries is found out step by step."""

NTP_EPOCH = 2_208_988_800
"""Seconds from 1900 to 1970."""

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

    async def counts(self) -> dict[str, int]:
        """Its own counters, if it tells any."""
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
    resent: float = 0.0
    """Packets that came again for each one that a subscriber's NACK asked for."""
    sender_reports: int = 0
    """That one subscriber decrypted."""
    counts: dict[str, int] = field(default_factory=dict)
    """What the server's own counters grew by while CPU was measured; empty where a server tells none."""


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
        self._began = time.time()

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
        if self.frames % FRAMES_A_SECOND == 0:
            self._report(timestamp)
        self.frames += 1

    def _report(self, timestamp: int) -> None:
        """A sender report; the NTP time is that of the frame."""
        ntp = int((NTP_EPOCH + self._began + self.frames / FRAMES_A_SECOND) * 2**32)
        report = rtcp.SenderReport(SSRC, ntp, timestamp, self.sent, self.sent * PAYLOAD)
        self.client.send_secured(rtcp.sender_report(report, "publisher"))

    async def run(self) -> None:
        """Send until cancelled."""
        due = time.monotonic()
        while True:
            self.frame()
            due += 1 / FRAMES_A_SECOND
            await asyncio.sleep(max(0.0, due - time.monotonic()))


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
        number = int(struct.unpack_from("!I", data, start + 1)[0])
        if len(data) != start + PAYLOAD or (self._last is not None and number <= self._last):
            return  # a retransmission
        if self._last is None or number == self._last + 1:
            self.verified += 1
        self._last = number


def with_candidate(client: MediaClient, description: str) -> str:
    """The description with the client's address, which some servers want to know before the first check comes."""
    host, port = client.address
    return f"{description}a=candidate:1 1 udp 2130706431 {host} {port} typ host\r\na=end-of-candidates\r\n"


async def feedback(clients: Sequence[Subscriber]) -> None:
    """Let each of a growing number of clients send its RTCP when its turn has come."""
    turns: list[Callable[[], None]] = []
    rota = Rota(turns, FEEDBACK_EVERY, time.monotonic())
    while True:
        turns[:] = [client.feedback for client in clients]
        await asyncio.sleep(max(0.0, min(rota.due(time.monotonic()), FEEDBACK_EVERY)))


async def settled(source: Publisher, clients: Sequence[Subscriber]) -> None:
    """Until every client has received all of a second; what is still missing after a while shows in the result."""
    deadline = time.monotonic() + SETTLED_WITHIN
    while time.monotonic() < deadline:
        sent, before = source.sent, [each.packets for each in clients]
        await asyncio.sleep(1.0)
        # Some are on their way at either end.
        least = (source.sent - sent) - 2 * PACKETS_A_FRAME
        if all(each.packets - count >= least for each, count in zip(clients, before, strict=True)):
            return


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
        publisher = Subscriber(decrypt=False)
        await server.publish(publisher)
        source = Publisher(publisher, frames)
        clients: list[Subscriber] = []
        alive: list[Subscriber] = [publisher]
        tasks.spawn(feedback(alive), "feedback")
        for index in range(subscribers):
            subscriber = Subscriber(decrypt=index == 0)
            await server.subscribe(subscriber, index)
            clients.append(subscriber)
            alive.append(subscriber)
        verifier = Verifier(clients[0])
        sending = tasks.spawn(source.run(), "publisher")
        await asyncio.sleep(WARM_UP)
        await settled(source, clients)
        sending.cancel()
        await asyncio.sleep(0.1)
        for each in clients:
            each.resent = each.asked = each.packets = each.frames = each.sender_reports = 0
        verifier.verified = 0
        sending = tasks.spawn(source.run(), "publisher")
        before, frames_before, counts = source.sent, source.frames, await server.counts()
        cpu, began = server_cpu(server.pid), time.monotonic()
        await asyncio.sleep(seconds)
        cpu, elapsed = server_cpu(server.pid) - cpu, time.monotonic() - began
        sent, frames_sent = source.sent - before, source.frames - frames_before
        counts = {name: count - counts.get(name, 0) for name, count in (await server.counts()).items()}
        sending.cancel()
        # A jitter buffer hands a frame on when the next one begins: the very last may stay where it is.
        whole = source.frames - frames_before
        source.frame()
        await asyncio.sleep(0.5)
        wanted = source.sent - before
        arrived, asked = sum(each.packets for each in clients), sum(each.asked for each in clients)
        return Result(
            subscribers=subscribers,
            sent=sent,
            delivery=round(arrived / (wanted * subscribers), 4),
            verified=round(verifier.verified / wanted, 4),
            cpu_us_per_packet=round(cpu / (sent * subscribers) * 1e6, 2),
            cpu_us_per_received=round(cpu / sent * 1e6, 1),
            core=round(cpu / elapsed, 3),
            frame_delivery=round(sum(min(each.frames, whole) for each in clients) / (whole * subscribers), 4),
            cpu_us_per_frame=round(cpu / (frames_sent * subscribers) * 1e6, 1),
            resent=round(sum(each.resent for each in clients) / asked, 3) if asked else 0.0,
            sender_reports=clients[0].sender_reports,
            counts={name: count for name, count in counts.items() if count},
        )
    finally:
        await tasks.stop()
        await server.stop()
