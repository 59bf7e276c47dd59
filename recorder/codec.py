"""What a decoder must know before the first frame: one value per codec configuration, written into an init section."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tele.domain.media import CLOCK_RATE, Codec

Coding = Codec | Literal["aac"]
"""What a recording holds: what people send, and the sound that is made of it for players without Opus."""


@dataclass(frozen=True, slots=True)
class Config:
    """One decoder configuration; two frames with equal ones can share an init section.

    `codecs` is the RFC 6381 string, `width` and `height` are picture size in pixels (0 for audio), `record` the
    codec's configuration record, the payload of avcC, vpcC or dOps, or for AAC the AudioSpecificConfig.
    """

    codec: Coding
    codecs: str
    width: int
    height: int
    record: bytes

    @property
    def rate(self) -> int:
        """Ticks per second of the track, the same as of its RTP clock."""
        return CLOCK_RATE["opus" if self.codec == "aac" else self.codec]

    @property
    def is_sound(self) -> bool:
        """Whether it is heard rather than seen."""
        return self.codec in ("opus", "aac")


OPUS = Config("opus", "opus", 0, 0, bytes.fromhex("00 02 0138 0000bb80 0000 00"))
"""dOps (Opus in ISOBMFF §4.3.2): version 0, 2 channels, 312 samples of pre-skip, 48 kHz, no gain, mapping family 0."""
