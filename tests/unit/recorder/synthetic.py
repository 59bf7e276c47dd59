"""People who exist on paper: encoded sound and pictures as RTP, with clocks, networks and losses of their own.

Time is virtual: a world hands out packets in order of arrival, and whoever records is told what time it is.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from struct import pack

import av
import numpy as np

from tele.domain.media import CLOCK_RATE, Codec, MediaTap, Source, Track

MTU = 1200


def rtp(sequence: int, timestamp: int, ssrc: int, payload: bytes, *, marker: bool = False, kind: int = 96) -> bytes:
    """One RTP packet without extensions."""
    return pack(">BBHII", 0x80, kind | marker << 7, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc) + payload


def split_annexb(data: bytes) -> list[bytes]:
    """NAL units of a byte stream with start codes."""
    pieces = data.replace(b"\x00\x00\x00\x01", b"\x00\x00\x01").split(b"\x00\x00\x01")
    return [piece for piece in pieces if piece]


def h264_payloads(data: bytes) -> list[bytes]:
    """RFC 6184 in mode 1 as browsers do it: parameter sets in a STAP-A, large units in FU-A."""
    nals = split_annexb(data)
    sets = [nal for nal in nals if nal[0] & 31 in (7, 8)]
    payloads: list[bytes] = []
    if sets:
        payloads.append(b"\x78" + b"".join(pack(">H", len(nal)) + nal for nal in sets))
    for nal in nals:
        if nal[0] & 31 in (7, 8):
            continue
        if len(nal) <= MTU:
            payloads.append(nal)
            continue
        body, indicator, header = nal[1:], nal[0] & 0xE0 | 28, nal[0] & 31
        pieces = [body[at : at + MTU] for at in range(0, len(body), MTU)]
        for index, piece in enumerate(pieces):
            bits = (0x80 if index == 0 else 0) | (0x40 if index == len(pieces) - 1 else 0)
            payloads.append(bytes((indicator, header | bits)) + piece)
    return payloads


def vp9_payloads(data: bytes, picture: int, *, key: bool) -> list[bytes]:
    """RFC 9628 in non-flexible mode with a 15-bit picture id."""
    pieces = [data[at : at + MTU] for at in range(0, len(data), MTU)]
    payloads = []
    for index, piece in enumerate(pieces):
        first = 0x80 | (0 if key else 0x40) | (0x08 if index == 0 else 0) | (0x04 if index == len(pieces) - 1 else 0)
        payloads.append(pack(">BH", first, 0x8000 | picture & 0x7FFF) + piece)
    return payloads


class Encoder:
    """Pictures of one codec and size; each shows a grey that names its number, and flashes when told."""

    def __init__(self, codec: Codec, width: int = 320, height: int = 180, fps: int = 30) -> None:
        self.codec = codec
        self._size = (width, height)
        context = av.CodecContext.create("libx264" if codec == "H264" else "libvpx-vp9", "w")
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        context.time_base, context.framerate = Fraction(1, 90_000), Fraction(fps)
        context.bit_rate = 300_000
        if codec == "H264":
            context.options = {
                "preset": "ultrafast",
                "tune": "zerolatency",
                "profile": "baseline",
                "forced-idr": "1",
                "x264-params": "keyint=infinite:scenecut=0:repeat-headers=1:annexb=1:threads=1",
            }
        else:
            context.options = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "g": "9999"}
        self._context = context
        self._count = 0

    def encode(self, *, key: bool, bright: bool = False) -> bytes:
        width, height = self._size
        picture = np.full((height * 3 // 2, width), 128, np.uint8)
        picture[:height] = 235 if bright else 40
        picture[: height // 4, (self._count * 4) % (width - 32) :][:, :32] = 200
        frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts = self._count * 3000
        frame.time_base = Fraction(1, 90_000)
        frame.pict_type = 1 if key else 0
        self._count += 1
        return b"".join(bytes(packet) for packet in self._context.encode(frame))


class Voice:
    """20 ms Opus packets: a quiet room, and a tone when told."""

    def __init__(self) -> None:
        context = av.CodecContext.create("libopus", "w")
        context.sample_rate, context.layout, context.format = 48_000, "mono", "s16"
        context.bit_rate = 32_000
        context.options = {"application": "voip", "frame_duration": "20"}
        self._context = context
        self._count = 0

    def encode(self, *, loud: bool) -> bytes:
        at = np.arange(self._count * 960, (self._count + 1) * 960)
        wave = (np.sin(at * 2 * np.pi * 1000 / 48_000) * (12_000 if loud else 5)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(wave.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = 48_000
        frame.pts = self._count * 960
        self._count += 1
        return b"".join(bytes(packet) for packet in self._context.encode(frame))


@dataclass
class Network:
    """One way: `delay` plus up to `jitter` seconds, packets lost with probability `loss`."""

    delay: float = 0.03
    jitter: float = 0.0
    loss: float = 0.0
    seed: int = 1
    random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)

    def arrival(self, sent: float) -> float | None:
        if self.random.random() < self.loss:
            return None
        return sent + self.delay + self.random.random() * self.jitter


@dataclass
class Clock:
    """A sender's own clock: hours wrong, and running fast by `ppm`."""

    offset: float = 0.0
    ppm: float = 0.0

    def at(self, true: float) -> float:
        return self.offset + true * (1 + self.ppm * 1e-6)

    def true(self, shown: float) -> float:
        return (shown - self.offset) / (1 + self.ppm * 1e-6)


