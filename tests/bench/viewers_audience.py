"""Viewers of low-latency HLS, made of nothing but connections: they ask as players do and note how late answers are."""

from __future__ import annotations

import asyncio
import gzip
import re
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from recorder.follow import Follower
from tests.bench.viewers_served import TRACKS

CONNECTIONS = 50
"""At once, while files are fetched."""
_PART = re.compile(rb'#EXT-X-PART:DURATION=[0-9.]+,URI="([^"]+)"(,GAP)?')


@dataclass
class Audience:
    """What all viewers together have seen."""

    port: int
    cookie: str
    lateness: list[float] = field(default_factory=list)
    requests: int = 0
    received: int = 0
    failed: int = 0
    counting: bool = False
    made: dict[tuple[str, int], float] = field(default_factory=dict)
    _read: dict[bytes, tuple[int, int, list[str]]] = field(default_factory=dict)

    async def watch(self, token: str, track: str, stop: asyncio.Event) -> None:
        """One viewer of one track, on one connection."""
        head = f"Host: localhost\r\nAccept-Encoding: gzip\r\nCookie: {self.cookie}={token}\r\n\r\n"
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            base = f"/media/lecture/{track}/"
            msn, part, uris = self._understand(await self.get(reader, writer, base + "index.m3u8", head))
            seen = set(uris)
            while not stop.is_set():
                query = f"?_HLS_msn={msn}&_HLS_part={part + 1}&_HLS_skip=YES"
                body = await self.get(reader, writer, base + "index.m3u8" + query, head)
                now = time.monotonic()
                msn, part, uris = self._understand(body)
                fresh = [uri for uri in uris if uri not in seen]
                if fresh and self.counting:
                    made = self.made.get((track, int(fresh[-1][5:11])))
                    if made is not None:
                        self.lateness.append(max(0.0, now - made))
                for uri in fresh:
                    seen.add(uri)
                    await self.get(reader, writer, base + uri, head)
        except (OSError, EOFError, ValueError):
            self.failed += 1
        finally:
            writer.close()

    async def get(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str, fields: str) -> bytes:
        """One file, on a connection that stays. Raises ValueError for any other status than 200."""
        writer.write(f"GET {path} HTTP/1.1\r\n{fields}".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head[:20]:
            raise ValueError(head[:40])
        length = int(head.lower().split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        body = await reader.readexactly(length)
        if self.counting:
            self.requests += 1
            self.received += len(head) + length
        return body

    async def fetch(self, paths: Sequence[str], token: str, seconds: float) -> None:
        """Many connections that fetch these files again and again, as players do who scrub back."""
        head = f"Host: localhost\r\nCookie: {self.cookie}={token}\r\n\r\n"
        end = time.monotonic() + seconds

        async def one(begin: int) -> None:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            turn = begin
            while time.monotonic() < end:
                await self.get(reader, writer, paths[turn % len(paths)], head)
                turn += 1
            writer.close()

        self.counting = True
        await asyncio.gather(*(one(number) for number in range(CONNECTIONS)))
        self.counting = False

    def _understand(self, body: bytes) -> tuple[int, int, list[str]]:
        """Last media sequence number, last part, and the parts listed; every viewer gets the same bytes."""
        found = self._read.get(body)
        if found is None:
            if len(self._read) > 64:
                self._read.pop(next(iter(self._read)))
            found = self._read[body] = read_playlist(gzip.decompress(body))
        return found


def read_playlist(text: bytes) -> tuple[int, int, list[str]]:
    """The segment that grows, its last part, and the addresses of the last parts."""
    whole = text.rfind(b"#EXTINF")
    rest = text[whole:] if whole >= 0 else text
    skipped = re.search(rb"SKIPPED-SEGMENTS=(\d+)", text)
    msn = text.count(b"#EXTINF") + (int(skipped[1]) if skipped else 0)
    uris = [match[1].decode() for match in _PART.finditer(text) if not match[2]]
    return msn, rest.count(b"#EXT-X-PART:") - 1, uris[-8:]


def follow(root: Path, made: dict[tuple[str, int], float], stop: threading.Event) -> None:
    """Note when each part was told to be on disk: that is when it could have been served."""
    follower = Follower(root / "lecture/journal.jsonl")
    known = dict.fromkeys(TRACKS, 0)
    while not stop.wait(0.002):
        state = follower.look()
        now = time.monotonic()
        for name in TRACKS:
            track = state.tracks.get(name) if state else None
            if track is not None and track.numbered > known[name]:
                made.update({(name, number): now for number in range(known[name], track.numbered)})
                known[name] = track.numbered
