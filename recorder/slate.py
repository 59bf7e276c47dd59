"""What fills the time in which a track was absent: black pictures and silence, made up when they are read.

Nothing of it is stored: the same recording always yields the same bytes.
"""

from __future__ import annotations

from recorder import opus
from recorder.codec import OPUS, Coding, Config
from recorder.fmp4 import fragment
from recorder.h264 import make_config as h264_config
from recorder.segment import Sample
from recorder.vp9 import make_config as vp9_config

# 320x180 black, made once with x264 (Baseline, CAVLC, one slice) and with libvpx.
_SPS = bytes.fromhex("6742c00ddc1419f9e1000003000100000300020f142b80")
_PPS = bytes.fromhex("68ce3132")
_IDR = bytes.fromhex("6588840b4e72628000818d" + "f7d" * 9 + "f5d" + "75d" * 109 + "780")
_VP9 = bytes.fromhex("824983420013f00b360038241c197000005061f63000000bcf84c18085df7128690180")

CONFIGS: dict[Coding, Config] = {
    "H264": h264_config(_SPS, [_PPS]),
    "VP9": vp9_config(320, 180),
    "opus": OPUS,
}
"""The configuration under which each codec's filling is decoded."""

_FRAMES: dict[Coding, bytes] = {"H264": len(_IDR).to_bytes(4, "big") + _IDR, "VP9": _VP9}


def filling(codec: Coding, sequence: int, start: int, end: int) -> bytes:
    """A fragment of nothing from `start` to `end` ticks: a black picture each second, or silence to within 2.5 ms."""
    if codec == "opus":
        samples = [Sample(data, duration, True) for data, duration in opus.silence(end - start)]
        return fragment(sequence, start, samples)
    second = CONFIGS[codec].rate
    black = _FRAMES[codec]
    samples = [Sample(black, min(second, end - at), True) for at in range(start, end, second)]
    return fragment(sequence, start, samples)
