"""AAC-LC beside recorded Opus: how it is called and configured, and where its pieces end for Opus that ends somewhere.

Pure. Every boundary follows from the Opus track's times alone: whoever asks, whenever, finds the same ones.
"""

from __future__ import annotations

from collections.abc import Iterable

from recorder.codec import Config

CODECS = "mp4a.40.2"
"""AAC-LC (RFC 6381 §3.3)."""

FRAME = 1024
"""Samples in a frame of AAC-LC (ISO 14496-3 §4.5.1.1)."""

BIT_RATE = 96_000

AHEAD = 2
"""Frames of sound that the encoder sees before it hands a frame out: the frame's window is two frames long, and how it
is windowed depends on what follows."""

PREROLL = 3840
"""Samples that an Opus decoder needs to forget that it began in the middle: 80 ms (RFC 7845 §4.6)."""

WARM = 8
"""Frames that are encoded and thrown away before the first that is wanted. One would do for the overlap; the others let
the encoder decide on windows and scale factors as one that has run from the beginning. From eight on seams are as near
to the original as any other place (72 dB, with one 16 dB), at a tenth more work than with four (54 dB)."""

_PREFIX = "aac-"


def aac_name(track: str) -> str:
    """The folder of a track's AAC rendition."""
    return f"{_PREFIX}{track}"


def recorded_name(name: str) -> str | None:
    """The track of which `name` is the AAC rendition; None for what is none."""
    return name.removeprefix(_PREFIX) if name.startswith(_PREFIX) else None


def aac_config(record: bytes) -> Config:
    """AAC-LC at 48 kHz, by its AudioSpecificConfig."""
    return Config("aac", CODECS, 0, 0, record)


CONFIG = aac_config(bytes.fromhex("1190 56e500"))
"""AAC-LC, 48 kHz, two channels, and no SBR in it (ISO 14496-3 §1.6.2.1), as the encoder tells it."""


def whole(end: int) -> int:
    """How many frames can be made of sound up to tick `end`: AAC ends 43 to 64 ms before its Opus."""
    return max(0, end // FRAME - AHEAD)


def heard_from(first: int) -> int:
    """The tick from which on sound is needed to encode frame `first`."""
    return max(0, first - WARM) * FRAME


def boundaries(ends: Iterable[int]) -> list[int]:
    """Where segments end in AAC, in frames, that end at these ticks in Opus: none is without a frame."""
    found: list[int] = []
    before = 0
    for end in ends:
        before = max(before + 1, whole(end))
        found.append(before)
    return found


def longest(part: float) -> int:
    """The most frames that a part may have where `part` seconds are the target."""
    return max(1, int(part * CONFIG.rate) // FRAME)


def pieces(first: int, last: int, ends: Iterable[int], most: int) -> list[tuple[int, int]]:
    """Frames `first` to `last` (exclusive) as parts, each from its first frame to beyond its last.

    They end where the Opus parts do, which end at the ticks `ends`, are no longer than `most` frames and never empty:
    of a moment of Opus there may be no part of its own.
    """
    found: list[tuple[int, int]] = []
    at = first
    for end in (*map(whole, ends), last):
        while at < min(end, last):
            following = min(at + most, end, last)
            found.append((at, following))
            at = following
    return found
