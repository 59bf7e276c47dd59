"""From packets in order to whole frames: what the three payload formats have in common."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from recorder.codec import Config
from recorder.rtp import Packet


class Frame(NamedTuple):
    """One frame as a decoder takes it, or with empty `data` word that something before the next one was lost.

    `timestamp` is the RTP timestamp modulo 2^32, `arrival` that of its first packet. `duration` in ticks is known for
    audio alone. `config` is set on video frames that can be decoded by themselves.
    """

    data: bytes
    timestamp: int
    arrival: float
    duration: int = 0
    config: Config | None = None
    after_loss: bool = False


class Depacketizer(Protocol):
    """Turns one stream's packets into frames; never raises: what is malformed is dropped and counted."""

    malformed: int
    incomplete: int

    def push(self, lost: int, packet: Packet) -> list[Frame]:
        """Take the next packet in order, `lost` packets being missing just before it."""


MAX_FRAME_BYTES = 8 * 1024 * 1024
"""No frame of a call is larger; a sender that never sets the marker bit must not fill the memory."""