Event = tuple[float, Callable[[MediaTap], None]]


class Publisher:
    """One publication; `media(true seconds, key wanted)` yields its payloads."""

    def __init__(
        self,
        participant: str,
        source: Source,
        codec: Codec,
        *,
        publication: str | None = None,
        room: str = "room",
        clock: Clock | None = None,
        network: Network | None = None,
        first_report: float = 0.5,
    ) -> None:
        kind = "audio" if codec == "opus" else "video"
        self.track = Track(publication or f"{participant}:{source}", room, participant, source, kind, codec)
        self.clock = clock or Clock()
        self.network = network or Network()
        self.key_wanted = True
        self.first_report = first_report
        self.sent: list[float] = []
        self._rate = CLOCK_RATE[codec]
        seed = sum(map(ord, self.track.publication))
        self._ssrc = 1000 + seed
        self._sequence = 65_400 + seed % 100
        self._base = (2**32 - 50_000 + seed) % 2**32
        self._order = 0

    def open(self, at: float) -> Event:
        return at, lambda tap: tap.track_opened(self.track)

    def close(self, at: float) -> Event:
        return at, lambda tap: tap.track_closed(self.track.publication)

    def timestamp(self, true: float) -> int:
        return round(self.clock.at(true) * self._rate) + self._base

    def send(self, true: float, payloads: list[bytes], *, spread: float = 0.0) -> Iterator[Event]:
        """The packets of one frame captured at `true`, with the time each arrives."""
        timestamp = self.timestamp(true)
        self.sent.append(true)
        for index, payload in enumerate(payloads):
            last = index == len(payloads) - 1
            data = rtp(self._sequence, timestamp, self._ssrc, payload, marker=last)
            self._sequence += 1
            arrival = self.network.arrival(true + spread * index)
            if arrival is not None:
                yield arrival, self._packet(data, arrival)

    def report(self, true: float) -> Event | None:
        """A sender report that leaves at `true`."""
        arrival = self.network.arrival(true)
        if arrival is None:
            return None
        ntp, timestamp = round(self.clock.at(true) * 2**32), self.timestamp(true) & 0xFFFFFFFF
        return arrival, lambda tap: tap.sender_report(self.track.publication, ntp, timestamp, arrival)

    def _packet(self, data: bytes, arrival: float) -> Callable[[MediaTap], None]:
        return lambda tap: tap.packet(self.track.publication, data, arrival)


class Feed:
    """A RoomFeed of publishers on paper."""

    def __init__(self) -> None:
        self.taps: dict[str, list[MediaTap]] = {}
        self.open_tracks: dict[str, Track] = {}
        self.publishers: dict[str, Publisher] = {}
        self.asked: list[str] = []

    def listen(self, room: str, tap: MediaTap) -> Callable[[], None]:
        self.taps.setdefault(room, []).append(tap)
        for track in list(self.open_tracks.values()):
            if track.room == room:
                tap.track_opened(track)
        return lambda: self.taps[room].remove(tap)

    def request_keyframe(self, publication: str) -> None:
        self.asked.append(publication)
        if publication in self.publishers:
            self.publishers[publication].key_wanted = True

    # What a publisher does reaches every listener of its room.
    def track_opened(self, track: Track) -> None:
        self.open_tracks[track.publication] = track
        for tap in self.taps.get(track.room, []):
            tap.track_opened(track)

    def packet(self, publication: str, data: bytes, arrival: float) -> None:
        for tap in self._listening(publication):
            tap.packet(publication, data, arrival)

    def sender_report(self, publication: str, ntp: int, rtp: int, arrival: float) -> None:
        for tap in self._listening(publication):
            tap.sender_report(publication, ntp, rtp, arrival)

    def track_closed(self, publication: str) -> None:
        taps = self._listening(publication)
        self.open_tracks.pop(publication, None)
        for tap in taps:
            tap.track_closed(publication)

    def _listening(self, publication: str) -> list[MediaTap]:
        track = self.open_tracks.get(publication)
        return list(self.taps.get(track.room, [])) if track else []


