"""AAC of a live recording, made of the Opus that is there when somebody asks: the same bytes whoever asks, whenever.

A part is encoded by itself, from enough of what precedes it. A segment is its parts, one after another.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from recorder.aac_format import AHEAD, FRAME, PREROLL, heard_from, longest, pieces
from recorder.aac_track import AacTrack
from recorder.fmp4 import fragment, fragments
from recorder.journal import State, TrackState
from recorder.names import part_file, segment_file
from recorder.segment import Sample

_PART = re.compile(r"part-([0-9]{6,9})\.m4s")
_SEGMENT = re.compile(r"seg-([0-9]{6,9})\.m4s")

_BACK = 4
"""Segments before its own in which a part's sound can begin: four of the shortest are two seconds."""


@dataclass(frozen=True, slots=True)
class Opus:
    """What is stored of one segment: `bytes` of the file."""

    msn: int
    file: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Order:
    """Frames `first` to `last` (exclusive) of a track, and the Opus that they are made of.

    `parts` are the pieces they consist of, None where the Opus segment `msn` has to tell: its parts are no longer
    remembered but for its fragments. `most` is what a piece may have.
    """

    track: str
    msn: int
    first: int
    last: int
    most: int
    opus: tuple[Opus, ...]
    parts: tuple[tuple[int, int], ...] | None
    single: bool

    def address(self, first: int) -> str:
        """Where below the recording the part is found that begins with frame `first`."""
        return f"{self.track}/{part_file(first)}"


def order(state: State, of: TrackState, track: AacTrack, name: str) -> Order | None:
    """What has to be made for a file of an AAC track's folder; None for what there is not."""
    if match := _PART.fullmatch(name):
        found = track.part(int(match[1]))
        if found is None:
            return None
        msn, part = found
        first, last = part.number, part.number + part.duration // FRAME
        parts: tuple[tuple[int, int], ...] | None = ((first, last),)
    elif match := _SEGMENT.fullmatch(name):
        segment = track.segments.get(int(match[1]))
        if segment is None:
            return None
        msn, first, last = segment.msn, segment.start // FRAME, segment.end // FRAME
        remembered = track.parts.get(msn)
        parts = tuple((p.number, p.number + p.duration // FRAME) for p in remembered) if remembered else None
    else:
        return None
    opus = _opus(state.recording, of, msn, heard_from(first) - PREROLL, (last + AHEAD) * FRAME)
    most = longest(state.part or 0.0)
    return Order(track.name, msn, first, last, most, opus, parts, single=name.startswith("part"))


def _opus(recording: str, of: TrackState, msn: int, start: int, end: int) -> tuple[Opus, ...]:
    """What is stored of the time from tick `start` to `end`, in or around a segment."""
    found: list[Opus] = []
    for number in range(max(0, msn - _BACK), msn + 2):
        segment = of.segments.get(number)
        size, until = (segment.bytes, segment.end) if segment else (0, 0)
        if segment is None and of.open is not None and of.open.msn == number:
            segment, until = of.open, of.edge
            size = sum(part.bytes for part in of.parts[number])
        if segment is not None and size and segment.start < end and until > start:
            found.append(Opus(number, f"{recording}/{of.name}/{segment_file(number)}", size))
    return tuple(found)


def make(wanted: Order, read: Callable[[Opus], bytes], held: Mapping[int, bytes]) -> bytes:
    """The bytes of what was ordered, of which the parts `held`, by their first frames, are there already.

    Takes milliseconds of a core: for a thread. Raises what `read` does, and Malformed.
    """
    files = {each.msn: read(each) for each in wanted.opus}
    parts = wanted.parts
    if parts is None:
        ends = [each.start + sum(row[0] for row in each.rows) for each in fragments(files.get(wanted.msn, b""))]
        parts = tuple(pieces(wanted.first, wanted.last, ends, wanted.most))
    return b"".join([held.get(first) or _part(files.values(), first, last) for first, last in parts])


def _part(files: Iterable[bytes], first: int, last: int) -> bytes:
    # libav and numpy are a tenth of what a start loads, for listeners that few sites have.
    from recorder.aac_codec import encode_piece

    samples = [Sample(data, FRAME, True) for data in encode_piece(files, first, last)]
    # Fragments are numbered from 1 on, in order (ISO 14496-12 §8.8.5.3).
    return fragment(first + 1, first * FRAME, samples)
