"""Where a picture begins that can be decoded alone: read from the first payload bytes of H264 and VP9."""

from __future__ import annotations

from typing import Final

from tele.domain.media import Codec

# NAL unit types (RFC 6184 §5.2, ITU-T H.264 table 7-1).
_IDR: Final = 5
_SPS: Final = 7
_STAP_A: Final = 24
_FU_A: Final = 28


def starts_keyframe(codec: Codec, payload: bytes) -> bool:
    """Whether this RTP payload is the first of a keyframe. Audio and unknown codecs have none."""
    if codec == "H264":
        return _h264(payload)
    if codec == "VP9":
        return _vp9(payload)
    return False


def _h264(payload: bytes) -> bool:
    """Browsers send SPS and PPS in front of each IDR picture, aggregated or alone: the SPS is the beginning."""
    if not payload:
        return False
    kind = payload[0] & 0x1F
    if kind == _STAP_A:
        at = 1
        while at + 2 < len(payload):
            if payload[at + 2] & 0x1F in (_SPS, _IDR):
                return True
            at += 2 + int.from_bytes(payload[at : at + 2], "big")
        return False
    if kind == _FU_A:
        # The start bit with an IDR slice whose SPS came out of band or in a packet of its own.
        return len(payload) > 1 and payload[1] & 0x80 != 0 and payload[1] & 0x1F == _IDR
    return kind in (_SPS, _IDR)


def _vp9(payload: bytes) -> bool:
    """Start of a frame (B) that is not inter-picture predicted (P), of the lowest spatial layer (RFC 9628 §4.2)."""
    if not payload:
        return False
    first = payload[0]
    if first & 0x40 or not first & 0x08:
        return False
    if not first & 0x20:  # no layer indices: a single layer
        return True
    at = 1
    if first & 0x80:  # picture id, one or two bytes
        if at >= len(payload):
            return False
        at += 2 if payload[at] & 0x80 else 1
    return at < len(payload) and payload[at] & 0x0E == 0
