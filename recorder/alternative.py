"""Tracks beside recorded ones in another coding, AAC for players that know no Opus: what is on disk of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from recorder.aac_format import aac_config, aac_name
from recorder.aac_track import AacTrack
from recorder.codec import Config
from recorder.journal import Init, Segment, State, TrackState

INDEX = "index.json"
"""What a finished folder holds besides its init section and segments. The folder appears as a whole."""

BUSY = 3
"""How the process that makes it ends when another is at it."""


def sounds(state: State) -> list[TrackState]:
    """The recorded tracks of which there is to be AAC."""
    return [track for track in state.tracks.values() if track.kind == "audio" and track.segments]


def missing(root: Path, state: State) -> list[TrackState]:
    """Those of which there is none yet."""
    return [track for track in sounds(state) if not (root / state.recording / aac_name(track.name) / INDEX).is_file()]


def add_others(root: Path, state: State) -> None:
    """Read what has come to be on disk into `state.others`, in place of what was made for each who asked; the recording
    is sealed."""
    for track in sounds(state):
        name = aac_name(track.name)
        if not isinstance(state.others.get(name), AacTrack | None):
            continue
        try:
            told = json.loads((root / state.recording / name / INDEX).read_bytes())
        except FileNotFoundError:
            continue  # not made yet
        state.others[name] = _track(track, name, told)


def index_of(config: Config, init: Init, segments: list[Segment]) -> bytes:
    """The index file."""
    rows = [[s.msn, s.start, s.end, s.samples, s.bytes, s.sha256] for s in segments]
    told = {"v": 1, "record": config.record.hex(), "init": [init.bytes, init.sha256], "segments": rows}
    return json.dumps(told, separators=(",", ":")).encode() + b"\n"


def _track(of: TrackState, name: str, told: dict[str, Any]) -> TrackState:
    size, digest = told["init"]
    init = Init(aac_config(bytes.fromhex(told["record"])), int(size), str(digest))
    rows = [
        Segment(int(msn), 0, int(start), int(end), int(samples), int(size), str(digest))
        for msn, start, end, samples, size, digest in told["segments"]
    ]
    return TrackState(name, of.participant, of.source, "audio", 0, [init], {segment.msn: segment for segment in rows})
