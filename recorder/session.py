"""One recording while it runs, as a state machine: packets and time in, things to write and to ask for out.

It does no I/O and reads no clock; times are seconds of session time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from recorder.codec import Config
from recorder.errors import InvalidName
from recorder.fmp4 import fragment, init_section
from recorder.grid import FIRST, LATE, Grid
from recorder.journal import Line, State, config_line
from recorder.lane import Lane
from recorder.names import init_file, segment_file, track_name
from recorder.segment import GapFound, Output, PartClosed, SegmentClosed, SegmentOpened
from recorder.segment_live import LAST
from recorder.segment_video import LAG
from recorder.settings import RecorderSettings
from recorder.timeline import SenderClock
from tele.domain.media import Track


@dataclass(frozen=True, slots=True)
class Log:
    """Append a line to the journal."""

    line: Line


@dataclass(frozen=True, slots=True)
class Store:
    """Write a whole small file, then its line completed by `bytes` and `sha256`."""

    track: str
    file: str
    data: bytes
    line: Line


@dataclass(frozen=True, slots=True)
class Append:
    """Append to a segment's file, which begins with the first append."""

    track: str
    file: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Close:
    """A segment's file is complete: sync it, then write its line completed by `bytes` and `sha256`."""

    track: str
    file: str
    line: Line


@dataclass(frozen=True, slots=True)
class AskKeyframe:
    publication: str


@dataclass(frozen=True, slots=True)
class Announce:
    """A track has its first frame."""

    track: str
    participant: str
    source: str
    kind: str


Command = Log | Store | Append | Close | AskKeyframe | Announce


