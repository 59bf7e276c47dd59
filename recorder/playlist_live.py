"""Media playlists of a recording that is watched while it grows: low-latency HLS (RFC 8216bis), and its replay after.

What is rendered here only grows: an EVENT playlist from the first part on, with EXT-X-ENDLIST at the end.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from recorder.coverage import Span, finished, spans_after
from recorder.grid import Grid
from recorder.journal import BLACK, Part, State, TrackState
from recorder.names import filling_file, filling_init_file, init_file, part_file, program_date, segment_file

SKIP = 6
"""Target durations that a delta update tells anew (§4.4.3.8: at least six)."""

KEEP_PARTS = 3
"""Target durations from the end for which parts are listed (§6.2.2)."""

HOLD_BACK = 3
"""Part target durations that a player should stay behind (§4.4.3.8)."""


@dataclass(frozen=True, slots=True)
class Edge:
    """How far a playlist has got: `msn` is its last whole segment, `parts` how many there are of the next one.

    `lengths` are the numbers of parts of the latest whole segments by their media sequence number; `following` is the
    number of the part that comes next; `ended` that none will.
    """

    msn: int
    parts: int
    lengths: dict[int, int]
    following: int
    ended: bool

    @property
    def report(self) -> tuple[int, int | None]:
        """Last media sequence number and last part as a rendition report tells them (§4.4.5.4)."""
        if self.parts:
            return self.msn + 1, self.parts - 1
        length = self.lengths.get(self.msn)
        return self.msn, length - 1 if length else None


def target_duration(state: State) -> int:
    """EXT-X-TARGETDURATION in seconds, the same for all tracks and for ever."""
    return math.ceil(Grid(state.grid).longest / 1000)


def edge(state: State, track: TrackState) -> Edge:
    last = finished(state, track)
    lengths = {msn: len(parts) for msn, parts in track.parts.items() if msn <= last}
    parts = len(track.parts.get(last + 1, ())) if track.open is not None else 0
    return Edge(last, parts, lengths, track.numbered, state.status == "sealed")


@dataclass(frozen=True, slots=True)
class Entry:
    """One whole segment as it is listed: the tags in front of its parts, and those after; `end` in seconds."""

    msn: int
    end: float
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Page:
    """A playlist at one moment: pieces that are put together when somebody asks for them, from whatever thread.

    `entries` may have grown since; those before `near` are told as they are, what follows them is `rest`.
    """

    head: str
    entries: Sequence[Entry]
    near: int
    skipped: int
    rest: str
    edge: Edge

    def full(self) -> str:
        return self.head + self._between(0) + self.rest

    def delta(self) -> str:
        """A playlist delta update (§6.2.5.1), where there is something to skip."""
        if not self.skipped:
            return self.full()
        skip = f"#EXT-X-SKIP:SKIPPED-SEGMENTS={self.skipped}\n"
        return self.head + skip + self._between(self.skipped) + self.rest

    def _between(self, first: int) -> str:
        return "".join([entry.before + entry.after for entry in self.entries[first : self.near]])


class LiveText:
    """One track's playlist, rendered a little at a time as its recording grows."""

    def __init__(self, late: float = 0.0) -> None:
        """`late`: seconds by which a cache in front may tell of a part late; players stay so much further behind."""
        self._late = late
        self.entries: list[Entry] = []
        self._last: Span | None = None

    def follow(self, state: State, track: TrackState) -> None:
        """Take in what has been finished since."""
        for span in spans_after(state, track, self._last):
            self.entries.append(_entry(state, track, self._last, span))
            self._last = span

    def head(self, state: State) -> str:
        part = state.part or 0.0
        target = target_duration(state)
        return "\n".join(
            (
                "#EXTM3U",
                "#EXT-X-VERSION:9",
                f"#EXT-X-TARGETDURATION:{target}",
                "#EXT-X-PLAYLIST-TYPE:EVENT",
                "#EXT-X-INDEPENDENT-SEGMENTS",
                f"#EXT-X-PART-INF:PART-TARGET={part:.3f}",
                f"#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL={SKIP * target},"
                f"PART-HOLD-BACK={HOLD_BACK * part + self._late:.3f}",
                "#EXT-X-MEDIA-SEQUENCE:0",
                "",
            )
        )

    def page(self, state: State, track: TrackState, others: Iterable[TrackState]) -> Page:
        """The playlist as it stands, after `follow`; `others` are the renditions to report on."""
        count = len(self.entries)
        if state.status == "sealed":
            return Page(self.head(state), self.entries, count, 0, "#EXT-X-ENDLIST\n", edge(state, track))
        target = target_duration(state)
        end = self.entries[-1].end if count else 0.0
        near = count
        while near and self.entries[near - 1].end > end - KEEP_PARTS * target:
            near -= 1
        skipped = near
        while skipped and self.entries[skipped - 1].end > end - SKIP * target:
            skipped -= 1
        lines: list[str] = []
        for entry in self.entries[near:]:
            lines.append(entry.before)
            lines += _parts(track, track.parts.get(entry.msn, ()))
            lines.append(entry.after)
        if track.open is not None and (parts := track.parts.get(track.open.msn)):
            lines.append(_tags(state, track, self._last, _open_span(track, self._last)))
            lines += _parts(track, parts)
        lines += _ahead(state, track, others)
        return Page(self.head(state), self.entries, near, skipped, "".join(lines), edge(state, track))


