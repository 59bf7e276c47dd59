"""Viewers of a replay, a process of their own: as many as it is told, each with a connection, asking as players do."""

from __future__ import annotations

import asyncio
import json
import random
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urljoin, urlsplit

from signaling.media.counters import Counters
from signaling.media.tasks import Tasks
from tests.bench.process import percentile

Track = tuple[list[str], float]
"""The paths of its segments, and their length in seconds."""
AT_ONCE: Final = 50
"""Who come at a time: a thousand connections in one moment are another question."""


@dataclass
class Watched:
    """What all viewers together did since the last look."""

    requests: int = 0
    octets: int = 0
    failed: int = 0
    overdue: int = 0
    """Segments that were not there before the next one was due."""
    waits: list[float] = field(default_factory=list)
    lags: list[float] = field(default_factory=list)
    """Seconds from when a segment was due to be asked for until it was."""

    def told(self, viewers: int, seconds: float) -> dict[str, float]:
        """For the other process."""
        return {
            "viewers": viewers,
            "requests_per_second": round(self.requests / seconds),
            "mbit_per_second": round(self.octets * 8 / seconds / 1e6, 1),
            "failed": self.failed,
            "overdue": self.overdue,
            "asked_late_s_p99": round(percentile(self.lags, 0.99), 3),
            "answer_ms_p50": round(percentile(self.waits, 0.5) * 1e3, 1),
            "answer_ms_p99": round(percentile(self.waits, 0.99) * 1e3, 1),
        }


class Hall:
    """All viewers. Their requests are bytes on a stream: a client that does more would be what is measured."""

    def __init__(self, url: str, cookies: Sequence[str], chance: random.Random) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._cookies = cookies
        self._chance = chance
        self.watched = Watched()

    async def tracks(self, index: str) -> list[Track]:
        """The tracks of a recording."""
        reader, writer = await asyncio.open_connection(self._host, self._port)
        found: list[Track] = []
        text = (await self._get(reader, writer, index, self._head(0))).decode()
        names = [line for line in text.splitlines() if line and not line.startswith("#")]
        for name in dict.fromkeys([*names, *re.findall(r'URI="([^"]+)"', text)]):
            media = urljoin(index, name)
            lines = (await self._get(reader, writer, media, self._head(0))).decode()
            lengths = [float(each) for each in re.findall(r"#EXTINF:([0-9.]+)", lines)]
            paths = [urljoin(media, line) for line in lines.splitlines() if line and not line.startswith("#")]
            if paths:
                found.append((paths, max(lengths)))
        writer.close()
        return found

    async def watch(self, number: int, index: str, tracks: Sequence[Track]) -> None:
        """As a player does: the playlist once, then each segment of each track when it is due; until cancelled."""
        every = tracks[0][1]
        at = int(self._chance.random() * len(tracks[0][0]))
        begin = self._chance.random() * every  # drawn before the wait: the same for each run
        head = self._head(number)
        try:
            reader, writer = await asyncio.open_connection(self._host, self._port)
            await self._get(reader, writer, index, head)
            due = time.monotonic() + begin
            while True:
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                self.watched.lags.append(time.monotonic() - due)
                for paths, _ in tracks:
                    await self._get(reader, writer, paths[at % len(paths)], head)
                at, due = at + 1, due + every
                if time.monotonic() > due:
                    self.watched.overdue += 1
                    due = time.monotonic()
        except (OSError, EOFError, ValueError):
            self.watched.failed += 1

    def _head(self, number: int) -> str:
        return f"Host: {self._host}:{self._port}\r\nCookie: {self._cookies[number % len(self._cookies)]}\r\n\r\n"

    async def _get(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str, head: str) -> bytes:
        began = time.monotonic()
        writer.write(f"GET {path} HTTP/1.1\r\n{head}".encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in answer[:20]:
            raise ValueError(answer[:40])
        body = await reader.readexactly(int(answer.lower().split(b"content-length:", 1)[1].split(b"\r\n", 1)[0]))
        self.watched.requests += 1
        self.watched.octets += len(answer) + len(body)
        self.watched.waits.append(time.monotonic() - began)
        return body


async def run(url: str, index: str) -> None:
    """Cookies come as the first line. A number is how many watch from now on; an empty line asks what they did."""
    cookies = json.loads(await asyncio.to_thread(sys.stdin.readline))
    hall, tasks = Hall(url, cookies, random.Random(1)), Tasks(Counters())
    tracks = await hall.tracks(index)
    print(len(tracks), flush=True)
    viewers, began = 0, time.monotonic()
    while line := await asyncio.to_thread(sys.stdin.readline):
        if line.strip():
            while viewers < int(line):
                tasks.spawn(hall.watch(viewers, index, tracks), "viewer")
                viewers += 1
                if viewers % AT_ONCE == 0:
                    await asyncio.sleep(0.5)
            # Everybody has a first segment when a segment's length has passed.
            await asyncio.sleep(max((length for _, length in tracks), default=0.0))
            hall.watched, began = Watched(), time.monotonic()
            print("watching", flush=True)
        else:
            print(json.dumps(hall.watched.told(viewers, time.monotonic() - began)), flush=True)
    await tasks.stop()


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], sys.argv[2]))
