"""Fragments and init sections: what a decoder accepts, and what is left of them when they are torn."""

from __future__ import annotations

import io

import av
import pytest

from recorder.boxes import walk
from recorder.codec import OPUS
from recorder.fmp4 import fragment, init_section, scan
from recorder.segment import Sample
from recorder.slate import CONFIGS, filling
from tele.domain.media import Codec


@pytest.mark.parametrize("codec", ["H264", "VP9", "opus"])
def test_fillings_decode_to_black_and_silence_of_their_length(codec: Codec) -> None:
    config = CONFIGS[codec]
    start, end = 7 * config.rate, 7 * config.rate + round(3.5 * config.rate)
    with av.open(io.BytesIO(init_section(config) + filling(codec, 1, start, end))) as container:
        stream = container.streams[0]
        assert stream.time_base == 1 / config.rate or stream.time_base.denominator == config.rate
        frames = list(container.decode(stream))
    assert float(frames[0].time) == pytest.approx(7, abs=0.01)
    if codec == "opus":
        assert sum(frame.samples for frame in frames) == pytest.approx(3.5 * 48_000, abs=320)
        assert max(abs(frame.to_ndarray()).max() for frame in frames) < 1e-3
    else:
        assert [float(frame.time) for frame in frames] == [7, 8, 9, 10]
        assert all(frame.to_ndarray(format="gray").max() < 8 for frame in frames)


def test_a_fragment_is_found_whole_or_not_at_all_wherever_it_is_torn() -> None:
    parts = [
        fragment(n + 1, n * 3000, [Sample(bytes([n]) * (20 + n), 1000, n == 0), Sample(b"ab", 2000, False)])
        for n in range(3)
    ]
    data = b"".join(parts)
    ends = [len(parts[0]), len(parts[0] + parts[1]), len(data)]
    for size in range(len(data) + 1):
        whole = sum(size >= end for end in ends)
        found = scan(data[:size])
        if whole == 0:
            assert found is None
        else:
            assert found is not None
            assert (found.size, found.start, found.end, found.samples) == (ends[whole - 1], 0, whole * 3000, whole * 2)
    assert (found := scan(data + b"\x00" * 50)) is not None and found.size == len(data)


def test_data_offset_points_at_the_first_sample() -> None:
    data = fragment(5, 123, [Sample(b"first", 10, True), Sample(b"second", 20, False)])
    kinds = [(kind, start) for kind, start, _ in walk(data)]
    assert [kind for kind, _ in kinds] == [b"moof", b"mdat"]
    at = data.index(b"trun") - 4
    assert data[int.from_bytes(data[at + 16 : at + 20], "big") :].startswith(b"firstsecond")


def test_opus_configuration_names_two_channels_and_full_rate() -> None:
    section = init_section(OPUS)
    with av.open(io.BytesIO(section + filling("opus", 1, 0, 960))) as container:
        audio = container.streams.audio[0]
        assert (audio.rate, audio.codec_context.name, audio.layout.name) == (48_000, "opus", "stereo")
