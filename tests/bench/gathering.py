"""Rooms full of hand-made people, all on one core: each sends a camera and maybe a microphone, and hears the others.

How long a packet is on its way is told by the kernel's time stamps, whenever the people get round to reading it.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from signaling.media.packets import rtcp
from tests.bench.load import FRAMES_A_SECOND, NTP_EPOCH, SETTLED_WITHIN, TRANSPORT_CC, Frames
from tests.bench.subscriber import FEEDBACK_EVERY, SO_TIMESTAMPNS, Rota, Subscriber
from tests.media_client import MediaClient

MICROPHONE_EVERY: Final = 0.02
OPUS, H264 = 111, 102
EAR: Final = 4
"""Each so many-th listener decrypts and measures; to the server all are the same."""
LONGEST: Final = 60.0
"""Seconds that a packet can be on its way."""
STAMP = struct.Struct("!BQ")
"""How the payload of a packet begins whose way is measured: the NAL unit's type, and when it was sent."""

Turn = Callable[[], None]


def stamped(packets: int, size: int) -> Frames:
    """Pictures of so many packets of so many bytes; a keyframe each second. The time is written when they are sent."""

    def payloads(frame: int) -> Sequence[bytes]:
        head = 0x67 if frame % FRAMES_A_SECOND == 0 else 0x41
        return [
            STAMP.pack(0x41 if index else head, time.time_ns()) + bytes(size - STAMP.size) for index in range(packets)
        ]

    return payloads


class Listener(Subscriber):
    """Reads its socket only when its turn has come."""

    def __init__(self, *, decrypt: bool) -> None:
        super().__init__(decrypt=decrypt)
        self.delays: list[float] = []
        """Seconds on the way, of the stamped packets that it decrypted."""
        self.on_rtp = self._read_stamp

    async def connect(self, description: str) -> None:
        """From now on it reads in `turn`."""
        await super().connect(description)
        asyncio.get_running_loop().remove_reader(self._socket.fileno())

    def turn(self) -> None:
        """Read what has come and say how it arrived."""
        self._readable()
        self.feedback()

    def _read_stamp(self, packet: bytes) -> None:
        start = 12 + 4 * (packet[0] & 15)
        if packet[0] & 0x10:
            start += 4 + 4 * int.from_bytes(packet[start + 2 : start + 4], "big")
        if len(packet) >= start + STAMP.size and packet[start] in (0x41, 0x67):
            delay = self.came - STAMP.unpack_from(packet, start)[1] / 1e9
            if 0 <= delay < LONGEST:  # a retransmission's payload may look like a stamp, and is none
                self.delays.append(delay)


@dataclass
class Speaker:
    """Sends pictures 30 times a second, and sound if it has a microphone."""

    client: MediaClient
    ssrc: int
    """The camera's; the microphone has the one below."""
    pictures: Frames
    sounds: Sequence[bytes]
    """Opus packets of 20 ms, sent again and again; none for no microphone."""
    sent: int = 0
    frames: int = 0
    """Packets and pictures since `Gathering.begin`."""
    _frame: int = 0
    _numbers: list[int] = field(default_factory=lambda: [0, 0, 0])
    """Packets of the microphone, the camera, and both."""

    def frame(self) -> None:
        """One picture."""
        payloads = self.pictures(self._frame)
        timestamp = self._frame * 90_000 // FRAMES_A_SECOND
        for index, payload in enumerate(payloads):
            self._send(1, self.ssrc, (index == len(payloads) - 1) << 7 | H264, timestamp, payload)
        if self._frame % FRAMES_A_SECOND == 0:
            self._report(self.ssrc, timestamp, self._numbers[1])
            if self.sounds:
                self._report(self.ssrc - 1, self._numbers[0] * 960, self._numbers[0])
        self._frame += 1
        self.frames += 1

    def sound(self) -> None:
        """20 ms of sound."""
        number = self._numbers[0]
        self._send(0, self.ssrc - 1, OPUS, number * 960, self.sounds[number % len(self.sounds)])

    def _send(self, which: int, ssrc: int, second: int, timestamp: int, payload: bytes) -> None:
        number, wide = self._numbers[which], self._numbers[2]
        self._numbers[which], self._numbers[2] = number + 1, wide + 1
        head = struct.pack("!BBHII", 0x90, second, number & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc)
        extension = struct.pack("!HHBHB", 0xBEDE, 1, TRANSPORT_CC << 4 | 1, wide & 0xFFFF, 0)
        self.client.send_secured(head + extension + payload)
        self.sent += 1

    def _report(self, ssrc: int, timestamp: int, packets: int) -> None:
        ntp = int((NTP_EPOCH + time.time()) * 2**32)
        report = rtcp.SenderReport(ssrc, ntp, timestamp & 0xFFFFFFFF, packets, packets * 1_000)
        self.client.send_secured(rtcp.sender_report(report, "speaker"))


