"""What forwarding costs: the server's CPU per RTP packet sent to one subscriber, at several numbers of subscribers."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import struct
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from signaling.media.config import MediaConfig
from signaling.media.counters import Counters
from signaling.media.plane import MediaPlane
from signaling.media.tasks import Tasks
from tests.media_client import MediaClient

SUBSCRIBERS = (1, 10, 50, 100)
FRAMES_A_SECOND = 30
PACKETS_A_FRAME = 5
PAYLOAD = 1_000
"""Together 1.2 Mbit/s, a 720p camera."""
SSRC = 0x11223344
TRANSPORT_CC = 3
"""Header extension id in the client's offer."""


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


def server_cpu(pid: int) -> float:
    """Seconds of CPU that all threads of a process have used."""
    return sum(int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir()) / 1e9


# --- the server process -------------------------------------------------------------------------------------------


async def serve() -> None:
    """Run a media plane that takes commands as JSON lines on standard input and answers on standard output."""

    def say(message: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()

    plane = MediaPlane(MediaConfig(port=0, bind="127.0.0.1"), say)
    await plane.start()
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=1 << 20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    say({"ready": plane.port})
    while line := await reader.readline():
        command = json.loads(line)
        say({"result": await getattr(plane, command["command"])(*command["arguments"])})
    await plane.stop()


class Server:
    """The server process, pinned to one core, and its commands."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._results: asyncio.Queue[Any] = asyncio.Queue()

    @classmethod
    async def start(cls, core: int) -> Server:
        """Start it and wait until its port is open."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.bench.forward",
            "--serve",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=1 << 22,
        )
        os.sched_setaffinity(process.pid, {core})
        assert process.stdout is not None
        assert "ready" in json.loads(await process.stdout.readline())
        return cls(process)

    async def listen(self) -> None:
        """Sort what the server says."""
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            message = json.loads(line)
            if "result" in message:
                self._results.put_nowait(message["result"])
            elif message["event"] == "offer":
                self.events.put_nowait(message)

    async def call(self, command: str, *arguments: Any) -> Any:
        """One command."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"command": command, "arguments": arguments}).encode() + b"\n")
        return await self._results.get()

    async def stop(self) -> None:
        """End it."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        await self.process.wait()


# --- the load -----------------------------------------------------------------------------------------------------


class Publisher:
    """Sends frames of H264-like packets whose payload says which packet it is."""

    def __init__(self, client: MediaClient) -> None:
        self.client = client
        self.sent = 0
        self._timestamp = 0
        self._filling = os.urandom(PAYLOAD)

    def frame(self) -> None:
        """One frame, each tenth a keyframe."""
        for index in range(PACKETS_A_FRAME):
            lead = b"\x67" if index == 0 and self.sent % (10 * PACKETS_A_FRAME) == 0 else b"\x41"
            payload = (lead + struct.pack("!I", self.sent) + self._filling)[:PAYLOAD]
            last = index == PACKETS_A_FRAME - 1
            head = struct.pack("!BBHII", 0x90, last << 7 | 102, self.sent & 0xFFFF, self._timestamp, SSRC)
            extension = struct.pack("!HHBHB", 0xBEDE, 1, TRANSPORT_CC << 4 | 1, self.sent & 0xFFFF, 0)
            self.client.send_secured(head + extension + payload)
            self.sent += 1
        self._timestamp += 90_000 // FRAMES_A_SECOND

    async def run(self) -> None:
        """Send in real time until cancelled."""
        due = time.monotonic()
        while True:
            self.frame()
            due += 1 / FRAMES_A_SECOND
            await asyncio.sleep(max(0.0, due - time.monotonic()))


class Verifier:
    """Decrypts what one subscriber gets and counts what is the publisher's, in order and without a hole."""

    def __init__(self, client: MediaClient) -> None:
        self.verified = 0
        self._last: int | None = None
        client.on_rtp = self.packet

    def packet(self, data: bytes) -> None:
        """One decrypted packet."""
        number = struct.unpack_from("!I", data, 29)[0]
        if len(data) == 28 + PAYLOAD and (self._last is None or number == self._last + 1):
            self.verified += 1
        self._last = number


