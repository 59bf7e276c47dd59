"""The journal of a recording: one JSON object a line, folded into what is on disk and where it stands in time.

The writer appends a line after the bytes it speaks of; whoever reads folds the same lines into the same state: the
recorder, its recovery, and the server that plays what is still being recorded in another process.

Lines, `track` being a track's name and times ticks of its clock unless they say otherwise:

    {"v":1,"recording":…,"room":…,"started":unix s,"grid":ms,"options":{…}}      the first line
    {"state":"recording"|"paused"|"sealed","at":session ms,"quality":{…}}
    {"track":…,"participant":…,"source":…,"kind":…,"start":…}
    {"track":…,"init":k,"codec":…,"codecs":…,"width":…,"height":…,"record":hex,"bytes":n,"sha256":hex}
    {"track":…,"open":msn,"init":k,"start":…}
    {"track":…,"segment":msn,"init":k,"start":…,"end":…,"samples":n,"bytes":n,"sha256":hex}
    {"track":…,"drop":msn}                    an opened segment of which nothing was on disk after a crash
    {"track":…,"gap":[start,end]}
    {"boundary":session ms}                   the next interval begins
    {"cut":n}                                 what decodes a track may change at interval n (live recordings)
    {"closed":n}                              no track will add to interval n or an earlier one

Those of a live recording, whose `options` say `low_latency` and `part`, the target duration of parts in ms:

    {"track":…,"open":msn,"start":…}          black begins: a segment of which nothing is stored
    {"track":…,"part":[index,duration,bytes,independent]}   of the open segment, after its bytes
    {"track":…,"black":msn,"start":…,"end":…}
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from recorder.codec import OPUS, Config
from recorder.errors import Malformed
from tele.domain.media import Kind, Source

Line = dict[str, Any]
BLACK = -1
"""In place of an init section's number: a segment of which nothing is stored."""

Status = Literal["recording", "paused", "sealed"]


@dataclass(frozen=True, slots=True)
class Init:
    """An init section on disk; `bytes` and `sha256` are of the file as stored."""

    config: Config
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Segment:
    """A closed segment on disk; `start` and `end` in ticks, `bytes` and `sha256` of the file as stored."""

    msn: int
    init: int
    start: int
    end: int
    samples: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Part:
    """What a live playlist lists between segments; times in ticks, `offset` and `bytes` of its segment's file.

    `number` counts the track's parts from the first on. Nothing is stored of black.
    """

    number: int
    start: int
    duration: int
    offset: int
    bytes: int
    independent: bool


KEPT = 48
"""Segments whose parts are remembered: more than the six target durations for which parts must stay available."""


@dataclass(slots=True)
class TrackState:
    """One recorded track: whatever one participant published from one source, over all its publications."""

    name: str
    participant: str
    source: Source
    kind: Kind
    start: int
    inits: list[Init] = field(default_factory=list)
    segments: dict[int, Segment] = field(default_factory=dict)
    open: Segment | None = None
    gaps: list[tuple[int, int]] = field(default_factory=list)
    black: dict[int, tuple[int, int]] = field(default_factory=dict)
    parts: dict[int, list[Part]] = field(default_factory=dict)
    numbered: int = 0
    """How many parts there have been; `parts` holds those of the latest segments by media sequence number."""

    @property
    def rate(self) -> int:
        """Ticks per second."""
        return 48_000 if self.kind == "audio" else 90_000

    @property
    def edge(self) -> int:
        """Where the parts of the open segment end, in ticks; raises LookupError when there is none."""
        if self.open is None:
            raise LookupError(self.name)
        parts = self.parts.get(self.open.msn)
        return parts[-1].start + parts[-1].duration if parts else self.open.start

    def part(self, number: int) -> tuple[int, Part] | None:
        """The segment that holds a remembered part, and the part."""
        for msn, parts in self.parts.items():
            if parts and parts[0].number <= number <= parts[-1].number:
                return msn, parts[number - parts[0].number]
        return None

    @property
    def last(self) -> Segment | None:
        """The latest closed segment: they close in order."""
        return next(reversed(self.segments.values()), None)


