"""Opus to sound and sound to AAC, through libavcodec: the whole of a recording, or any few frames from its middle."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import av
import numpy as np

from recorder.aac_format import AHEAD, BIT_RATE, FRAME, PREROLL, heard_from
from recorder.fmp4 import fragments
from recorder.opus import RATE

Sound = np.ndarray[Any, np.dtype[np.float32]]
"""(2, n) samples at 48 kHz."""

_HEAD = b"OpusHead\x01\x02" + bytes(2) + RATE.to_bytes(4, "little") + bytes(3)
"""Two channels and nothing to skip (RFC 7845 §5.1)."""


class Decoder:
    """Opus in, sound out."""

    def __init__(self) -> None:
        self._context: Any = av.CodecContext.create("opus", "r")
        self._context.extradata = _HEAD

    def decode(self, packet: bytes, duration: int) -> Sound:
        """One packet's sound, as long as the recording says that it is; silence where it cannot be decoded."""
        try:
            frames = [frame.to_ndarray() for frame in self._context.decode(av.Packet(packet))]
        except av.FFmpegError:
            frames = []  # what came over the network need not be Opus
        sound = np.zeros((2, duration), np.float32)
        at = 0
        for frame in frames:
            taken = frame[:, : duration - at]
            sound[:, at : at + taken.shape[1]] = taken
            at += taken.shape[1]
        return sound


class Encoder:
    """Sound in, AAC frames out, the first of which is number `at`.

    `swift` halves the work. It hears less finely than the other, which at this bit rate nobody else does.
    """

    def __init__(self, at: int = 0, *, swift: bool = False) -> None:
        self._context: Any = av.CodecContext.create("aac", "w")
        self._context.sample_rate, self._context.layout, self._context.format = RATE, "stereo", "fltp"
        self._context.bit_rate = BIT_RATE
        self._context.options = {"aac_coder": "fast" if swift else "twoloop"}
        self._context.open()
        self._at = at * FRAME
        self._rest: Sound = np.zeros((2, 0), np.float32)
        self.record = bytes(self._context.extradata or b"")

    def encode(self, sound: Sound) -> Iterator[tuple[int, bytes]]:
        """(number, data) of each frame that is finished: before the first there is one that primes the decoder."""
        self._rest = np.concatenate((self._rest, sound), axis=1)
        while self._rest.shape[1] >= FRAME:
            frame: Any = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(self._rest[:, :FRAME]), format="fltp", layout="stereo"
            )
            frame.sample_rate, frame.pts = RATE, self._at
            self._at += FRAME
            self._rest = self._rest[:, FRAME:]
            yield from self._packets(frame)

    def finish(self, frames: int) -> Iterator[tuple[int, bytes]]:
        """The rest, with silence up to so many frames."""
        wanted = frames * FRAME - self._at - self._rest.shape[1]
        yield from self.encode(np.zeros((2, max(0, wanted)), np.float32))
        yield from self._packets(None)

    def _packets(self, frame: Any) -> Iterator[tuple[int, bytes]]:
        for packet in self._context.encode(frame):
            yield packet.pts // FRAME, bytes(packet)


def listen(files: Iterable[bytes], start: int, end: int) -> Sound:
    """The sound from tick `start` to `end` of what fragments of Opus say, in order; silence where they say nothing.

    Raises Malformed.
    """
    decoder = Decoder()
    sound = np.zeros((2, end - start), np.float32)
    for data in files:
        for each in fragments(data):
            at, place = each.start, each.data
            for duration, size, _ in each.rows:
                if start - PREROLL < at + duration and at < end:
                    piece = decoder.decode(data[place : place + size], duration)
                    into, skip = max(0, at - start), max(0, start - at)
                    taken = piece[:, skip : skip + max(0, end - max(at, start))]
                    sound[:, into : into + taken.shape[1]] = taken
                at += duration
                place += size
    return sound


def encode_piece(files: Iterable[bytes], first: int, last: int) -> list[bytes]:
    """Frames `first` to `last` (exclusive) of what fragments of Opus say; raises Malformed."""
    begun = heard_from(first)
    sound = listen(files, begun, (last + AHEAD) * FRAME)
    return [data for number, data in Encoder(begun // FRAME, swift=True).encode(sound) if first <= number < last]
