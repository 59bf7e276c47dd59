"""Pictures that stand: what is put into the row is what was shown before, and disturbs nothing that it may not."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder import h264, vp9
from recorder.codec import Config
from recorder.grid import Grid
from recorder.segment import Output, PartClosed, SegmentClosed
from recorder.segment_live import LiveVideoSegmenter
from recorder.still import aside, onward
from tests.unit.recorder.synthetic import split_annexb

LATENCY = {"preset": "faster", "tune": "zerolatency", "forced-idr": "1"}
X264 = "keyint=infinite:scenecut=0:repeat-headers=1:annexb=1:threads=1:bframes=0"
ENCODERS = {
    "baseline": ("libx264", {"profile": "baseline", "x264-params": X264}),
    "cabac": ("libx264", {"profile": "main", "x264-params": X264}),
    "weighted": ("libx264", {"profile": "high", "x264-params": f"{X264}:weightp=2"}),
    "several references": ("libx264", {"profile": "high", "x264-params": f"{X264}:cabac=0:ref=4"}),
    "slices": ("libx264", {"profile": "main", "x264-params": f"{X264}:slices=4"}),
    "vp9": ("libvpx-vp9", {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "g": "9999"}),
}


class Camera:
    """A moving texture that becomes brighter, each picture by three steps."""

    def __init__(self, kind: str) -> None:
        name, options = ENCODERS[kind]
        self._context: Any = av.CodecContext.create(name, "w")
        self._context.width, self._context.height, self._context.pix_fmt = 320, 180, "yuv420p"
        self._context.time_base, self._context.framerate = Fraction(1, 90_000), Fraction(20)
        self._context.bit_rate = 400_000
        self._context.options = options if name == "libvpx-vp9" else {**LATENCY, **options}
        self._texture = np.random.default_rng(1).integers(0, 40, (180, 320)).astype(np.uint8)
        self._sets = h264.ParameterSets()
        self._count = 0

    def picture(self, *, key: bool = False) -> list[tuple[bytes, Config | None]]:
        """The samples that the next picture makes; each keyframe with its configuration."""
        picture = np.full((270, 320), 128, np.uint8)
        picture[:180] = np.roll(self._texture, self._count * 3, axis=1) + 20 + 3 * self._count
        frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts, frame.time_base = self._count * 4500, Fraction(1, 90_000)
        frame.pict_type = 1 if key else 0
        self._count += 1
        packets = [bytes(packet) for packet in self._context.encode(frame)]
        if self._context.name == "libvpx-vp9":
            return [(packet, vp9.key_config(packet)) for packet in packets]
        pictures = [self._sets.picture(split_annexb(packet)) for packet in packets]
        return [(picture.data, picture.config) for picture in pictures]


def encoded(kind: str, count: int) -> tuple[Config, list[bytes]]:
    """So many pictures, the first a keyframe."""
    camera = Camera(kind)
    made = [sample for number in range(count) for sample in camera.picture(key=number == 0)]
    config = made[0][1]
    assert config is not None
    return config, [data for data, _ in made]


def decoded(config: Config, samples: list[bytes]) -> list[np.ndarray[Any, Any]]:
    decoder: Any = av.CodecContext.create("vp9" if config.codec == "VP9" else "h264", "r")
    if config.codec == "H264":
        decoder.extradata = config.record
    decoder.thread_count = 1
    frames = []
    for number, sample in enumerate(samples):
        packet = av.Packet(sample)
        packet.pts = number
        frames += decoder.decode(packet)
    return [frame.to_ndarray(format="gray").astype(int) for frame in [*frames, *decoder.decode(None)]]


@pytest.mark.parametrize("kind", list(ENCODERS))
def test_one_picture_aside_shows_the_one_before_and_disturbs_none(kind: str) -> None:
    config, samples = encoded(kind, 12)
    row, shows = [], []
    for number, sample in enumerate(samples):
        row.append(sample)
        shows.append(number)
        if number in (0, 3, 4, 8):
            between = aside(config, sample)
            assert between is not None and len(between) < 40
            row.append(between)
            shows.append(number)
    plain, found = decoded(config, samples), decoded(config, row)
    assert len(found) == len(row)
    assert all(np.array_equal(picture, plain[number]) for picture, number in zip(found, shows, strict=True))


@pytest.mark.parametrize("kind", list(ENCODERS))
@pytest.mark.parametrize("last", [0, 5])
def test_a_row_of_pictures_shows_the_last_one_as_long_as_it_is_wanted(kind: str, last: int) -> None:
    config, samples = encoded(kind, last + 1)
    row = list(samples)
    for _ in range(20):  # frame_num and pic_order_cnt_lsb begin anew meanwhile
        following = onward(config, row[-1])
        assert following is not None
        row.append(following)
    found = decoded(config, row)
    assert len(found) == len(row)
    assert all(np.array_equal(picture, found[last]) for picture in found[last:])


def test_of_h264_only_one_stands_aside() -> None:
    config, samples = encoded("baseline", 3)
    between = aside(config, samples[-1])
    assert between is not None and aside(config, between) is None and onward(config, between) is not None


@given(st.binary(max_size=60), st.binary(max_size=60), st.sampled_from(["H264", "VP9"]))
@settings(max_examples=200, deadline=None)
def test_what_cannot_be_understood_is_not_made(record: bytes, sample: bytes, codec: Any) -> None:
    config = Config(codec, "", 320, 180, record)
    for made in (aside(config, sample), onward(config, sample)):
        assert made is None or codec == "VP9"
    right, samples = encoded("baseline", 2)
    assert onward(right, sample) is None or sample  # whatever a sender put there, no exception
    assert onward(Config("H264", "", 320, 180, record), samples[1]) is None


@pytest.mark.parametrize("kind", ["baseline", "cabac", "vp9"])
@pytest.mark.parametrize("pause", [0.3, 0.5, 0.65, 0.9, 1.5])
def test_a_picture_that_stands_in_a_recording_is_the_latest(kind: str, pause: float) -> None:
    """A camera whose pictures stay away for a moment, over a boundary too: no older one is ever seen."""
    camera = Camera(kind)
    config: Config | None = None
    segmenter: LiveVideoSegmenter | None = None
    times = np.cumsum([0.05 + (pause if number in (12, 30, 50) else 0) for number in range(62)])
    events = [(time, number) for number, time in enumerate(times)]
    events += [(tick / 10 + 0.001, -1) for tick in range(1, int(times[-1] * 10))]
    outputs: list[Output] = []
    for now, number in sorted(events):
        if number < 0:
            outputs += segmenter.clock(round(now * 90_000)) if segmenter else []
            continue
        ((data, key),) = camera.picture(key=segmenter is None or segmenter.wants_key(round(now * 90_000)))
        if segmenter is None:
            assert key is not None
            config = key
            segmenter = LiveVideoSegmenter(Grid(4_000), key, 0.34, quiet=2.0)
        outputs += segmenter.frame(round(now * 90_000), data, key)
    assert segmenter is not None and config is not None
    dropped = segmenter.dropped
    outputs += segmenter.finish(round(times[-1] * 1000) + 100)
    assert len([each for each in outputs if isinstance(each, SegmentClosed)]) == 2
    samples = [sample for part in outputs if isinstance(part, PartClosed) for sample in part.samples]
    shown = [float(picture.mean()) for picture in decoded(config, [sample.data for sample in samples])]
    assert len(shown) == len(samples)
    assert all(after >= before - 1.0 for before, after in pairwise(shown)), shown
    assert dropped == 0 or pause > (0.9 if kind == "vp9" else 0.3), "a short pause costs no keyframe"
