"""VP9 from RTP (RFC 9628): the payload descriptor is read and removed, pieces are joined to frames."""

from __future__ import annotations

from typing import NamedTuple

from recorder.depacketize import MAX_FRAME_BYTES, Frame
from recorder.errors import Malformed
from recorder.rtp import Packet
from recorder.vp9 import key_config


class Descriptor(NamedTuple):
    """What the recorder needs of the payload descriptor (§4.2); `size` is its length in bytes."""

    begins: bool
    predicted: bool
    spatial: int
    size: int


class VP9Depacketizer:
    """Joins one picture at a time; of spatial layers only the base is kept, which never depends on the others."""

    def __init__(self) -> None:
        self.malformed = 0
        self.incomplete = 0
        self._pieces: list[bytes] = []
        self._bytes = 0
        self._timestamp: int | None = None
        self._arrival = 0.0
        self._key = False
        self._skipping: int | None = None
        # Joining in the middle of a stream is like losing all that was before.
        self._after_loss = True

    def push(self, lost: int, packet: Packet) -> list[Frame]:
        if lost:
            self._abandon()
        if not packet.payload:
            return []
        frames: list[Frame] = []
        if self._timestamp is not None and packet.timestamp != self._timestamp:
            frames += self._finish()
        if packet.timestamp == self._skipping:
            return frames
        self._skipping = None
        try:
            descriptor = parse_descriptor(packet.payload)
            if descriptor.spatial == 0:
                self._take(descriptor, packet)
        except Malformed:
            self.malformed += not self._after_loss
            self._abandon()
            self._skipping = packet.timestamp
            return frames
        if packet.marker:
            frames += self._finish()
        return frames

    def _take(self, descriptor: Descriptor, packet: Packet) -> None:
        if self._timestamp is None:
            if not descriptor.begins:
                raise Malformed("a frame without its head")
            self._timestamp, self._arrival = packet.timestamp, packet.arrival
            self._key = not descriptor.predicted
        self._bytes += len(packet.payload)
        if self._bytes > MAX_FRAME_BYTES:
            raise Malformed("frame too large")
        self._pieces.append(packet.payload[descriptor.size :])

    def _abandon(self) -> None:
        if self._timestamp is not None:
            self.incomplete += 1
            self._skipping = self._timestamp
        self._after_loss = True
        self._clear()

    def _clear(self) -> None:
        self._pieces, self._bytes, self._timestamp = [], 0, None

    def _finish(self) -> list[Frame]:
        timestamp, data, key = self._timestamp, b"".join(self._pieces), self._key
        if timestamp is None:
            return []
        self._clear()
        try:
            config = key_config(data) if key else None
        except Malformed:
            self.malformed += 1
            self._after_loss = True
            return []
        after_loss, self._after_loss = self._after_loss, False
        return [Frame(data, timestamp, self._arrival, 0, config, after_loss)]


def parse_descriptor(payload: bytes) -> Descriptor:
    """Read the payload descriptor in flexible and non-flexible mode alike (§4.2); raises Malformed."""
    size = len(payload)
    first, at = payload[0], 1
    predicted, flexible = bool(first & 0x40), bool(first & 0x10)
    spatial = 0
    if first & 0x80:
        if at >= size:
            raise Malformed("descriptor ends in the picture id")
        at += 2 if payload[at] & 0x80 else 1
    if first & 0x20:
        if at >= size:
            raise Malformed("descriptor ends in the layer indices")
        spatial = payload[at] >> 1 & 7
        at += 1 if flexible else 2
    if flexible and predicted:
        for _ in range(3):
            if at >= size:
                raise Malformed("descriptor ends in the reference indices")
            at += 1
            if not payload[at - 1] & 1:
                break
        else:
            raise Malformed("more than three reference indices")
    if first & 0x02:
        at = _skip_structure(payload, at)
    if at >= size:
        raise Malformed("a descriptor without a payload")
    return Descriptor(bool(first & 0x08), predicted, spatial, at)


def _skip_structure(payload: bytes, at: int) -> int:
    """The scalability structure (§4.2.1): layer sizes and a picture group; returns where it ends."""
    size = len(payload)
    if at >= size:
        raise Malformed("descriptor ends before the scalability structure")
    head = payload[at]
    at += 1
    if head & 0x10:
        at += 4 * ((head >> 5) + 1)
    if head & 0x08:
        if at >= size:
            raise Malformed("scalability structure ends early")
        pictures = payload[at]
        at += 1
        for _ in range(pictures):
            if at >= size:
                raise Malformed("picture group ends early")
            at += 1 + (payload[at] >> 2 & 3)
    return at
