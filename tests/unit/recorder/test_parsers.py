"""Every parser reads what real encoders make, and answers anything else with Malformed or by dropping it."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder import h264, opus, vp9
from recorder.bits import Bits
from recorder.boxes import walk
from recorder.depacketize_vp9 import parse_descriptor
from recorder.errors import Malformed
from recorder.fmp4 import scan
from recorder.journal import State, decode
from recorder.rtp import Unwrapper, parse, signed_difference
from tests.unit.recorder.synthetic import Encoder, rtp, split_annexb


@pytest.mark.parametrize("size", [(320, 180), (176, 144), (1280, 720), (642, 362), (1920, 1080)])
@pytest.mark.parametrize("profile", ["baseline", "main", "high"])
def test_sps_gives_the_size_that_was_encoded(size: tuple[int, int], profile: str) -> None:
    context = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt, context.time_base = *size, "yuv420p", Fraction(1, 30)
    # Scaling lists, which only the high profile can have, make its SPS the longest to read.
    lists = ":cqm=jvt" if profile == "high" else ""
    options = {"profile": profile, "preset": "slow", "x264-params": f"repeat-headers=1:annexb=1:threads=1{lists}"}
    context.options = options
    data = b"".join(bytes(p) for p in [*context.encode(av.VideoFrame(*size, "yuv420p")), *context.encode(None)])
    picture = h264.ParameterSets().picture(split_annexb(data))
    assert picture.key and picture.config is not None
    assert (picture.config.width, picture.config.height) == size
    assert picture.config.codecs.startswith({"baseline": "avc1.42", "main": "avc1.4D", "high": "avc1.64"}[profile])


@pytest.mark.parametrize("size", [(320, 180), (1280, 720), (1920, 1080)])
def test_vp9_key_frame_gives_the_size_that_was_encoded(size: tuple[int, int]) -> None:
    encoder = Encoder("VP9", *size)
    config = vp9.key_config(encoder.encode(key=True))
    assert config is not None and (config.width, config.height) == size
    assert config.codecs == {180: "vp09.00.11.08", 720: "vp09.00.31.08", 1080: "vp09.00.40.08"}[size[1]]
    assert vp9.key_config(encoder.encode(key=False)) is None


def test_an_idr_without_its_parameter_sets_is_no_key() -> None:
    nals = split_annexb(Encoder("H264").encode(key=True))
    sets = h264.ParameterSets()
    assert not sets.picture([nal for nal in nals if nal[0] & 31 == 5]).key
    assert sets.picture(nals).key
    assert sets.picture([nal for nal in nals if nal[0] & 31 == 5]).key


@pytest.mark.parametrize(
    ("packet", "length"),
    [
        (b"\xf8\xff\xfe", 960),
        (b"\x08", 960),
        (b"\x00", 480),
        (b"\x18\x00", 2880),
        (b"\xe0", 120),
        (b"\x79", 1920),
        (b"\xfb\x03", 2880),
        (b"\x60", 480),
    ],
)
def test_opus_length_follows_the_first_byte(packet: bytes, length: int) -> None:
    assert opus.samples(packet) == length


@pytest.mark.parametrize("packet", [b"", b"\xfb", b"\xfb\x00", b"\x1b\x3f"])
def test_opus_of_no_length_is_malformed(packet: bytes) -> None:
    with pytest.raises(Malformed):
        opus.samples(packet)


@given(st.integers(0, 100_000))
@settings(deadline=None)
def test_silence_is_as_long_as_asked_for(length: int) -> None:
    packets = opus.silence(length)
    assert 0 <= sum(size for _, size in packets) - length < 120
    assert all(opus.samples(data) == size for data, size in packets)


def test_rtp_header_extension_and_padding_are_removed() -> None:
    plain = rtp(7, 9, 11, b"payload", marker=True)
    assert parse(plain, 1.5)[:] == (7, 9, 11, True, b"payload", 1.5)
    extended = bytes([plain[0] | 0x30]) + plain[1:12] + b"\xbe\xde\x00\x01\x10\xaa\x00\x00" + b"payload" + b"\x00\x02"
    assert parse(extended, 0).payload == b"payload"
    assert parse(bytes([0xA0]) + plain[1:12] + b"\x00\x00\x03", 0).payload == b""


@given(st.lists(st.integers(-(2**30), 2**30), max_size=50), st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_unwrapped_timestamps_move_as_the_sender_moved(steps: list[int], start: int) -> None:
    unwrapper, true = Unwrapper(), start
    first = unwrapper.unwrap(start)
    for step in steps:
        true += step
        assert unwrapper.unwrap(true % 2**32) - first == true - start


@given(st.integers(0, 65_535), st.integers(-32_768, 32_767))
@settings(deadline=None)
def test_signed_difference(earlier: int, step: int) -> None:
    assert signed_difference((earlier + step) % 65_536, earlier, 16) == step


def _fold(data: bytes) -> None:
    state = State()
    for line in decode(data)[0]:
        state.apply(line)


PARSERS: dict[str, Callable[[bytes], Any]] = {
    "rtp": lambda data: parse(data, 0.0),
    "sps": h264.sps_size,
    "access unit": lambda data: h264.ParameterSets().picture([piece for piece in data.split(b"\x00") if piece]),
    "vp9 key frame": vp9.key_config,
    "vp9 descriptor": lambda data: parse_descriptor(data or b"\x00"),
    "opus": opus.samples,
    "boxes": lambda data: list(walk(data)),
    "fragments": scan,
    "bits": lambda data: [Bits(data).ue(), Bits(data).se(), Bits(data).u(5)],
    "journal": _fold,
}
HEADS = [
    b"",
    b"\x67\x42\xe0\x1f",
    b"\x67\x64\x00\x1f",
    b"\x82\x49\x83\x42",
    b"\x90",
    b"\x8f",
    b'{"track":',
    b"\x00\x00\x00\x10moof",
]


@pytest.mark.parametrize("name", PARSERS)
@given(head=st.sampled_from(HEADS), tail=st.binary(max_size=80))
@settings(deadline=None)
def test_no_parser_fails_in_another_way_than_its_own(name: str, head: bytes, tail: bytes) -> None:
    try:
        PARSERS[name](head + tail)
    except Malformed:
        return


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "track",
                "source",
                "kind",
                "start",
                "open",
                "segment",
                "init",
                "codecs",
                "gap",
                "boundary",
                "closed",
                "state",
                "at",
                "v",
            ]
        ),
        st.one_of(st.none(), st.integers(-5, 5), st.text(max_size=3), st.lists(st.integers(), max_size=3)),
    )
)
@settings(deadline=None)
def test_no_journal_line_fails_in_another_way(line: dict[str, Any]) -> None:
    state = State()
    state.apply({"track": "t", "participant": "p", "source": "camera", "kind": "video", "start": 0})
    try:
        state.apply(line)
    except Malformed:
        return
