"""A live lecture on paper: a session fed with packets made of a few bytes, and its playlists at every moment."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from struct import pack

from recorder.aac_track import AacTrack, follow_sounds
from recorder.journal import Line, State
from recorder.playlist_live import live_playlist, renditions
from recorder.session import Append, AskKeyframe, Close, Command, Log, Session, Store
from recorder.settings import RecorderSettings
from recorder.slate import _PPS, _SPS
from tele.domain.media import Source, Track
from tests.unit.recorder.hls_rules import Playlist, check, check_change, check_delta, check_renditions
from tests.unit.recorder.synthetic import rtp

HOST = "host-0000001"
LARGE = (bytes.fromhex("6742c01fda014016e840000003004000000f03c60ca8"), bytes.fromhex("68ce0fc8"))
SMALL = (_SPS, _PPS)
SIZES = [SMALL, LARGE]


@dataclass
class Sender:
    """One publication whose frames are a few bytes each."""

    source: Source
    fps: float
    publication: str
    who: str = HOST
    size: int = 0
    key_wanted: bool = True
    away: bool = False
    delay: float = 0.03
    loss: float = 0.0
    ssrc: int = 1
    jitter: float = 0.0
    repair: float | None = None
    """Seconds after which what was lost comes again, if it does."""
    _sequence: int = 0
    _next: float = 0.0

    @property
    def track(self) -> Track:
        audio = self.source in ("microphone", "screen-audio")
        return Track(
            self.publication, "room", self.who, self.source, "audio" if audio else "video", "opus" if audio else "H264"
        )

    def due(self, now: float, chance: random.Random) -> Iterator[tuple[float, bytes]]:
        """(arrival, packet) of what is captured until `now`."""
        while self._next <= now:
            captured, self._next = self._next, self._next + 1 / self.fps
            if self.away:
                continue
            for data in self._frame(captured, chance):
                late, lost = 0.0, chance.random() < self.loss
                while lost and self.repair is not None:
                    late, lost = late + self.repair, chance.random() < self.loss
                if not lost:
                    yield captured + self.delay + late + chance.random() * self.jitter, data

    def start(self, now: float) -> None:
        self._next = now

    def _frame(self, captured: float, chance: random.Random) -> list[bytes]:
        rate = 48_000 if self.track.kind == "audio" else 90_000
        timestamp = round(captured * rate)
        if rate == 48_000:
            payloads = [b"\x78" * 20]
        elif self.key_wanted:
            self.key_wanted = False
            sps, pps = SIZES[self.size]
            payloads = [b"\x78" + pack(">H", len(sps)) + sps + pack(">H", len(pps)) + pps, b"\x65\x88\x84" + b"k" * 30]
        else:
            payloads = [b"\x41\x9a" + bytes(chance.randrange(3, 20))]
        packets = []
        for index, payload in enumerate(payloads):
            self._sequence += 1
            packets.append(rtp(self._sequence, timestamp, self.ssrc, payload, marker=index == len(payloads) - 1))
        return packets


@dataclass
class Lecture:
    """A session, what it has told, and each playlist held against the rules whenever it changes."""

    settings: RecorderSettings = field(default_factory=RecorderSettings)
    seed: int = 1
    check_every: int = 5
    aac: bool = False
    """Whether there is AAC beside its Opus."""

    def __post_init__(self) -> None:
        self.now = 0.0
        self.chance = random.Random(self.seed)
        self.state = State()
        self.apply(
            {
                "v": 1,
                "recording": "lecture",
                "room": "room",
                "started": 1_760_000_000.0,
                "grid": round(self.settings.live_grid * 1000),
                "options": {"low_latency": True, "part": round(self.settings.live_part * 1000)},
            }
        )
        self.senders: list[Sender] = []
        self.files: dict[tuple[str, str], bytes] = {}
        self.playlists: dict[str, Playlist] = {}
        self.ticks = 0
        self._waiting: list[tuple[float, int, Sender, bytes]] = []
        self._count = 0
        self._begin()

    def apply(self, line: Line) -> None:
        self.state.apply(line)

    def join(self, sender: Sender) -> Sender:
        self.senders.append(sender)
        sender.start(self.now)
        self.do(self.session.track_opened(sender.track, self.now))
        return sender

    def leave(self, sender: Sender) -> None:
        self.senders.remove(sender)
        self._waiting = [item for item in self._waiting if item[2] is not sender]
        self.session.track_closed(sender.publication)

    def run(self, seconds: float) -> None:
        """Let time pass in steps of 20 ms."""
        for _ in range(round(seconds * 50)):
            self.now = round(self.now + 0.02, 6)
            for sender in self.senders:
                for arrival, data in sender.due(self.now, self.chance):
                    self._count += 1
                    self._waiting.append((arrival, self._count, sender, data))
            self._waiting.sort(key=lambda item: item[:2])
            while self._waiting and self._waiting[0][0] <= self.now:
                arrival, _, sender, data = self._waiting.pop(0)
                self.do(self.session.packet(sender.publication, data, arrival))
            self.ticks += 1
            if self.ticks % 5 == 0:
                self.do(self.session.tick(self.now))
            if self.ticks % self.check_every == 0:
                self.check()

    def pause(self) -> None:
        self.do(self.session.finish(self.now))
        self.check()

    def resume(self) -> None:
        self.state.status = "paused"
        self._begin()
        for sender in self.senders:
            self.do(self.session.track_opened(sender.track, self.now))

    def seal(self) -> None:
        self.pause()
        self.apply({"state": "sealed", "at": self.state.starts[-1], "quality": {}})
        self.check()

    def check(self) -> None:
        """Every playlist against the rules, against what it was, against the others."""
        found: dict[str, Playlist] = {}
        if self.aac:
            follow_sounds(self.state)
        for track in renditions(self.state):
            video, counted = track.kind == "video", not isinstance(track, AacTrack)
            full = check(live_playlist(self.state, track), video=video, counted=counted)
            delta = check(live_playlist(self.state, track, skip=True), video=video, counted=counted)
            check_delta(full, delta)
            if track.name in self.playlists:
                check_change(self.playlists[track.name], full)
            assert not any(segment.gap for segment in full.segments), "players take a gap for an error"
            found[track.name] = full
        if found:
            check_renditions(found)
        self.playlists = found

    def do(self, commands: list[Command]) -> None:
        """What the writer would have done."""
        for command in commands:
            if isinstance(command, Log):
                self.apply(command.line)
            elif isinstance(command, Append):
                key = (command.track, command.file)
                self.files[key] = self.files.get(key, b"") + command.data
            elif isinstance(command, Close):
                size = len(self.files[(command.track, command.file)])
                self.apply({**command.line, "bytes": size, "sha256": "00" * 32})
            elif isinstance(command, Store):
                self.files[(command.track, command.file)] = command.data
                self.apply({**command.line, "bytes": len(command.data), "sha256": "00" * 32})
            elif isinstance(command, AskKeyframe):
                for sender in self.senders:
                    if sender.publication == command.publication:
                        sender.key_wanted = True

    def _begin(self) -> None:
        self.session = Session(self.state, self.settings, self.now)
        self.do(self.session.begin(self.now))
