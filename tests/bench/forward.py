"""What forwarding costs: the server's CPU per RTP packet sent to one subscriber, at several numbers of subscribers.

With `--vs janus` or `--vs relay` another server is measured in turns with ours, under the same load.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from signaling.media.config import MediaConfig
from signaling.media.counters import Counters
from signaling.media.plane import MediaPlane
from signaling.media.tasks import Tasks
from tests.bench.load import (
    FRAMES_A_SECOND,
    PACKETS_A_FRAME,
    PAYLOAD,
    SSRC,
    Result,
    measure,
    pinned,
    synthetic,
)
from tests.media_client import MediaClient

SUBSCRIBERS = "1,10,50,100"
ROOM = "bench"


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
        self._process = process
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._results: asyncio.Queue[Any] = asyncio.Queue()
        self._tasks = Tasks(Counters())
        self._tasks.spawn(self._listen(), "server output")

    @classmethod
    async def start(cls, core: int) -> Server:
        """Start it and wait until its port is open."""
        with pinned(core):
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "tests.bench.forward",
                "--serve",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=1 << 22,
            )
        assert process.stdout is not None
        assert "ready" in json.loads(await process.stdout.readline())
        return cls(process)

    @property
    def pid(self) -> int:
        """The server's process."""
        return self._process.pid

    async def publish(self, client: MediaClient) -> None:
        """Connect the publisher."""
        await self._call("join", ROOM, "publisher", ["H264"])
        offer = client.offer(("video", "H264", SSRC))
        answer = await self._call("publish", ROOM, "publisher", "s", offer, {"0": "camera"})
        await client.connect(answer["sdp"])

    async def subscribe(self, client: MediaClient, index: int) -> None:
        """Connect a subscriber."""
        name = f"subscriber-{index}"
        await self._call("join", ROOM, name, ["H264"])
        await self._call("subscribe", ROOM, name, "s")
        offer = await self._events.get()
        while offer["participant"] != name or not offer["tracks"]:
            offer = await self._events.get()
        await self._call("answer", ROOM, name, "s", offer["version"], client.answer(offer["sdp"]))
        await client.connect(offer["sdp"])

    async def counts(self) -> dict[str, int]:
        """What the media plane has counted since it started."""
        counts: dict[str, int] = await self._call("stats")
        return counts

    async def _listen(self) -> None:
        """Sort what the server says."""
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            message = json.loads(line)
            if "result" in message:
                self._results.put_nowait(message["result"])
            elif message["event"] == "offer":
                self._events.put_nowait(message)

    async def _call(self, command: str, *arguments: Any) -> Any:
        """One command."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"command": command, "arguments": arguments}).encode() + b"\n")
        return await self._results.get()

    async def stop(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()
        await self._tasks.stop()


def table(results: Sequence[Result]) -> str:
    """The results for people."""
    lines = ["subscribers  sent  delivered  verified  CPU µs/packet  CPU µs/received  core"]
    lines += [
        f"{each.subscribers:>11}  {each.sent:>4}  {each.delivery:>9.2%}  {each.verified:>8.2%}"
        f"  {each.cpu_us_per_packet:>13.2f}  {each.cpu_us_per_received:>15.1f}  {each.core:>4.2f}"
        for each in results
    ]
    return "\n".join(lines)


def _numbers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", text)]


def main(argv: Sequence[str] = ()) -> dict[str, Any]:
    """Run the benchmark; print a table and, as the last line, the JSON object that is returned."""
    parser = argparse.ArgumentParser(prog="tele bench forward", description=__doc__)
    parser.add_argument("--subscribers", default="", help=f"numbers, separated by commas (default {SUBSCRIBERS})")
    parser.add_argument("--seconds", type=float, default=8.0, help="length of each measurement")
    parser.add_argument("--vs", choices=("janus", "relay"), help="compare with Janus, or with aiortc's MediaRelay")
    parser.add_argument("--rounds", type=int, default=2, help="with --vs: runs of each server per number")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(list(argv))
    if options.serve:
        asyncio.run(serve())
        return {}
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:
        os.sched_setaffinity(0, set(cores[1:]))
    if options.vs:
        from tests.bench import versus

        return versus.run(options.vs, _numbers(options.subscribers), options.seconds, cores[0], options.rounds)
    results = [
        asyncio.run(measure(Server.start, number, options.seconds, cores[0], frames=synthetic()))
        for number in _numbers(options.subscribers or SUBSCRIBERS)
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
