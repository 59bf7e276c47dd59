"""H.264 from RTP (RFC 6184): single NAL units, STAP-A and FU-A, gathered into access units."""

from __future__ import annotations

from recorder.depacketize import MAX_FRAME_BYTES, Frame
from recorder.errors import Malformed
from recorder.h264 import SPS, ParameterSets, first_in_picture
from recorder.rtp import Packet

STAP_A, FU_A = 24, 28
"""Aggregation and fragmentation in packetization mode 1 (table 1); the interleaved mode's types are refused."""


class H264Depacketizer:
    """Gathers one access unit at a time; it ends with the marker bit (§5.1) or with a new timestamp."""

    def __init__(self) -> None:
        self.malformed = 0
        self.incomplete = 0
        self._sets = ParameterSets()
        self._nals: list[bytes] = []
        self._fragment: list[bytes] = []
        self._bytes = 0
        self._timestamp: int | None = None
        self._arrival = 0.0
        self._skipping: int | None = None
        self._repeats_sets = False
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
            units = self._unpack(packet.payload)
            if self._timestamp is None:
                # After a loss the head of this picture may be gone as well: only a first slice proves that it is not.
                if self._after_loss and not first_in_picture(units[0] if units else self._fragment[0]):
                    raise Malformed("a picture without its head")
                self._timestamp, self._arrival = packet.timestamp, packet.arrival
        except Malformed:
            self.malformed += not self._after_loss
            self._abandon()
            self._skipping = packet.timestamp
            return frames
        self._nals += units
        if packet.marker:
            frames += self._finish()
        return frames

    def _unpack(self, payload: bytes) -> list[bytes]:
        """NAL units that this payload completes; raises Malformed."""
        self._bytes += len(payload)
        if self._bytes > MAX_FRAME_BYTES:
            raise Malformed("access unit too large")
        kind = payload[0] & 31
        if kind == FU_A:
            return self._fragment_unit(payload)
        if self._fragment:
            raise Malformed("fragmented NAL unit without its end")
        if 1 <= kind <= 23:
            return [payload]
        if kind == STAP_A:
            return _split_stap(payload)
        raise Malformed("unknown NAL unit type")

    def _fragment_unit(self, payload: bytes) -> list[bytes]:
        """FU-A (§5.8): indicator, header with start and end bits, a piece of the NAL unit."""
        if len(payload) < 3:
            raise Malformed("empty fragment")
        header = payload[1]
        start, end = header & 0x80, header & 0x40
        if bool(start) == bool(self._fragment) or (start and end):
            raise Malformed("fragment out of order")
        if start:
            self._fragment = [bytes((payload[0] & 0xE0 | header & 0x1F,)) + payload[2:]]
            return []
        self._fragment.append(payload[2:])
        if not end:
            return []
        unit, self._fragment = b"".join(self._fragment), []
        return [unit]

    def _abandon(self) -> None:
        """Drop what is gathered: the rest of this picture, wherever it ends, is of no use."""
        if self._timestamp is not None:
            self.incomplete += 1
            self._skipping = self._timestamp
        self._after_loss = True
        self._clear()

    def _clear(self) -> None:
        self._nals, self._fragment, self._bytes, self._timestamp = [], [], 0, None

    def _finish(self) -> list[Frame]:
        timestamp, nals = self._timestamp, self._nals
        if timestamp is None:
            return []
        if self._fragment:
            self._abandon()
            return []
        self._clear()
        try:
            picture = self._sets.picture(nals)
        except Malformed:
            self.malformed += 1
            self._after_loss = True
            return []
        if not picture.data:
            return []
        if picture.key:
            has_sets = any(nal[0] & 31 == SPS for nal in nals)
            if self._after_loss and self._repeats_sets and not has_sets:
                # The lost packet may have held a new picture size: under the old one this would be noise.
                self.incomplete += 1
                return []
            self._repeats_sets = has_sets
        after_loss, self._after_loss = self._after_loss, False
        return [Frame(picture.data, timestamp, self._arrival, 0, picture.config, after_loss)]


def _split_stap(payload: bytes) -> list[bytes]:
    """STAP-A (§5.7.1): NAL units, each behind its 16-bit size."""
    units, at, size = [], 1, len(payload)
    while at + 2 <= size:
        length = payload[at] << 8 | payload[at + 1]
        at += 2
        if length == 0 or at + length > size:
            raise Malformed("STAP-A unit of impossible size")
        units.append(payload[at : at + length])
        at += length
    if at != size or not units:
        raise Malformed("STAP-A ends early")
    return units
