"""A camera that sends by itself, in two layers; and a thin line that a client tells about by transport-cc."""

from __future__ import annotations

import asyncio
import random
import time

from signaling.media.packets import rtcp, rtp_header
from signaling.media.packets.twcc import ArrivalLog
from signaling.media.peers.forward import WIRE
from tests.media_call import AUDIO, DELTA, H264, KEYFRAME, OPUS, VIDEO, rtp
from tests.media_client import MediaClient

LOW = 0x0D000000
"""SSRC of the small layer."""
FRAME = 1 / 30
QUEUE = 0.5
"""Seconds of packets that a thin line keeps waiting."""
EPOCH = 3_900_000_000
"""NTP seconds at which the clock of these senders began."""


class Stream:
    """One SSRC of a camera: frames of `packets` packets of `size` bytes, with a clock of its own."""

    def __init__(self, ssrc: int, name: bytes, packets: int, size: int, seed: int) -> None:
        chance = random.Random(seed)
        self.ssrc = ssrc
        self.name = name
        self.packets = packets
        self.size = size
        self.number = chance.randrange(2**16)
        self.start = chance.randrange(2**32)
        self.sent = 0
        self.asked = 0
        self.keyframe = True
        self.on = True

    def timestamp(self, now: float) -> int:
        """The RTP timestamp of a picture taken now."""
        return self.start + int(now * 90_000) & 0xFFFFFFFF


class Camera:
    """Sends until it is cancelled (`run`). Each payload ends with the layer's name."""

    def __init__(self, client: MediaClient, *, high: int = VIDEO, low: int | None = LOW, audio: bool = True) -> None:
        self.client = client
        self.high = Stream(high, b"high", 3, 1_000, 1)
        self.low = Stream(low, b"low", 1, 400, 2) if low is not None else None
        self.reports = True
        self._audio = audio
        self._sound = 0
        client.on_rtcp = self._heard

    @property
    def streams(self) -> list[Stream]:
        """The layers there are."""
        return [self.high, *([self.low] if self.low is not None else [])]

    async def run(self) -> None:
        """Send, frame by frame."""
        frame = 0
        while True:
            now = time.monotonic()
            for stream in self.streams:
                if stream.on:
                    self._picture(stream, now)
            if self._audio:
                self._sound += 1
                self.client.send_secured(rtp(AUDIO, OPUS, self._sound, self._sound * 1_600, b"sound" * 10))
            if frame % 15 == 0 and self.reports:
                self.report(now)
            frame += 1
            await asyncio.sleep(FRAME)

    def report(self, now: float) -> None:
        """Tell both clocks: one wall clock, two RTP clocks."""
        ntp = int((EPOCH + now) * 2**32)
        for stream in self.streams:
            told = rtcp.SenderReport(stream.ssrc, ntp, stream.timestamp(now), stream.sent, 0)
            self.client.send_secured(rtcp.sender_report(told, "client"))

    def _picture(self, stream: Stream, now: float) -> None:
        for index in range(stream.packets):
            begin = KEYFRAME if stream.keyframe and index == 0 else DELTA
            payload = begin + bytes(stream.size - len(begin) - len(stream.name)) + stream.name
            self.client.send_secured(
                rtp(
                    stream.ssrc,
                    H264,
                    stream.number,
                    stream.timestamp(now),
                    payload,
                    marker=index == stream.packets - 1,
                )
            )
            stream.number += 1
            stream.sent += 1
        stream.keyframe = False

    def _heard(self, data: bytes) -> None:
        self.client.rtcp.append(data)
        for part in rtcp.walk(data):
            if part.kind == rtcp.PAYLOAD_FEEDBACK and part.format == rtcp.PLI:
                for stream in self.streams:
                    if rtcp.feedback_about(part) == stream.ssrc:
                        stream.asked += 1
                        stream.keyframe = True


class ThinLine:
    """Receives as if through a line of `rate` bit/s, and tells by transport-cc how it came."""

    def __init__(self, client: MediaClient, rate: float) -> None:
        self.client = client
        self.rate = rate
        self._free = 0.0
        self._arrivals = ArrivalLog()
        client.on_rtp = self._came

    async def run(self) -> None:
        """Send feedback as browsers do."""
        while True:
            feedback = self._arrivals.report(1, 2)
            if feedback is not None and self.client.keys is not None:
                self.client.send_secured(feedback)
            await asyncio.sleep(0.05)

    def _came(self, data: bytes) -> None:
        self.client.rtp.append(data)
        elements = rtp_header.extensions(data, rtp_header.parse(data))
        wide = elements.get(rtp_header.EXTENSION_TRANSPORT_CC)
        if wide is not None:
            now = time.monotonic()
            self._free = max(now, self._free) + (len(data) + WIRE) * 8 / self.rate
            if self._free - now < QUEUE:
                self._arrivals.add(int.from_bytes(wide, "big"), self._free)
            else:
                self._free = now + QUEUE  # the buffer is full: this one was lost