@dataclass(slots=True)
class State:
    """A recording as its journal tells it."""

    recording: str = ""
    room: str = ""
    started: float = 0.0
    grid: int = 10_000
    options: dict[str, Any] = field(default_factory=dict)
    status: Status = "recording"
    at: int = 0
    starts: list[int] = field(default_factory=lambda: [0])
    closed: int = -1
    tracks: dict[str, TrackState] = field(default_factory=dict)
    quality: dict[str, float] = field(default_factory=dict)
    cuts: set[int] = field(default_factory=set)
    others: dict[str, TrackState] = field(default_factory=dict)
    """Tracks that were made of recorded ones, by name: no line tells of them, see `alternative`."""

    @property
    def part(self) -> float | None:
        """The target duration of parts in seconds; None for what is not watched while it grows."""
        return int(self.options["part"]) / 1000 if self.options.get("low_latency") else None

    def apply(self, line: Line) -> None:
        """Fold one line in; raises Malformed and changes nothing when it does not follow from what is known."""
        try:
            if "track" in line:
                self._apply_track(line)
            elif "boundary" in line:
                self.starts.append(int(line["boundary"]))
            elif "cut" in line:
                self.cuts.add(int(line["cut"]))
            elif "closed" in line:
                closed = int(line["closed"])
                if not self.closed <= closed < len(self.starts) - 1:
                    raise Malformed("an interval closed without its end")
                self.closed = closed
            elif "state" in line:
                self.status, self.at = cast(Status, line["state"]), int(line["at"])
                self.quality = dict(line.get("quality", self.quality))
            elif line.get("v") == 1:
                self.recording, self.room = str(line["recording"]), str(line["room"])
                self.started, self.grid = float(line["started"]), int(line["grid"])
                self.options = dict(line["options"])
            else:
                raise Malformed("unknown journal line")
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise Malformed(f"journal line does not follow: {error!r}") from error

    def _apply_track(self, line: Line) -> None:
        name = str(line["track"])
        if "source" in line:
            source, kind = cast(Source, line["source"]), cast(Kind, line["kind"])
            self.tracks[name] = TrackState(name, str(line["participant"]), source, kind, int(line["start"]))
            return
        track = self.tracks[name]
        if "part" in line:
            self._apply_part(track, [int(value) for value in line["part"]])
        elif "segment" in line:
            segment = _segment(line, int(line["segment"]))
            if not 0 <= segment.init < len(track.inits):
                raise Malformed("a segment without its init section")
            track.open = None
            track.segments[segment.msn] = segment
        elif "open" in line:
            track.open = _segment(line, int(line["open"]))
            track.parts[track.open.msn] = []
            while len(track.parts) > KEPT:
                del track.parts[next(iter(track.parts))]
        elif "black" in line:
            track.open = None
            track.black[int(line["black"])] = (int(line["start"]), int(line["end"]))
        elif "drop" in line:
            track.open = None
        elif "gap" in line:
            start, end = line["gap"]
            track.gaps.append((int(start), int(end)))
        elif "codecs" in line:
            track.inits.append(Init(_config(line), int(line["bytes"]), str(line["sha256"])))
        else:
            raise Malformed("unknown journal line of a track")

    def _apply_part(self, track: TrackState, told: list[int]) -> None:
        index, duration, size, independent = told
        if self.part is None or track.open is None:
            raise Malformed("a part of nothing")
        parts = track.parts[track.open.msn]
        if len(parts) != index:
            raise Malformed("a part is missing")
        offset = parts[-1].offset + parts[-1].bytes if parts else 0
        parts.append(Part(track.numbered, track.edge, duration, offset, size, bool(independent)))
        track.numbered += 1


def _segment(line: Line, msn: int) -> Segment:
    start = int(line["start"])
    return Segment(
        msn,
        int(line.get("init", BLACK)),
        start,
        int(line.get("end", start)),
        int(line.get("samples", 0)),
        int(line.get("bytes", 0)),
        str(line.get("sha256", "")),
    )


def _config(line: Line) -> Config:
    if line["codec"] == "opus":
        return OPUS
    record = bytes.fromhex(line["record"])
    return Config(line["codec"], str(line["codecs"]), int(line["width"]), int(line["height"]), record)


def config_line(track: str, index: int, config: Config) -> Line:
    """The line of an init section; the writer adds `bytes` and `sha256`."""
    return {
        "track": track,
        "init": index,
        "codec": config.codec,
        "codecs": config.codecs,
        "width": config.width,
        "height": config.height,
        "record": config.record.hex(),
    }


def encode(line: Line) -> bytes:
    """One line as it stands on disk."""
    return json.dumps(line, separators=(",", ":"), ensure_ascii=True).encode() + b"\n"


def decode(data: bytes) -> tuple[list[Line], int]:
    """The whole lines at the start of `data` and the bytes they take; a torn or broken line ends the reading."""
    lines: list[Line] = []
    at = 0
    while (end := data.find(b"\n", at)) >= 0:
        try:
            line = json.loads(data[at:end])
        except ValueError:
            break
        if not isinstance(line, dict):
            break
        lines.append(line)
        at = end + 1
    return lines, at
