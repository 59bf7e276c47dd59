"""What must hold for the recorder's readers: packets in any order and of any content become whole frames or nothing."""

from __future__ import annotations

from recorder import opus
from recorder.depacketize import Depacketizer, Frame
from recorder.depacketize_h264 import H264Depacketizer
from recorder.depacketize_opus import OpusDepacketizer
from recorder.depacketize_vp9 import VP9Depacketizer
from recorder.errors import Malformed
from recorder.jitter import JitterBuffer
from recorder.rtp import Packet, parse
from tests.fuzz import stream

MARKER, NEW_TIMESTAMP, LOST = 0x80, 0x40, 0x0F
"""Flags of a record: the packet's marker bit, that it begins another picture, how many packets before it are lost."""
MAX_SIDE = 65_536


def _check_stream(data: bytes, depacketizer: Depacketizer) -> list[Frame]:
    sequence = timestamp = given = taken = 0
    frames: list[Frame] = []
    for flags, payload in stream.split(data):
        timestamp += 3000 if flags & NEW_TIMESTAMP else 0
        sequence += 1 + (flags & LOST)
        packet = Packet(sequence & 0xFFFF, timestamp, 1, bool(flags & MARKER), payload, sequence / 50)
        given += len(payload)
        frames += depacketizer.push(flags & LOST, packet)
    for frame in frames:
        taken += len(frame.data)
        assert frame.timestamp <= timestamp
        if frame.config is not None:
            assert 0 < frame.config.width <= MAX_SIDE
            assert 0 < frame.config.height <= MAX_SIDE
            assert len(frame.config.record) <= given + 64
    # A NAL unit of one byte grows by its length prefix of four, and a STAP-A held it with two.
    assert taken <= 5 * given
    assert depacketizer.malformed >= 0
    assert depacketizer.incomplete >= 0
    return frames


def check_h264(data: bytes) -> None:
    """H.264: each sample is a row of length-prefixed NAL units."""
    for frame in _check_stream(data, H264Depacketizer()):
        at = 0
        while at < len(frame.data):
            length = int.from_bytes(frame.data[at : at + 4], "big")
            assert length > 0
            at += 4 + length
        assert at == len(frame.data) > 0


def check_vp9(data: bytes) -> None:
    """VP9: descriptors gone, pieces joined."""
    _check_stream(data, VP9Depacketizer())


def check_opus(data: bytes) -> None:
    """Opus: durations within a packet's bounds, silence of any length made of whole packets."""
    _check_stream(data, OpusDepacketizer())
    try:
        length = opus.samples(data)
    except Malformed:
        return
    assert 0 < length <= opus.MAX_SAMPLES
    made = opus.silence(length)
    assert length <= sum(each for _, each in made) < length + 120
    assert all(opus.samples(packet) == each for packet, each in made)


def check_jitter(data: bytes) -> None:
    """Packets leave in order and once, every one of a run either leaves, is late, or is a double."""
    buffer = JitterBuffer(wait=0.2, limit=16)
    pushed = 0
    left: list[tuple[int, Packet]] = []
    for now, (flags, raw) in enumerate(stream.split(data)):
        try:
            packet = parse(raw, now / 50)
        except Malformed:
            continue
        pushed += 1
        left += buffer.push(packet)
        if flags & 1:
            left += buffer.expire(now / 50)
    left += buffer.flush()
    assert len(left) + buffer.late + buffer.duplicates == pushed
    assert all(lost >= 0 for lost, _ in left)
    assert buffer.lost == sum(lost for lost, _ in left)
