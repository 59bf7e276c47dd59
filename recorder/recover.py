"""After a crash: read a recording's journal, cut torn tails, write the ends that are missing.

What was written in whole parts stays; the recording is left paused, so that it can go on or be sealed.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from recorder.disk import JOURNAL, MANIFEST, Disk
from recorder.errors import Malformed, UnknownRecording
from recorder.fmp4 import scan
from recorder.journal import BLACK, Line, State, TrackState, decode, encode
from recorder.names import segment_file
from recorder.summary import summarise
from recorder.vault import Vault

logger = logging.getLogger(__name__)


def repair(disk: Disk, vault: Vault, recording: str) -> tuple[State, bool]:
    """The recording with everything ended, and whether anything had been left open.

    Raises UnknownRecording, RecordingBusy while it is being recorded, and OSError when the disk refuses.
    """
    path = disk.root / recording / JOURNAL
    try:
        descriptor = disk.open_log(path, make=False)
    except FileNotFoundError as error:
        raise UnknownRecording(recording) from error
    try:
        return _repair(disk, vault, recording, descriptor)
    finally:
        disk.close(descriptor)


def _repair(disk: Disk, vault: Vault, recording: str, descriptor: int) -> tuple[State, bool]:
    path = disk.root / recording / JOURNAL
    state, whole, size = _read(disk.root, recording)
    if whole < size:
        os.truncate(path, whole)
    lines: list[Line] = []
    for track in state.tracks.values():
        if track.open is not None and track.open.init == BLACK:
            lines.append({"track": track.name, "black": track.open.msn, "start": track.open.start, "end": track.edge})
        elif track.open is not None:
            lines += _end_segment(disk, vault, recording, track, track.open.msn)
    for line in lines:
        state.apply(line)
    torn = bool(lines) or whole < size or state.status == "recording"
    if torn and state.status != "sealed":
        ends = _end_times(state)
        for line in ends:
            state.apply(line)
        lines += ends
    if lines:
        disk.write(descriptor, b"".join(encode(line) for line in lines))
        disk.sync(descriptor)
    return state, torn


def write_manifest(disk: Disk, state: State) -> None:
    """manifest.json: the summary and each file with its length and SHA-256, for whoever copies or checks it."""
    tracks: dict[str, Any] = {}
    for track in state.tracks.values():
        tracks[track.name] = {
            "inits": [{"bytes": init.bytes, "sha256": init.sha256} for init in track.inits],
            "segments": [asdict(segment) for segment in track.segments.values()],
        }
    manifest = {"v": 1, "summary": summarise(state), "boundaries": state.starts, "tracks": tracks}
    disk.replace(disk.root / state.recording / MANIFEST, json.dumps(manifest, indent=1).encode() + b"\n")


def list_recordings(root: Path) -> list[str]:
    """Every folder that has a journal, in order of name."""
    if not root.is_dir():
        return []
    return sorted(folder.name for folder in root.iterdir() if (folder / JOURNAL).is_file())


def _read(root: Path, recording: str) -> tuple[State, int, int]:
    """State, the bytes of whole lines, the bytes of all."""
    try:
        data = (root / recording / JOURNAL).read_bytes()
    except FileNotFoundError as error:
        raise UnknownRecording(recording) from error
    lines, whole = decode(data)
    state = State()
    for line in lines:
        try:
            state.apply(line)
        except Malformed as error:
            logger.warning("journal of %s: %s", recording, error)
    if not state.recording:
        raise UnknownRecording(recording)
    return state, whole, len(data)


def _end_segment(disk: Disk, vault: Vault, recording: str, track: TrackState, msn: int) -> list[Line]:
    """Cut the torn tail of a segment that was being written and close it by what is left."""
    name = f"{recording}/{track.name}/{segment_file(msn)}"
    path = disk.root / name
    data = path.read_bytes() if path.is_file() else b""
    found = scan(vault.open(name, 0, data))
    if found is None or track.open is None:
        path.unlink(missing_ok=True)
        return [{"track": track.name, "drop": msn}]
    if found.size < len(data):
        os.truncate(path, found.size)
    return [
        {
            "track": track.name,
            "segment": msn,
            "init": track.open.init,
            "start": found.start,
            "end": found.end,
            "samples": found.samples,
            "bytes": found.size,
            "sha256": hashlib.sha256(data[: found.size]).hexdigest(),
        }
    ]


def _end_times(state: State) -> list[Line]:
    """Close the last interval where the last track ended."""
    lines: list[Line] = []
    ends = [-(-track.last.end * 1000 // track.rate) for track in state.tracks.values() if track.last]
    end = max([state.starts[-1], *ends])
    if state.closed < len(state.starts) - 2 or end > state.starts[-1]:
        if end > state.starts[-1]:
            lines.append({"boundary": end})
        lines.append({"closed": len(state.starts) - 2 + (end > state.starts[-1])})
    lines.append({"state": "paused", "at": end, "quality": state.quality})
    return lines