class Host(Protocol):
    """A server under test with many rooms."""

    @property
    def pid(self) -> int:
        """The process whose CPU counts."""
        ...

    async def open_room(self, room: str) -> None:
        """Whatever is to be done before anybody comes."""
        ...

    async def publish(self, client: MediaClient, *, room: str, name: str, audio: bool, ssrc: int) -> None:
        """Connect somebody who sends."""
        ...

    async def subscribe(self, client: MediaClient, index: int, *, room: str, name: str) -> None:
        """Connect somebody who receives the others of the room, all of whom are there by now."""
        ...


class Gathering:
    """The people of all rooms. `run` in a task, `add` rooms, read what `listeners` heard."""

    def __init__(self, host: Host, *, people: int, pictures: Frames, sounds: Sequence[bytes]) -> None:
        self._host = host
        self.people = people
        self._pictures = pictures
        self._sounds = sounds
        self.speakers: list[Speaker] = []
        self.listeners: list[Listener] = []
        self.rooms = 0
        self._turns: dict[str, list[Turn]] = {"frame": [], "sound": [], "listen": [], "check": []}

    async def add(self, rooms: int) -> None:
        """Fill that many more rooms."""
        for _ in range(rooms):
            room = f"room-{self.rooms}"
            self.rooms += 1
            await self._host.open_room(room)
            speakers = [await self._speaker(room, person) for person in range(self.people)]
            listeners = [await self._listener(room, person) for person in range(self.people)]
            self.speakers += speakers
            self.listeners += listeners
            self._turns["frame"] += [speaker.frame for speaker in speakers]
            self._turns["sound"] += [speaker.sound for speaker in speakers if speaker.sounds]
            self._turns["listen"] += [listener.turn for listener in listeners]
            self._turns["check"] += [speaker.client.check for speaker in speakers]

    async def _speaker(self, room: str, person: int) -> Speaker:
        ssrc = 0x100000 + 16 * (len(self.speakers) + person) + 1
        speaker = Speaker(Subscriber(decrypt=False), ssrc, self._pictures, self._sounds)
        audio = bool(self._sounds)
        await self._host.publish(speaker.client, room=room, name=f"person-{person}", audio=audio, ssrc=ssrc)
        return speaker

    async def _listener(self, room: str, person: int) -> Listener:
        listener = Listener(decrypt=(len(self.listeners) + person) % EAR == 0)
        await self._host.subscribe(listener, person, room=room, name=f"person-{person}")
        return listener

    async def run(self) -> None:
        """Speak and listen in real time until cancelled; everybody's pictures at other moments."""
        now = time.monotonic()
        rotas = [
            Rota(self._turns["frame"], 1 / FRAMES_A_SECOND, now),
            Rota(self._turns["sound"], MICROPHONE_EVERY, now),
            Rota(self._turns["listen"], FEEDBACK_EVERY, now),
            Rota(self._turns["check"], 1.0, now),
        ]
        while True:
            await asyncio.sleep(max(0.0, min(rota.due(time.monotonic()) for rota in rotas)))

    async def settled(self, within: float = SETTLED_WITHIN) -> bool:
        """Until each listener has received all cameras of its room for a second; False when that did not come."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            before, began = [listener.frames for listener in self.listeners], time.monotonic()
            await asyncio.sleep(1.0)
            grown = [each.frames - count for each, count in zip(self.listeners, before, strict=False)]
            # Some are on their way at either end.
            if min(grown) >= (self.people - 1) * (0.95 * FRAMES_A_SECOND * (time.monotonic() - began) - 4):
                return True
        return False

    def begin(self) -> None:
        """Count from now on."""
        for speaker in self.speakers:
            speaker.sent = speaker.frames = 0
        for listener in self.listeners:
            listener.delays.clear()
            listener.frames = 0

    def sent(self) -> int:
        """Packets that all have sent."""
        return sum(speaker.sent for speaker in self.speakers)

    def delivered(self) -> float:
        """Share of all pictures for all listeners whose last packet has come."""
        wanted = sum(speaker.frames for speaker in self.speakers) * (self.people - 1)
        return sum(listener.frames for listener in self.listeners) / max(1, wanted)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def direct_delay(count: int = 2_000, size: int = 1_000) -> float:
    """Seconds from one socket to another by the same clocks and no server: the median."""
    delays = []
    with socket.socket(type=socket.SOCK_DGRAM) as sender, socket.socket(type=socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        for _ in range(count):
            sender.sendto(struct.pack("!Q", time.time_ns()) + bytes(size), receiver.getsockname())
            data, stamps, _, _ = receiver.recvmsg(2_000, 64)
            seconds, nanoseconds = struct.unpack("qq", stamps[0][2])
            delays.append(seconds + nanoseconds / 1e9 - struct.unpack_from("!Q", data)[0] / 1e9)
    return percentile(delays, 0.5)
