"""A recording in figures: what lists and pages show of it, as plain values that fit into a message."""

from __future__ import annotations

from typing import Any

from recorder.coverage import absences
from recorder.journal import State, TrackState
from recorder.playlist import codecs, resolution


def summarise(state: State) -> dict[str, Any]:
    """Seconds throughout; `started` is Unix time, other times count from it. `state` is as last written to disk."""
    gaps = {track.name: absences(state, track) for track in state.tracks.values()}
    tracks = [_track(track, gaps[track.name]) for track in state.tracks.values() if track.segments]
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


def _track(track: TrackState, gaps: list[tuple[int, int]]) -> dict[str, Any]:
    segments = list(track.segments.values())
    start, end = track.start / track.rate, segments[-1].end / track.rate
    width, height = resolution(track)
    return {
        "name": track.name,
        "participant": track.participant,
        "source": track.source,
        "kind": track.kind,
        "codec": track.inits[segments[-1].init].config.codec,
        "codecs": ",".join(codecs(track)),
        "width": width,
        "height": height,
        "start": round(start, 3),
        "duration": round(max(0.0, end - start), 3),
        "bytes": sum(segment.bytes for segment in segments),
        "gaps": [
            {"start": round(begin / track.rate, 3), "duration": round((stop - begin) / track.rate, 3)}
            for begin, stop in gaps
        ],
    }
