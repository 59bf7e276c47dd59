"""Packets to frames: order restored, holes noticed, and never half a picture handed on."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.depacketize import Frame
from recorder.depacketize_h264 import H264Depacketizer
from recorder.depacketize_opus import OpusDepacketizer
from recorder.depacketize_vp9 import VP9Depacketizer
from recorder.jitter import START, JitterBuffer
from recorder.rtp import Packet
from tests.unit.recorder.synthetic import Encoder, h264_payloads, split_annexb, vp9_payloads


def packet(
    sequence: int, payload: bytes = b"x", *, timestamp: int = 0, marker: bool = False, arrival: float = 0.0
) -> Packet:
    return Packet(sequence & 0xFFFF, timestamp, 1, marker, payload, arrival)


@given(
    st.integers(0, 65_535),
    st.lists(st.floats(0, 0.3), min_size=1, max_size=120),
    st.sets(st.integers(0, 119), max_size=20),
)
@settings(deadline=None)
def test_jitter_buffer_gives_every_packet_once_in_order_and_counts_the_rest(
    first: int, delays: list[float], lost: set[int]
) -> None:
    sent = [(number * 0.02 + delay, number) for number, delay in enumerate(delays) if number not in lost]
    buffer, released = JitterBuffer(wait=0.4, limit=500), []
    for arrival, number in sorted(sent):
        released += buffer.expire(arrival)
        released += buffer.push(packet(first + number, arrival=arrival))
        released += buffer.push(packet(first + number, arrival=arrival))
    released += buffer.flush()
    numbers = [(p.sequence - first) % 65_536 for _, p in released]
    # Only what was sent before the first that came in time, more than START late, may be missing.
    assert numbers == sorted(set(numbers))
    assert set(numbers) | {n for a, n in sent if n < numbers[0]} == {n for _, n in sent} if numbers else not sent
    if numbers:
        holes = set(range(numbers[0], numbers[-1] + 1)) - set(numbers)
        assert sum(missing for missing, _ in released) == buffer.lost == len(holes)
    assert buffer.late + buffer.duplicates >= len(sent)


def test_jitter_buffer_gives_up_after_its_wait_or_its_limit() -> None:
    buffer = JitterBuffer(wait=0.5, limit=10)
    assert buffer.push(packet(0, arrival=0.0)) == []
    assert [p.sequence for _, p in buffer.expire(START)] == [0]
    assert buffer.push(packet(2, arrival=1.0)) == []
    assert buffer.expire(1.4) == []
    assert [(lost, p.sequence) for lost, p in buffer.expire(1.5)] == [(1, 2)]
    released = []
    for sequence in range(4, 16):
        released += buffer.push(packet(sequence, arrival=2.0))
    assert (released[0][0], released[0][1].sequence) == (1, 4)


def test_a_great_jump_in_sequence_begins_anew() -> None:
    buffer = JitterBuffer(wait=0.5, limit=10)
    buffer.push(packet(10))
    assert [p.sequence for _, p in buffer.flush()] == [10]
    ((lost, found),) = buffer.push(packet(40_000))
    assert lost > 0 and found.sequence == 40_000


def stream(codec: str, count: int) -> list[list[Packet]]:
    """`count` pictures as packets, a keyframe every eighth."""
    encoder = Encoder("H264" if codec == "H264" else "VP9", 640, 360)
    pictures, sequence = [], 65_500
    for number in range(count):
        key = number % 8 == 0
        data = encoder.encode(key=key)
        payloads = h264_payloads(data) if codec == "H264" else vp9_payloads(data, number, key=key)
        picture = []
        for index, payload in enumerate(payloads):
            last = index == len(payloads) - 1
            picture.append(packet(sequence, payload, timestamp=number * 3000, marker=last, arrival=number / 30))
            sequence += 1
        pictures.append(picture)
    return pictures


def push(depacketizer: H264Depacketizer | VP9Depacketizer, pictures: list[list[Packet]], lost: set[int]) -> list[Frame]:
    frames: list[Frame] = []
    missing = 0
    for number, found in enumerate(p for picture in pictures for p in picture):
        if number in lost:
            missing += 1
            continue
        frames += depacketizer.push(missing, found)
        missing = 0
    return frames


@pytest.mark.parametrize("codec", ["H264", "VP9"])
def test_frames_come_out_whole_or_not_at_all(codec: str) -> None:
    make = H264Depacketizer if codec == "H264" else VP9Depacketizer
    pictures = stream(codec, 40)
    whole = push(make(), pictures, set())
    assert len(whole) == 40
    assert [frame.config is not None for frame in whole] == [number % 8 == 0 for number in range(40)]
    by_time = {frame.timestamp: frame.data for frame in whole}
    total = sum(map(len, pictures))
    chance = random.Random(3)
    for _ in range(60):
        lost = set(chance.sample(range(len(pictures[0]), total), chance.randrange(1, 6)))
        frames = push(make(), pictures, lost)
        assert all(by_time[frame.timestamp] == frame.data for frame in frames)
        damaged = {p.timestamp for n, p in enumerate(p for picture in pictures for p in picture) if n in lost}
        assert {frame.timestamp for frame in frames} == set(by_time) - damaged
        for before, after in zip([None, *frames], frames, strict=False):
            skipped = before is None or after.timestamp - before.timestamp > 3000
            assert after.after_loss or not skipped


def test_h264_takes_single_units_and_a_missing_marker() -> None:
    nals = split_annexb(Encoder("H264").encode(key=True))
    depacketizer = H264Depacketizer()
    frames: list[Frame] = []
    for number, nal in enumerate(nals):
        frames += depacketizer.push(0, packet(number, nal, timestamp=1))
    assert frames == []
    frames += depacketizer.push(0, packet(len(nals), b"\x41\x9a\x00", timestamp=2, marker=True))
    assert [(frame.timestamp, frame.config is not None) for frame in frames] == [(1, True), (2, False)]


def test_opus_dtx_becomes_silence_of_the_same_length() -> None:
    depacketizer = OpusDepacketizer()
    (quiet,) = depacketizer.push(0, packet(1, b"\x08"))
    assert (quiet.data, quiet.duration, quiet.after_loss) == (b"", 960, False)
    (loud,) = depacketizer.push(3, packet(5, b"\x08" * 30))
    assert (len(loud.data), loud.after_loss) == (30, True)
    assert depacketizer.push(0, packet(6, b"\xfb")) == [] and depacketizer.malformed == 1


@pytest.mark.parametrize("make", [H264Depacketizer, VP9Depacketizer, OpusDepacketizer])
@given(
    st.lists(
        st.tuples(
            st.integers(0, 2),
            st.one_of(
                st.binary(max_size=12),
                st.sampled_from([b"\x7c\x85", b"\x7c\x05", b"\x7c\x45"]).flatmap(
                    lambda h: st.binary(max_size=9).map(lambda t: h + t)
                ),
            ),
            st.integers(0, 3),
            st.booleans(),
        ),
        max_size=30,
    )
)
@settings(deadline=None)
def test_no_payload_makes_a_depacketizer_fail(make: type, found: list[tuple[int, bytes, int, bool]]) -> None:
    depacketizer = make()
    for number, (lost, payload, timestamp, marker) in enumerate(found):
        for frame in depacketizer.push(lost, packet(number, payload, timestamp=timestamp, marker=marker)):
            assert frame.data or make is OpusDepacketizer or frame.config is None
