"""The fuzz targets by name. Each takes any bytes and raises when a promise of the code under it is broken."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from tests.fuzz import packets, port, recorded, text


@dataclass(frozen=True, slots=True)
class Target:
    """One property check, and the longest input worth trying, in bytes."""

    check: Callable[[bytes], None]
    max_size: int = 1_500


TARGETS: Final[Mapping[str, Target]] = MappingProxyType(
    {
        "stun": Target(packets.check_stun, 600),
        "rtp": Target(packets.check_rtp),
        "rtcp": Target(packets.check_rtcp),
        "twcc": Target(packets.check_twcc),
        "red": Target(packets.check_red),
        "keyframe": Target(packets.check_keyframe, 200),
        "sdp": Target(text.check_sdp, 20_000),
        "fragment": Target(text.check_fragment, 2_000),
        "messages": Target(text.check_messages, 4_000),
        "h264": Target(recorded.check_h264, 6_000),
        "vp9": Target(recorded.check_vp9, 6_000),
        "opus": Target(recorded.check_opus, 2_000),
        "jitter": Target(recorded.check_jitter, 2_000),
        "tcp": Target(port.check_tcp, 6_000),
        "peer": Target(port.check_peer, 4_000),
    }
)
