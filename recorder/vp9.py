"""VP9 as far as a container must understand it: the uncompressed header of a key frame, and vpcC."""

from __future__ import annotations

from recorder.bits import Bits
from recorder.codec import Config
from recorder.errors import Malformed

# Largest luma picture of each level (VP9 level definitions); a call's frame rate never is the tighter bound.
_LEVELS = ((36_864, 10), (73_728, 11), (122_880, 20), (245_760, 21), (552_960, 30), (983_040, 31), (2_228_224, 40))
_TOP_LEVEL = 50


def key_config(frame: bytes) -> Config | None:
    """The configuration of a key frame, None for any other; raises Malformed (VP9 bitstream §6.2, §7.2)."""
    bits = Bits(frame[:32])
    if bits.u(2) != 2:
        raise Malformed("not a VP9 frame")
    profile = bits.u(1) | bits.u(1) << 1
    if profile == 3 and bits.flag():
        raise Malformed("reserved VP9 profile")
    if bits.flag() or bits.flag():
        return None
    bits.u(2)
    if bits.u(24) != 0x498342:
        raise Malformed("VP9 sync code is missing")
    depth = 8
    if profile >= 2:
        depth = 12 if bits.flag() else 10
    space = bits.u(3)
    full_range, across, down = False, 1, 1
    if space != 7:
        full_range = bits.flag()
        if profile in (1, 3):
            across, down = bits.u(1), bits.u(1)
            bits.u(1)
    else:
        full_range, across, down = True, 0, 0
        if profile in (1, 3):
            bits.u(1)
    width, height = bits.u(16) + 1, bits.u(16) + 1
    return make_config(width, height, profile=profile, depth=depth, chroma=_chroma(across, down), full_range=full_range)


def make_config(
    width: int, height: int, *, profile: int = 0, depth: int = 8, chroma: int = 1, full_range: bool = False
) -> Config:
    """vpcC (VP Codec ISO Media File Format Binding §2.2) and the codecs string; colour is unspecified (2)."""
    level = next((level for size, level in _LEVELS if width * height <= size), _TOP_LEVEL)
    record = bytes((profile, level, depth << 4 | chroma << 1 | full_range, 2, 2, 2, 0, 0))
    return Config("VP9", f"vp09.{profile:02d}.{level:02d}.{depth:02d}", width, height, record)


def _chroma(across: int, down: int) -> int:
    """chromaSubsampling of vpcC: 1 is 4:2:0 co-located, 2 is 4:2:2, 3 is 4:4:4."""
    if across:
        return 1 if down else 2
    return 3
