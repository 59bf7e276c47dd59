"""One progressive MP4 of a sealed recording: a picture and a voice, every sample copied as it is, the index in front.

Run as a process (`python -m recorder.progressive ROOT RECORDING PICTURE`) it puts the file into the recording's folder:
whole or not at all.
"""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from struct import pack
from typing import Literal

from recorder.boxes import box, full_box
from recorder.codec import Config
from recorder.coverage import Span, cover
from recorder.errors import RecorderError, StorageFailed, UnknownRecording
from recorder.fmp4 import MOVIE_RATE, SYNC, fragments, movie_header, sample_entry, track_box
from recorder.journal import State, TrackState
from recorder.leading import leading
from recorder.library import Library
from recorder.names import filling_file, recording_name, segment_file
from recorder.vault import PlainVault

Picture = Literal["camera", "screen"]
PICTURES: tuple[Picture, ...] = ("camera", "screen")

BUSY, NOTHING = 3, 4
"""How the process ends when another makes the same file, and when there is no such picture or recording."""

Write = Callable[[bytes], object]


def progressive_file(picture: Picture) -> str:
    """The name of the file in the recording's folder."""
    return f"download-{picture}.mp4"


def chosen(state: State, picture: Picture) -> list[TrackState]:
    """The presenter's camera or screen, and their voice. Raises UnknownRecording where there is no such picture."""
    tracks = [track for track in state.tracks.values() if track.segments]
    pictures = [track for track in tracks if track.source == picture]
    if not pictures:
        raise UnknownRecording(f"{state.recording} has no {picture}")
    first = leading(state, pictures)
    voices = [track for track in tracks if track.source == "microphone"]
    own = [track for track in voices if track.participant == first.participant]
    hosts = [track for track in voices if track.participant == state.options.get("host")]
    return [first, *(own or hosts)[:1]]


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Samples that stand side by side: `size` bytes from `offset` on of what is at `path`, behind `prefix`."""

    at: float
    path: str
    offset: int
    size: int
    prefix: bytes
    samples: int
    entry: int


@dataclass(slots=True)
class _Track:
    """One track's samples as the index tells them; times in ticks."""

    configs: list[Config] = field(default_factory=list)
    chunks: list[_Chunk] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    durations: list[int] = field(default_factory=list)
    keys: list[int] = field(default_factory=list)
    """Sample numbers, from 1."""
    lead: int = 0
    """Before the first sample."""
    end: int = 0


def write_progressive(library: Library, state: State, picture: Picture, write: Write) -> int:
    """Write the file piece by piece and return its bytes. Raises UnknownRecording, StorageFailed, Malformed.

    The recording's timeline is the file's: a picture that begins late is told by an edit list, one that was away stays
    as it was, and missing sound is silence.
    """
    tracks = [_read(library, state, track) for track in chosen(state, picture)]
    order = sorted((chunk.at, number, index) for number, t in enumerate(tracks) for index, chunk in enumerate(t.chunks))
    ftyp = box(b"ftyp", b"isom", pack(">I", 0x200), b"isomiso2mp41")
    blank = [[0] * len(track.chunks) for track in tracks]
    place = len(ftyp) + len(_moov(tracks, blank)) + 16
    offsets, size = blank, 0
    for _, number, index in order:
        chunk = tracks[number].chunks[index]
        offsets[number][index] = place + size
        size += len(chunk.prefix) + chunk.size
    write(ftyp)
    write(_moov(tracks, offsets))
    write(pack(">I4sQ", 1, b"mdat", size + 16))
    for _, number, index in order:
        chunk = tracks[number].chunks[index]
        data = library.read(state.recording, chunk.path, chunk.offset, chunk.offset + chunk.size)
        if len(data) != chunk.size:
            raise StorageFailed(f"{chunk.path} is shorter than it was")
        write(chunk.prefix + data)
    return place + size


def _read(library: Library, state: State, track: TrackState) -> _Track:
    """All samples of a track, and of the silence between them; black is left out."""
    found = _Track()
    spans = [span for span in cover(state, track) if span.segment is not None or span.codec == "opus"]
    several = len({span.init for span in spans if span.segment is not None}) > 1
    told: Config | None = None
    for span in spans:
        config = track.inits[span.init or 0].config
        if config not in found.configs:
            found.configs.append(config)
        # Who reads only the first description still learns of the others where samples bring them along.
        prefix = _parameter_sets(config) if several and config != told else b""
        told = config
        _add(found, library, state, track, span, found.configs.index(config) + 1, prefix)
    return found


