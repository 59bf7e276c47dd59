"""Opus from RTP (RFC 7587 §4.2): each packet's payload is one Opus packet."""

from __future__ import annotations

from recorder import opus
from recorder.depacketize import Frame
from recorder.errors import Malformed
from recorder.rtp import Packet


class OpusDepacketizer:
    """Audio frames with their durations. What an encoder sends in DTX passes as silence of the same length."""

    def __init__(self) -> None:
        self.malformed = 0
        self.incomplete = 0
        self._after_loss = False

    def push(self, lost: int, packet: Packet) -> list[Frame]:
        if lost:
            self._after_loss = True
        if not packet.payload:
            return []
        try:
            duration = opus.samples(packet.payload)
        except Malformed:
            self.malformed += 1
            return []
        after_loss, self._after_loss = self._after_loss, False
        data = b"" if opus.is_quiet(packet.payload) else packet.payload
        return [Frame(data, packet.timestamp, packet.arrival, duration, None, after_loss)]