async def reports(clients: Sequence[MediaClient]) -> None:
    """A receiver report a second from each subscriber, and the checks that keep consent alive."""
    while True:
        for client in list(clients):
            client.send_secured(struct.pack("!BBHI", 0x80, 201, 1, 1))
            client.check()
            await asyncio.sleep(1 / len(clients))


async def measure(subscribers: int, seconds: float, core: int) -> Result:
    """One run with a fresh server."""
    tasks = Tasks(Counters())
    server = await Server.start(core)
    tasks.spawn(server.listen(), "server output")
    try:
        await server.call("join", "bench", "publisher", ["H264"])
        publisher = MediaClient(decrypt=False)
        answer = await server.call(
            "publish", "bench", "publisher", "s", publisher.offer(("video", "H264", SSRC)), {"0": "camera"}
        )
        await publisher.connect(answer["sdp"])
        source = Publisher(publisher)
        clients: list[MediaClient] = []
        alive = [publisher]
        tasks.spawn(reports(alive), "reports")
        for index in range(subscribers):
            name = f"subscriber-{index}"
            await server.call("join", "bench", name, ["H264"])
            await server.call("subscribe", "bench", name, "s")
            offer = await server.events.get()
            while offer["participant"] != name or not offer["tracks"]:
                offer = await server.events.get()
            client = MediaClient(decrypt=index == 0)
            await server.call("answer", "bench", name, "s", offer["version"], client.answer(offer["sdp"]))
            await client.connect(offer["sdp"])
            clients.append(client)
            alive.append(client)
        verifier = Verifier(clients[0])
        sending = tasks.spawn(source.run(), "publisher")
        await asyncio.sleep(1.5)
        before = source.sent
        cpu, began = server_cpu(server.process.pid), time.monotonic()
        await asyncio.sleep(seconds)
        cpu, elapsed = server_cpu(server.process.pid) - cpu, time.monotonic() - began
        sent = source.sent - before
        sending.cancel()
        await asyncio.sleep(0.3)
        # The publisher's first packet began a keyframe, so every packet was for everyone.
        arrived = sum(client.received for client in clients)
        return Result(
            subscribers=subscribers,
            sent=sent,
            delivery=round(arrived / (source.sent * subscribers), 4),
            verified=round(verifier.verified / source.sent, 4),
            cpu_us_per_packet=round(cpu / (sent * subscribers) * 1e6, 2),
            cpu_us_per_received=round(cpu / sent * 1e6, 1),
            core=round(cpu / elapsed, 3),
        )
    finally:
        await tasks.stop()
        await server.stop()


def table(results: Sequence[Result]) -> str:
    """The results for people."""
    lines = ["subscribers  sent  delivered  verified  CPU µs/packet  CPU µs/received  core"]
    lines += [
        f"{each.subscribers:>11}  {each.sent:>4}  {each.delivery:>9.2%}  {each.verified:>8.2%}"
        f"  {each.cpu_us_per_packet:>13.2f}  {each.cpu_us_per_received:>15.1f}  {each.core:>4.2f}"
        for each in results
    ]
    return "\n".join(lines)


def main(argv: Sequence[str] = ()) -> dict[str, Any]:
    """Run the benchmark; print a table and, as the last line, the JSON object that is returned."""
    parser = argparse.ArgumentParser(prog="tele bench forward", description=__doc__)
    parser.add_argument("--subscribers", default=",".join(map(str, SUBSCRIBERS)), help="numbers, separated by commas")
    parser.add_argument("--seconds", type=float, default=8.0, help="length of each measurement")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(list(argv))
    if options.serve:
        asyncio.run(serve())
        return {}
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:
        os.sched_setaffinity(0, set(cores[1:]))
    results = [
        asyncio.run(measure(int(number), options.seconds, cores[0]))
        for number in re.findall(r"\d+", options.subscribers)
    ]
    outcome = {
        "benchmark": "forward",
        "mbit_per_second": round(FRAMES_A_SECOND * PACKETS_A_FRAME * PAYLOAD * 8 / 1e6, 2),
        "cpu_us_per_packet": {str(each.subscribers): each.cpu_us_per_packet for each in results},
        "results": [asdict(each) for each in results],
    }
    print(table(results))
    print(json.dumps(outcome))
    return outcome


if __name__ == "__main__":
    main(sys.argv[1:])
