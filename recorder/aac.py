"""AAC of a sealed recording's sound: decoded and encoded once, cut where the recording is cut.

Run as a process (`python -m recorder.aac ROOT RECORDING`) it puts a folder beside each track: whole or not at all.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from recorder.aac_codec import Decoder, Encoder, Sound
from recorder.aac_format import FRAME, aac_config, aac_name, boundaries
from recorder.alternative import BUSY, INDEX, index_of, missing
from recorder.coverage import cover
from recorder.disk import Disk
from recorder.errors import StorageFailed
from recorder.fmp4 import fragment, fragments, init_section
from recorder.journal import Init, Segment, State, TrackState
from recorder.library import Library
from recorder.names import filling_file, init_file, recording_name, segment_file
from recorder.segment import Sample
from recorder.vault import PlainVault, Vault


def heard(library: Library, state: State, track: TrackState) -> Iterator[Sound]:
    """The track's sound from the recording's first moment on, as (2, n) pieces of float32 at 48 kHz."""
    decoder = Decoder()
    at = 0
    for span in cover(state, track):
        path = f"{track.name}/{segment_file(span.msn) if span.segment else filling_file(span.msn)}"
        item = library.find(state.recording, path)
        if item is None:
            raise StorageFailed(f"{path} is not there")
        data = library.read_item(item, 0, item.size)
        for each in fragments(data):
            if each.start > at:
                yield np.zeros((2, each.start - at), np.float32)
                at = each.start
            place, skip = each.data, at - each.start
            for duration, size, _ in each.rows:
                piece = decoder.decode(data[place : place + size], duration)[:, skip:]
                place += size
                skip = max(0, skip - duration)
                at += piece.shape[1]
                yield piece


def transcode(library: Library, state: State, track: TrackState, disk: Disk, vault: Vault, folder: Path) -> None:
    """Fill a folder with a track's AAC. Segment numbers are those of the track. Raises OSError, StorageFailed.

    Segments end where they end in what is made of it for those who ask before."""
    spans = cover(state, track)
    ends = boundaries(span.end for span in spans)
    if state.part is None:
        # All that there is. Of a live recording those who listen have been told already where it ends.
        ends[-1] = max(ends[-1], round(spans[-1].end / FRAME))
    encoder = Encoder()
    config = aac_config(encoder.record)
    segments: list[Segment] = []
    samples: list[Sample] = []
    name = f"{state.recording}/{aac_name(track.name)}"

    def store(file: str, data: bytes) -> tuple[int, str]:
        sealed = vault.seal(f"{name}/{file}", 0, data)
        descriptor = disk.open_new(folder / file)
        try:
            disk.write(descriptor, sealed)
            disk.sync(descriptor)
        finally:
            disk.close(descriptor)
        return len(sealed), hashlib.sha256(sealed).hexdigest()

    def take(number: int, data: bytes) -> None:
        if number < 0 or len(segments) == len(spans):
            return  # of no segment
        samples.append(Sample(data, FRAME, True))
        index = len(segments)
        if number + 1 < ends[index]:
            return
        msn, start = spans[index].msn, (ends[index - 1] if index else 0) * FRAME
        size, digest = store(segment_file(msn), fragment(msn << 10 | 1, start, samples))
        segments.append(Segment(msn, 0, start, ends[index] * FRAME, len(samples), size, digest))
        samples.clear()

    init = Init(config, *store(init_file(0), init_section(config)))
    for sound in heard(library, state, track):
        for frame in encoder.encode(sound):
            take(*frame)
    for frame in encoder.finish(ends[-1]):
        take(*frame)
    if len(segments) != len(spans):
        raise StorageFailed(f"{name}: {len(segments)} of {len(spans)} segments")
    store(INDEX, index_of(config, init, segments))


def make(root: Path, recording: str) -> int:
    """All that is missing of a recording; returns how the process ends."""
    library, disk = Library(root, PlainVault()), Disk(root)
    home = root / recording_name(recording)
    state = library.follower(recording).look()
    if state is None or state.status != "sealed":
        return 0
    with (home / "aac.lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return BUSY
        for track in missing(root, state):
            fresh = home / f"{aac_name(track.name)}.new"
            shutil.rmtree(fresh, ignore_errors=True)  # of a process that was killed
            try:
                transcode(library, state, track, disk, PlainVault(), fresh)
                fresh.rename(home / aac_name(track.name))
            except BaseException:
                shutil.rmtree(fresh, ignore_errors=True)
                raise
        descriptor = os.open(home, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    return 0


def main(arguments: list[str]) -> int:
    os.nice(15)
    root, recording = arguments
    return make(Path(root), recording)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