class Session:
    """Records one room from `now` on; `state` is empty or what an earlier session of the same recording left."""

    def __init__(self, state: State, settings: RecorderSettings, now: float) -> None:
        self.refused = 0
        self._settings = settings
        self._past = state.tracks
        self._room = state.room
        self._target = state.part
        self._grid = Grid(state.grid, state.starts, first=None if state.part is None else FIRST)
        self._logged = len(state.starts)
        self._closed = state.closed
        self._quality = dict(state.quality)
        self._lanes: dict[str, Lane] = {}
        self._by_publication: dict[str, Lane] = {}
        self._clocks: dict[str, SenderClock] = {}
        self._configs = {name: [init.config for init in track.inits] for name, track in state.tracks.items()}
        self._inits: dict[str, int] = {}
        self._resumed_at: int | None = None
        if state.closed >= 0:
            # What is missing since then becomes intervals of their own, in which every track is absent.
            self._resumed_at = self._grid.finish(round(now * 1000))
            self._grid.cuts += [state.closed + 1, len(self._grid.starts) - 1]

    def begin(self, now: float) -> list[Command]:
        """The first commands of a recording that starts or goes on."""
        commands: list[Command] = [Log({"state": "recording", "at": round(now * 1000)}), *self._boundaries()]
        if self._target is not None and self._resumed_at is not None:
            # Whoever watches goes on watching, though nobody has come back yet.
            for name, past in self._past.items():
                if past.segments:
                    codec = past.inits[past.last.init].config.codec if past.last else "opus"
                    assert codec != "aac", "nobody sends it"
                    track = Track("", self._room, past.participant, past.source, past.kind, codec)
                    lane = self._lanes[name] = self._lane(track, name)
                    commands += self._commands(lane, lane.resume(self._resumed_at), now)
        return commands + self._close_intervals(now)

    def track_opened(self, track: Track, now: float) -> list[Command]:
        try:
            name = track_name(track.participant, track.source)
        except InvalidName:
            self.refused += 1
            return []
        lane = self._lanes.get(name)
        past = self._past.get(name)
        owner = lane or past
        if owner is None and len(self._lanes) >= self._settings.max_tracks:
            self.refused += 1
            return []
        if owner is not None and (owner.participant, owner.source) != (track.participant, track.source):
            # "cam-" of "lo-xxxxxxxx" and "cam-lo-" of "xxxxxxxx" would share a folder: the second stays unrecorded.
            self.refused += 1
            return []
        if lane is None:
            lane = self._lanes[name] = self._lane(track, name)
        if lane.publication is not None:
            self._by_publication.pop(lane.publication, None)
        lane.attach(track, self._clocks.setdefault(track.participant, SenderClock()))
        self._by_publication[track.publication] = lane
        return self._asks(lane, now)

    def packet(self, publication: str, data: bytes, arrival: float) -> list[Command]:
        lane = self._by_publication.get(publication)
        if lane is None:
            return []
        outputs = lane.packet(data, arrival)
        return self._commands(lane, outputs, arrival) if outputs else []

    def sender_report(self, publication: str, ntp: int, rtp: int, arrival: float) -> None:
        lane = self._by_publication.get(publication)
        if lane is not None:
            lane.report(ntp / 2**32, rtp, arrival)

    def track_closed(self, publication: str) -> None:
        lane = self._by_publication.pop(publication, None)
        if lane is not None:
            lane.detach()

    def tick(self, now: float) -> list[Command]:
        """To be called about ten times a second."""
        commands: list[Command] = []
        for lane in self._lanes.values():
            commands += self._commands(lane, lane.tick(now), now)
            commands += self._asks(lane, now)
        return commands + self._close_intervals(now)

    def finish(self, now: float) -> list[Command]:
        """Close everything at `now`; the session takes nothing more."""
        commands: list[Command] = []
        for lane in self._lanes.values():
            commands += self._commands(lane, lane.flush(), now)
        at = self._grid.finish(round(now * 1000), least=1 if self._target is None else LAST)
        for lane in self._lanes.values():
            commands += self._commands(lane, lane.segmenter.finish(at), now)
        commands += self._boundaries()
        closed = len(self._grid.starts) - 2
        self._closed = closed
        commands.append(Log({"closed": closed}))
        commands.append(Log({"state": "paused", "at": at, "quality": self.quality()}))
        return commands

    def quality(self) -> dict[str, float]:
        """Counters over the whole recording, those of earlier sessions included."""
        total = self._quality
        for lane in self._lanes.values():
            for name, value in lane.take_counts().items():
                if value:
                    total[name] = round(total.get(name, 0) + value, 3)
        return dict(total)

    @property
    def publications(self) -> int:
        return len(self._by_publication)

    def _lane(self, track: Track, name: str) -> Lane:
        return Lane(track, name, self._grid, self._settings, self._past.get(name), self._target)

    def _asks(self, lane: Lane, now: float) -> list[Command]:
        return [AskKeyframe(lane.publication)] if lane.wants_key(now) and lane.publication is not None else []

    def _boundaries(self) -> list[Command]:
        grid, commands = self._grid, list[Command]()
        for start in grid.starts[self._logged :]:
            commands.append(Log({"boundary": start}))
        self._logged = len(grid.starts)
        cuts, grid.cuts = grid.cuts, []
        if self._target is not None:
            commands += [Log({"cut": interval}) for interval in cuts]
        return commands

    def _close_intervals(self, now: float) -> list[Command]:
        """Intervals to which nobody can add any more are done with for readers."""
        commands: list[Command] = []
        grid, limit = self._grid, now * 1000 - LATE - 2 * LAG
        closed = self._closed
        while (end := grid.end(closed + 1)) < limit:
            if any(lane.segmenter.is_open and lane.segmenter.last <= closed + 1 for lane in self._lanes.values()):
                break
            closed += 1
            grid.index(end)
        if closed > self._closed:
            self._closed = closed
            for lane in self._lanes.values():
                lane.segmenter.floor = max(lane.segmenter.floor, closed + 1)
            commands += self._boundaries()
            commands.append(Log({"closed": closed}))
        return commands

    def _commands(self, lane: Lane, outputs: Iterable[Output], now: float) -> list[Command]:
        outputs = list(outputs)
        # Readers learn of a boundary, and that it is a cut, before anything stands behind it.
        commands = self._boundaries() if len(self._grid.starts) > self._logged else []
        for output in outputs:
            if isinstance(output, PartClosed):
                commands += self._part(lane.name, output)
            elif isinstance(output, SegmentOpened):
                commands += self._opened(lane, output, now)
            elif isinstance(output, SegmentClosed):
                commands.append(self._segment(lane.name, output))
            elif isinstance(output, GapFound):
                commands.append(Log({"track": lane.name, "gap": [output.start, output.end]}))
        return commands

    def _part(self, name: str, part: PartClosed) -> list[Command]:
        commands: list[Command] = []
        size = 0
        if part.samples:
            sequence = (part.msn << 10 | part.index & 1023) + 1
            data = fragment(sequence, part.start, part.samples)
            size = len(data)
            commands.append(Append(name, segment_file(part.msn), data))
        if self._target is not None:
            told = [part.index, part.duration, size, int(part.independent)]
            commands.append(Log({"track": name, "part": told}))
        return commands

    def _opened(self, lane: Lane, opened: SegmentOpened, now: float) -> list[Command]:
        commands: list[Command] = []
        name = lane.name
        if opened.config is None:
            return [Log({"track": name, "open": opened.msn, "start": opened.start})]
        if not lane.started:
            lane.started = True
            start = max(opened.start, round(now * lane.segmenter.rate)) if lane.kind == "audio" else opened.start
            entry = {"track": name, "participant": lane.participant, "source": lane.source, "kind": lane.kind}
            commands.append(Log({**entry, "start": start}))
            commands.append(Announce(name, lane.participant, lane.source, lane.kind))
        index, known = self._init_index(name, opened.config)
        if not known:
            line = config_line(name, index, opened.config)
            commands.append(Store(name, init_file(index), init_section(opened.config), line))
        self._inits[name] = index
        commands.append(Log({"track": name, "open": opened.msn, "init": index, "start": opened.start}))
        return commands

    def _init_index(self, name: str, config: Config) -> tuple[int, bool]:
        configs = self._configs.setdefault(name, [])
        if config in configs:
            return configs.index(config), True
        configs.append(config)
        return len(configs) - 1, False

    def _segment(self, name: str, closed: SegmentClosed) -> Command:
        if not closed.samples:
            return Log({"track": name, "black": closed.msn, "start": closed.start, "end": closed.end})
        line: Line = {"track": name, "segment": closed.msn, "init": self._inits[name], "start": closed.start}
        return Close(name, segment_file(closed.msn), {**line, "end": closed.end, "samples": closed.samples})
