"""A recording in figures: what lists and pages show of it, as plain values that fit into a message."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from recorder.coverage import absences, finished
from recorder.journal import State, TrackState
from recorder.playlist import codecs, resolution


def summarise(state: State) -> dict[str, Any]:
    """Seconds throughout; `started` is Unix time, other times count from it. `state` is as last written to disk."""
    gaps = {track.name: absences(state, track) for track in state.tracks.values()}
    tracks = [_track(track, gaps[track.name]) for track in _listed(state)]
    quality = dict(state.quality)
    quality["gaps"] = sum(len(track["gaps"]) for track in tracks)
    quality["gap_seconds"] = round(sum(gap["duration"] for track in tracks for gap in track["gaps"]), 3)
    return {
        "recording": state.recording,
        "room": state.room,
        "state": state.status,
        "started": state.started,
        "duration": state.starts[state.closed + 1] / 1000 if state.closed >= 0 else 0.0,
        "tracks": tracks,
        "quality": quality,
    }


def _listed(state: State) -> Iterator[TrackState]:
    """Tracks with a whole segment; while a lecture is live also those that only have parts so far, so that a screen is
    seen as soon as it is shared. Not before its playlist has an entry, if only for what was before it: players without
    low latency cannot begin with none.
    """
    for track in state.tracks.values():
        growing = state.part is not None and state.status != "sealed" and track.numbered and track.inits
        if track.segments or (growing and finished(state, track) >= 0):
            yield track


def _track(track: TrackState, gaps: list[tuple[int, int]]) -> dict[str, Any]:
    segments = list(track.segments.values())
    opened = track.parts.get(track.open.msn, []) if track.open else []
    start = track.start / track.rate
    end = segments[-1].end / track.rate if segments else track.edge / track.rate if track.open else start
    width, height = resolution(track)
    init = track.inits[segments[-1].init if segments else 0]
    return {
        "name": track.name,
        "participant": track.participant,
        "source": track.source,
        "kind": track.kind,
        "codec": init.config.codec,
        "codecs": ",".join(codecs(track)),
        "width": width,
        "height": height,
        "start": round(start, 3),
        "duration": round(max(0.0, end - start), 3),
        "bytes": sum(piece.bytes for piece in segments or opened),
        "gaps": [
            {"start": round(begin / track.rate, 3), "duration": round((stop - begin) / track.rate, 3)}
            for begin, stop in gaps
        ],
    }