class World:
    """Virtual time: things happen in order, and `tick` is called ten times a second."""

    def __init__(self, now: float = 100.0) -> None:
        self.now = now
        self.feed = Feed()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    def at(self, when: float, action: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._events, (when, self._count, action))

    def send(self, event: Event | None) -> None:
        if event is not None:
            when, deliver = event
            self.at(when, lambda: deliver(self.feed))

    def run(self, until: float, tick: Callable[[], None]) -> None:
        """Let everything up to `until` happen."""
        next_tick = self.now
        while True:
            when = self._events[0][0] if self._events else until
            when = min(when, next_tick, until)
            self.now = max(self.now, when)
            if when >= until:
                break
            if when == next_tick:
                tick()
                next_tick += 0.1
            else:
                heapq.heappop(self._events)[2]()
        self.now = until

    def camera(
        self,
        publisher: Publisher,
        start: float,
        end: float,
        *,
        fps: int = 15,
        size: Callable[[float], tuple[int, int]] = lambda _: (320, 180),
        closes: bool = True,
    ) -> None:
        """A camera from `start` to `end`: flashes in the first 0.2 s of each second, gives a keyframe when asked."""
        self.feed.publishers[publisher.track.publication] = publisher
        encoders: dict[tuple[int, int], Encoder] = {}
        state = {"size": None, "picture": 0}
        self.send(publisher.open(start))

        def frame(number: int) -> None:
            true = start + number / fps
            if true >= end:
                if closes:
                    self.send(publisher.close(end))
                return
            wanted = size(true)
            if wanted != state["size"]:
                publisher.key_wanted, state["size"] = True, wanted
            encoder = encoders.setdefault(wanted, Encoder(publisher.track.codec, *wanted, fps=fps))
            key, publisher.key_wanted = publisher.key_wanted, False
            data = encoder.encode(key=key, bright=true % 1 < 0.2)
            state["picture"] += 1
            if publisher.track.codec == "H264":
                payloads = h264_payloads(data)
            else:
                payloads = vp9_payloads(data, state["picture"], key=key)
            for event in publisher.send(true, payloads, spread=0.001):
                self.send(event)
            self.at(start + (number + 1) / fps, lambda: frame(number + 1))

        self.at(start, lambda: frame(0))
        self._reports(publisher, start, end)

    def microphone(
        self,
        publisher: Publisher,
        start: float,
        end: float,
        *,
        silent: Callable[[float], bool] = lambda _: False,
        encode: Callable[[bool], bytes] | None = None,
        closes: bool = True,
    ) -> None:
        """A microphone: beeps in the first 0.2 s of each second; where `silent`, DTX sends a byte each 0.4 s."""
        voice = Voice() if encode is None else None
        self.send(publisher.open(start))
        shown = publisher.clock.at(start)

        def frame(number: int) -> None:
            true = publisher.clock.true(shown + number * 0.02)
            if true >= end:
                if closes:
                    self.send(publisher.close(end))
                return
            loud = true % 1 < 0.2
            data = encode(loud) if encode is not None else voice.encode(loud=loud)  # type: ignore[union-attr]
            if not silent(true) or number % 20 == 0:
                for event in publisher.send(true, [data[:1] if silent(true) else data]):
                    self.send(event)
            self.at(publisher.clock.true(shown + (number + 1) * 0.02), lambda: frame(number + 1))

        self.at(start, lambda: frame(0))
        self._reports(publisher, start, end)

    def _reports(self, publisher: Publisher, start: float, end: float) -> None:
        when = start + publisher.first_report
        while when < end:
            self.at(when, lambda when=when: self.send(publisher.report(when)))  # type: ignore[misc]
            when += 2.0