def _add(
    found: _Track, library: Library, state: State, track: TrackState, span: Span, entry: int, prefix: bytes
) -> None:
    path = f"{track.name}/{segment_file(span.msn) if span.segment else filling_file(span.msn)}"
    item = library.find(state.recording, path)
    if item is None:
        raise StorageFailed(f"{path} is not there")
    for fragment in fragments(library.read_item(item, 0, item.size)):
        if not found.sizes:
            found.lead = found.end = fragment.start
        else:
            found.durations[-1] = max(1, found.durations[-1] + fragment.start - found.end)
        found.keys += [
            len(found.sizes) + number for number, row in enumerate(fragment.rows, 1) if row[2] == SYNC
        ]  # fmt: skip
        sizes = [row[1] for row in fragment.rows]
        whole = sum(sizes)
        sizes[0] += len(prefix)
        found.sizes += sizes
        found.durations += [row[0] for row in fragment.rows]
        found.end = fragment.start + sum(row[0] for row in fragment.rows)
        at = fragment.start / track.rate
        found.chunks.append(_Chunk(at, path, fragment.data, whole, prefix, len(sizes), entry))
        prefix = b""


def _parameter_sets(config: Config) -> bytes:
    """What avcC holds (ISO 14496-15 §5.3.3.1), as NAL units of a sample; nothing for other codecs."""
    if config.codec != "H264":
        return b""
    units, at = b"", 5
    for mask in (0x1F, 0xFF):
        count, at = config.record[at] & mask, at + 1
        for _ in range(count):
            size = int.from_bytes(config.record[at : at + 2], "big")
            units += size.to_bytes(4, "big") + config.record[at + 2 : at + 2 + size]
            at += 2 + size
    return units


def _moov(tracks: list[_Track], offsets: list[list[int]]) -> bytes:
    shown = [track.end * MOVIE_RATE // track.configs[0].rate for track in tracks]
    boxes = [_trak(number, track, offsets[number - 1], shown[number - 1]) for number, track in enumerate(tracks, 1)]
    return box(b"moov", movie_header(max(shown), len(tracks) + 1), *boxes)


def _trak(number: int, track: _Track, offsets: list[int], shown: int) -> bytes:
    """One track's description: ISO 14496-12 §8.5 to §8.7."""
    several = len(track.configs) > 1
    entries = [sample_entry(config, in_band=several) for config in track.configs]
    times = [(len(list(run)), duration) for duration, run in groupby(track.durations)]
    tables = [
        full_box(b"stsd", 0, 0, pack(">I", len(entries)), *entries),
        full_box(b"stts", 0, 0, pack(">I", len(times)), *[pack(">II", *each) for each in times]),
        _chunk_table(track),
        full_box(b"stsz", 0, 0, pack(">II", 0, len(track.sizes)), pack(f">{len(track.sizes)}I", *track.sizes)),
        full_box(b"co64", 0, 0, pack(">I", len(offsets)), pack(f">{len(offsets)}Q", *offsets)),
    ]
    if len(track.keys) < len(track.sizes):
        keys = pack(f">{len(track.keys)}I", *track.keys)
        tables.append(full_box(b"stss", 0, 0, pack(">I", len(track.keys)), keys))
    largest = max(track.configs, key=lambda config: config.width * config.height)
    edits = b""
    if track.lead:
        lead = track.lead * MOVIE_RATE // largest.rate
        # §8.6.6: nothing, then the media from its first moment on.
        rows = pack(">IIiHH", 2, lead, -1, 1, 0) + pack(">IiHH", shown - lead, 0, 1, 0)
        edits = box(b"edts", full_box(b"elst", 0, 0, rows))
    return track_box(number, largest, tables, edits=edits, shown=shown, duration=track.end - track.lead)


def _chunk_table(track: _Track) -> bytes:
    """stsc (§8.7.4): a row where the samples per chunk, or their description, change."""
    rows: list[tuple[int, int, int]] = []
    for number, chunk in enumerate(track.chunks, 1):
        if not rows or rows[-1][1:] != (chunk.samples, chunk.entry):
            rows.append((number, chunk.samples, chunk.entry))
    return full_box(b"stsc", 0, 0, pack(">I", len(rows)), *[pack(">III", *row) for row in rows])


def make(root: Path, recording: str, picture: Picture) -> int:
    """Put the file into the recording's folder, unless it is there; returns how the process ends."""
    library = Library(root, PlainVault())
    folder = root / recording_name(recording)
    state = library.follower(recording).look()
    if state is None or state.status != "sealed":
        return NOTHING
    whole = folder / progressive_file(picture)
    fresh = whole.with_name(whole.name + ".new")
    with fresh.open("ab") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return BUSY
        stream.truncate(0)
        try:
            write_progressive(library, state, picture, stream.write)
            stream.flush()
            os.fsync(stream.fileno())
        except UnknownRecording:
            fresh.unlink()
            return NOTHING
        except (OSError, RecorderError):
            fresh.unlink()  # of a disk that is full, to begin with
            raise
        fresh.replace(whole)
    return 0


def main(arguments: list[str]) -> int:
    os.nice(10)
    root, recording, picture = arguments
    return make(Path(root), recording, next(each for each in PICTURES if each == picture))


__all__ = ["BUSY", "NOTHING", "PICTURES", "Picture", "chosen", "make", "progressive_file", "write_progressive"]

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
