"""An H.264 picture that is the one before once more: a slice in which every macroblock is skipped (ITU-T H.264 §7.3.4).

A skipped macroblock of a P slice is that of the picture before, in its place (§8.4.1.1). What the slice's header must
tell follows from the parameter sets and from the last picture's header.
"""

from __future__ import annotations

from dataclasses import dataclass

from recorder.bits import Bits, BitWriter
from recorder.cabac import skip_all
from recorder.codec import Config
from recorder.errors import Malformed
from recorder.h264 import IDR, SLICE, Sequence, escape, parse_sps, unescape

HEADER = 64
"""Bytes of a slice that hold all that is read of its header."""

MAX_MACROBLOCKS = 8_704
"""Of one picture: 1080 rows (level 4.2, table A-1). Each may cost a step of the arithmetic coder while packets wait."""

_P = 5
"""slice_type of a picture that is P slices alone (table 7-6)."""


@dataclass(frozen=True, slots=True)
class _Picture:
    """A picture parameter set (§7.3.2.2), as far as slice headers need it."""

    number: int
    cabac: bool
    order_of_fields: bool
    weighted: bool
    quality: int
    """pic_init_qp_minus26."""
    deblocking: bool
    redundant: bool


@dataclass(frozen=True, slots=True)
class _Slice:
    """What one slice header tells of its picture: frame_num, pic_order_cnt_lsb, whether others may depend on it."""

    number: int
    order: int
    kept: bool
    picture: _Picture


def onward(config: Config, last: bytes) -> bytes | None:
    """A picture to follow `last`, an access unit with lengths as in a sample, and to be followed by another such.

    What the encoder sends next cannot be decoded after it, before a keyframe. None where it cannot be made.
    """
    return _made(config, last, kept=True)


def aside(config: Config, last: bytes) -> bytes | None:
    """A picture on which nothing depends: what the encoder sends after `last` can be decoded after it too.

    None where it cannot be made, and where `last` is such a picture itself: of those only one may follow another
    picture (§8.2.1.3).
    """
    return _made(config, last, kept=False)


def _made(config: Config, last: bytes, *, kept: bool) -> bytes | None:
    try:
        sps, pictures = _sets(config.record)
        if not sps.frames_only or sps.planes or sps.macroblocks > MAX_MACROBLOCKS:
            return None
        before = _header(last, sps, pictures)
    except Malformed:
        return None
    if not kept and not before.kept:
        return None
    nal = _nal(sps, before, kept=kept)
    return len(nal).to_bytes(4, "big") + nal


def _nal(sps: Sequence, before: _Slice, *, kept: bool) -> bytes:
    """slice_header (§7.3.3) and slice_data (§7.3.4)."""
    picture, bits = before.picture, BitWriter()
    bits.ue(0)
    bits.ue(_P)
    bits.ue(picture.number)
    # After a picture on which nothing depends the number stays (§7.4.3).
    bits.u(sps.number_bits, (before.number + before.kept) % (1 << sps.number_bits))
    if sps.order == 0:
        # Encoders count in twos: there is room for one picture aside.
        bits.u(sps.order_bits, (before.order + (2 if kept else 1)) % (1 << sps.order_bits))
        if picture.order_of_fields:
            bits.se(0)
    elif sps.order == 1 and sps.order_deltas:
        bits.se(0)
        if picture.order_of_fields:
            bits.se(0)
    if picture.redundant:
        bits.ue(0)
    bits.u(1, 1)
    bits.ue(0)  # one picture is referred to: the one before
    bits.u(1, 0)
    if picture.weighted:
        bits.ue(0)
        if sps.chroma:
            bits.ue(0)
            bits.u(1, 0)
        bits.u(1, 0)
    if kept:
        bits.u(1, 0)
    if picture.cabac:
        bits.ue(0)
        bits.se(-picture.quality)  # a quality of 26
    else:
        bits.se(0)
    if picture.deblocking:
        bits.ue(1)  # none
    if picture.cabac:
        while not bits.aligned:
            bits.u(1, 1)
        skip_all(bits, sps.macroblocks)
    else:
        bits.ue(sps.macroblocks)  # mb_skip_run
        bits.u(1, 1)
    return bytes((0x40 | SLICE if kept else SLICE,)) + escape(bits.data())


def _sets(record: bytes) -> tuple[Sequence, dict[int, _Picture]]:
    """The parameter sets of an AVCDecoderConfigurationRecord with one SPS; raises Malformed."""
    at = 6
    sps, at = _counted(record, at)
    pictures = {}
    for _ in range(record[at] if at < len(record) else 0):
        pps, following = _counted(record, at + 1)
        found = _parse_pps(pps)
        pictures[found.number] = found
        at = following - 1
    return parse_sps(sps), pictures


def _counted(record: bytes, at: int) -> tuple[bytes, int]:
    end = at + 2 + int.from_bytes(record[at : at + 2], "big")
    if not at + 2 < end <= len(record):
        raise Malformed("avcC ends early")
    return record[at + 2 : end], end


def _parse_pps(pps: bytes) -> _Picture:
    """§7.3.2.2; raises Malformed, for slice groups too, in which macroblocks are not in their order."""
    bits = Bits(unescape(pps)[1:])
    number, _ = bits.ue(), bits.ue()
    cabac, order_of_fields = bits.flag(), bits.flag()
    if bits.ue():
        raise Malformed("slice groups")
    bits.ue()
    bits.ue()
    weighted = bits.flag()
    bits.u(2)
    quality = bits.se()
    bits.se()
    bits.se()
    deblocking = bits.flag()
    bits.flag()
    return _Picture(number, cabac, order_of_fields, weighted, quality, deblocking, bits.flag())


def _header(sample: bytes, sps: Sequence, pictures: dict[int, _Picture]) -> _Slice:
    """The header of a sample's first slice (§7.3.3), up to what its place in the row is; raises Malformed."""
    at = 0
    while at + 5 <= len(sample):
        size = int.from_bytes(sample[at : at + 4], "big")
        head = sample[at + 4]
        if head & 31 in (SLICE, IDR):
            break
        at += 4 + size
    else:
        raise Malformed("a picture without a slice")
    bits = Bits(unescape(sample[at + 4 : at + 4 + min(size, HEADER)])[1:])
    bits.ue()
    bits.ue()
    picture = pictures.get(bits.ue())
    if picture is None:
        raise Malformed("a picture parameter set that is not there")
    number = bits.u(sps.number_bits)
    if head & 31 == IDR:
        bits.ue()
    order = bits.u(sps.order_bits) if sps.order == 0 else 0
    return _Slice(number, order, bool(head & 0x60), picture)