def live_playlist(state: State, track: TrackState, *, skip: bool = False) -> str:
    """One track's playlist at once; `skip` for a delta update."""
    text = LiveText()
    text.follow(state, track)
    page = text.page(state, track, renditions(state))
    return page.delta() if skip else page.full()


def _ahead(state: State, track: TrackState, others: Iterable[TrackState]) -> list[str]:
    """The hint of the part to come, and how far the other renditions are."""
    lines = [f'#EXT-X-PRELOAD-HINT:TYPE=PART,URI="{part_file(track.numbered)}"\n']
    for other in others:
        msn, part = edge(state, other).report
        if other is not track and msn >= 0:
            report = f'#EXT-X-RENDITION-REPORT:URI="../{other.name}/index.m3u8",LAST-MSN={msn}'
            lines.append(report + (f",LAST-PART={part}\n" if part is not None else "\n"))
    return lines


def watched(state: State) -> list[TrackState]:
    """The tracks of a live recording of which there is something to see."""
    return [track for track in state.tracks.values() if is_begun(track)]


def renditions(state: State) -> list[TrackState]:
    """The same and what is made of them: all that have playlists."""
    return [*watched(state), *filter(is_begun, state.others.values())]


def is_begun(track: TrackState) -> bool:
    """Whether a playlist has something to tell of a track."""
    return bool(track.segments or track.numbered)


def _open_span(track: TrackState, before: Span | None) -> Span:
    """The open segment as if it were whole, for the tags that it is listed with."""
    opened = track.open
    assert opened is not None
    codec = before.codec if before else "opus"
    if opened.init != BLACK:
        codec = track.inits[opened.init].config.codec
    start = max(opened.start, before.end if before else 0)
    return Span(opened.msn, start, track.edge, codec, opened if opened.init != BLACK else None)


def _entry(state: State, track: TrackState, before: Span | None, span: Span) -> Entry:
    start, end = span.start / track.rate, span.end / track.rate
    after = "#EXT-X-GAP\n" if span.gap else ""
    # The difference of rounded positions: errors do not add up over hours.
    after += f"#EXTINF:{round(end, 5) - round(start, 5):.5f},\n"
    after += (segment_file(span.msn) if span.segment else filling_file(span.msn)) + "\n"
    return Entry(span.msn, end, _tags(state, track, before, span), after)


def _tags(state: State, track: TrackState, before: Span | None, span: Span) -> str:
    """What applies to a segment from its first part on (§4.4.4.9)."""
    lines = []
    init = init_address(span)
    if not span.gap and (before is None or init != _told_init(before)):
        lines.append(f'#EXT-X-MAP:URI="{init}"\n')
    lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{program_date(state.started, span.start / track.rate)}\n")
    return "".join(lines)


def _told_init(before: Span) -> str:
    """The init section in force after a segment; none after a gap, so that it is told again."""
    return "" if before.gap else init_address(before)


def init_address(span: Span) -> str:
    """The init section of a segment or of what fills its place."""
    if span.init is not None:
        return init_file(span.init)
    # Silence is decoded by the same configuration as sound.
    return init_file(0) if span.codec == "opus" else filling_init_file(span.codec)


def _parts(track: TrackState, parts: Sequence[Part]) -> list[str]:
    lines = []
    for part in parts:
        start, end = part.start / track.rate, (part.start + part.duration) / track.rate
        attributes = f'DURATION={round(end, 5) - round(start, 5):.5f},URI="{part_file(part.number)}"'
        if part.independent:
            attributes += ",INDEPENDENT=YES"
        lines.append(f"#EXT-X-PART:{attributes}\n")
    return lines
