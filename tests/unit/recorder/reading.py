"""Recordings read back as a stranger would: sample times out of the boxes, pictures and sound out of a decoder."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from struct import unpack_from
from typing import Any
from urllib.parse import urljoin

import av
import numpy as np

from recorder.boxes import find, walk
from recorder.library import Library
from recorder.vault import PlainVault


@dataclass(frozen=True)
class ReadSample:
    """Seconds of session time; `made_up` for what stands where the track was absent."""

    time: float
    duration: float
    size: int
    key: bool
    made_up: bool


@dataclass(frozen=True)
class Entry:
    """One playlist entry with what it needs to be decoded."""

    address: str
    init: str
    duration: float
    discontinuity: bool


def entries(text: str) -> list[Entry]:
    """The entries of a media playlist that can be fetched."""
    found: list[Entry] = []
    init, duration, discontinuity, gap = "", 0.0, False, False
    for line in text.splitlines():
        if line.startswith("#EXT-X-MAP"):
            init = line.split('"')[1]
        elif line.startswith("#EXTINF"):
            duration = float(line.split(":")[1].rstrip(","))
        elif line == "#EXT-X-DISCONTINUITY":
            discontinuity = True
        elif line == "#EXT-X-GAP":
            gap = True
        elif line and not line.startswith("#"):
            if not gap:
                found.append(Entry(line, init, duration, discontinuity))
            discontinuity = gap = False
    return found


def fetch(library: Library, recording: str, path: str) -> bytes:
    item = library.find(recording, path)
    assert item is not None, path
    return library.read(recording, path, 0, item.size)


def track_files(root: Path, recording: str, track: str) -> list[tuple[Entry, bytes, bytes]]:
    """Each entry of a track with its init section and its bytes."""
    library = Library(root, PlainVault())
    listed = entries(library.media_playlist(recording, track))
    return [
        (
            entry,
            fetch(library, recording, urljoin(f"{track}/", entry.init)),
            fetch(library, recording, urljoin(f"{track}/", entry.address)),
        )
        for entry in listed
    ]


def samples(root: Path, recording: str, track: str) -> list[ReadSample]:
    """Every sample of a track in order."""
    found: list[ReadSample] = []
    for entry, init, data in track_files(root, recording, track):
        rate = timescale(init)
        for kind, begin, end in walk(data):
            if kind == b"moof":
                found += _moof_samples(data, begin, end, rate, entry.address.startswith("gap"))
    return found


def timescale(init: bytes) -> int:
    begin, end = find(init, b"moov", 0, len(init))
    for kind in (b"trak", b"mdia", b"mdhd"):
        begin, end = find(init, kind, begin + 8, end)
    return int(unpack_from(">I", init, begin + 20)[0])


def _moof_samples(data: bytes, begin: int, end: int, rate: int, made_up: bool) -> list[ReadSample]:
    traf = find(data, b"traf", begin + 8, end)
    tfdt = find(data, b"tfdt", traf[0] + 8, traf[1])[0]
    trun = find(data, b"trun", traf[0] + 8, traf[1])[0]
    at = unpack_from(">Q", data, tfdt + 12)[0]
    found = []
    for row in range(unpack_from(">I", data, trun + 12)[0]):
        duration, size, flags = unpack_from(">III", data, trun + 20 + 12 * row)
        found.append(ReadSample(at / rate, duration / rate, size, flags == 0x02000000, made_up))
        at += duration
    return found


def decoded(root: Path, recording: str, track: str) -> list[Any]:
    """Every frame that a decoder makes of what was recorded, each run of one init section decoded by itself.

    What stands where the track was absent is left out. Frames carry `time` in seconds of session time.
    """
    runs: list[tuple[bytes, list[bytes]]] = []
    for entry, init, data in track_files(root, recording, track):
        if entry.address.startswith("gap"):
            runs.append((b"", []))
            continue
        if not runs or runs[-1][0] != init or entry.discontinuity:
            runs.append((init, []))
        runs[-1][1].append(data)
    frames: list[Any] = []
    for init, pieces in runs:
        if not pieces:
            continue
        with av.open(io.BytesIO(init + b"".join(pieces)), options={"ignore_editlist": "1"}) as container:
            frames += list(container.decode(container.streams[0]))
    return frames


def flashes(frames: list[Any]) -> list[float]:
    """Times at which the picture turns bright."""
    found, before = [], True
    for frame in frames:
        bright = bool(frame.to_ndarray(format="gray")[frame.height // 2 :].mean() > 120)
        if bright and not before:
            found.append(float(frame.time))
        before = bright
    return found


def beeps(frames: list[Any]) -> list[float]:
    """Times at which the tone sets in."""
    found, silent_since = [], -1.0
    for frame in frames:
        sound = np.abs(frame.to_ndarray().astype(np.float64)).max(axis=0)
        if frame.format.name.startswith("flt"):
            sound = sound * 32768
        loud = np.flatnonzero(sound > 3000)
        start = float(frame.time)
        if len(loud):
            if start - silent_since > 0.1:
                found.append(start + loud[0] / 48_000)
            silent_since = start + loud[-1] / 48_000
    return found


def assert_seamless(found: list[ReadSample], *, within: float = 0.0001) -> None:
    """Samples follow one another without hole or overlap from the first moment on."""
    at = 0.0
    for sample in found:
        assert abs(sample.time - at) <= within, (sample, at)
        assert sample.duration > 0
        at = sample.time + sample.duration
