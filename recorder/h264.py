"""H.264 as far as a container must understand it: parameter sets, which pictures stand alone, avcC (ISO 14496-15)."""

from __future__ import annotations

from dataclasses import dataclass

from recorder.bits import Bits
from recorder.codec import Config
from recorder.errors import Malformed

SLICE, IDR, SEI, SPS, PPS, AUD = 1, 5, 6, 7, 8, 9
"""nal_unit_type values (ITU-T H.264 table 7-1)."""

_WITH_CHROMA = {44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244}
_NOT_IN_SAMPLES = {SPS, PPS, AUD, 10, 11, 12, 13, 15}
"""Parameter sets live in the init section; delimiters, ends and filler have no use in a container."""

MAX_SIDE = 16_384
MAX_PARAMETER_SETS = 32


@dataclass(frozen=True, slots=True)
class Picture:
    """One access unit: `data` with 4-byte length prefixes; `config` is set when it is an IDR that can be decoded."""

    data: bytes
    key: bool
    config: Config | None


def unescape(nal: bytes) -> bytes:
    """The RBSP of a NAL unit: emulation prevention bytes removed (§7.4.1.1)."""
    if b"\x00\x00\x03" not in nal:
        return nal
    parts, start = [], 0
    while (at := nal.find(b"\x00\x00\x03", start)) >= 0:
        parts.append(nal[start : at + 2])
        start = at + 3
    parts.append(nal[start:])
    return b"".join(parts)


def sps_size(sps: bytes) -> tuple[int, int]:
    """Width and height in pixels after cropping (§7.3.2.1.1, §7.4.2.1.1); raises Malformed."""
    if len(sps) < 4:
        raise Malformed("SPS too short")
    bits = Bits(unescape(sps)[1:])
    profile = bits.u(8)
    bits.u(16)
    bits.ue()
    chroma = 1
    if profile in _WITH_CHROMA:
        chroma = bits.ue()
        if chroma > 3:
            raise Malformed("unknown chroma format")
        if chroma == 3 and bits.flag():
            chroma = 0
        bits.ue()
        bits.ue()
        bits.flag()
        if bits.flag():
            _skip_scaling_lists(bits, 12 if chroma == 3 else 8)
    bits.ue()
    order = bits.ue()
    if order == 0:
        bits.ue()
    elif order == 1:
        bits.flag()
        bits.se()
        bits.se()
        for _ in range(min(bits.ue(), 256)):
            bits.se()
    bits.ue()
    bits.flag()
    columns, rows = bits.ue() + 1, bits.ue() + 1
    frames_only = bits.flag()
    if not frames_only:
        bits.flag()
    bits.flag()
    width, height = columns * 16, rows * 16 * (1 if frames_only else 2)
    if bits.flag():
        across = 2 if chroma in (1, 2) else 1
        down = (2 if chroma == 1 else 1) * (1 if frames_only else 2)
        width -= across * (bits.ue() + bits.ue())
        height -= down * (bits.ue() + bits.ue())
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        raise Malformed("impossible picture size")
    return width, height


def _skip_scaling_lists(bits: Bits, count: int) -> None:
    """§7.3.2.1.1.1: only their length matters here."""
    for index in range(count):
        if not bits.flag():
            continue
        last = following = 8
        for _ in range(16 if index < 6 else 64):
            if following:
                following = (last + bits.se()) % 256
            last = following or last


def first_in_picture(nal: bytes) -> bool:
    """Whether a NAL unit can begin an access unit: a slice does with first_mb_in_slice = 0, coded as one set bit."""
    kind = nal[0] & 31
    if kind in (SLICE, IDR):
        return len(nal) > 1 and nal[1] >= 0x80
    return kind in (SEI, SPS, PPS, AUD)


class ParameterSets:
    """The SPS and PPS that a stream has shown so far, and the configuration that its next IDR makes of them."""

    def __init__(self) -> None:
        self._sps: dict[int, bytes] = {}
        self._pps: dict[int, tuple[int, bytes]] = {}
        self._configs: dict[int, Config] = {}

    def picture(self, nals: list[bytes]) -> Picture:
        """Sort one access unit's NAL units (all at least one byte) into sample and parameter sets; raises Malformed."""
        sample: list[bytes] = []
        idr = None
        for nal in nals:
            kind = nal[0] & 31
            if kind == SPS:
                self._take_sps(nal)
            elif kind == PPS:
                self._take_pps(nal)
            if kind in _NOT_IN_SAMPLES:
                continue
            if kind == IDR and idr is None:
                idr = nal
            sample.append(len(nal).to_bytes(4, "big"))
            sample.append(nal)
        config = self._config(idr) if idr is not None else None
        return Picture(b"".join(sample), config is not None, config)

    def _take_sps(self, nal: bytes) -> None:
        bits = Bits(unescape(nal)[1:32])
        bits.u(24)
        number = bits.ue()
        if number >= MAX_PARAMETER_SETS:
            raise Malformed("seq_parameter_set_id out of range")
        if self._sps.get(number) != nal:
            self._sps[number] = nal
            self._configs.clear()

    def _take_pps(self, nal: bytes) -> None:
        bits = Bits(unescape(nal)[1:32])
        number, sps = bits.ue(), bits.ue()
        if number >= MAX_PARAMETER_SETS or sps >= MAX_PARAMETER_SETS:
            raise Malformed("pic_parameter_set_id out of range")
        if self._pps.get(number) != (sps, nal):
            self._pps[number] = (sps, nal)
            self._configs.clear()

    def _config(self, idr: bytes) -> Config | None:
        """The configuration of an IDR slice by the PPS it names (§7.3.3); None while its sets have not been seen."""
        bits = Bits(unescape(idr[:32])[1:])
        bits.ue()
        bits.ue()
        entry = self._pps.get(bits.ue())
        if entry is None or entry[0] not in self._sps:
            return None
        number = entry[0]
        if number not in self._configs:
            sps = self._sps[number]
            self._configs[number] = make_config(sps, [nal for owner, nal in self._pps.values() if owner == number])
        return self._configs[number]


def make_config(sps: bytes, pictures: list[bytes]) -> Config:
    """AVCDecoderConfigurationRecord (ISO 14496-15 §5.3.3.1) of one SPS and its PPSs; raises Malformed."""
    width, height = sps_size(sps)
    record = [b"\x01", sps[1:4], b"\xff\xe1", len(sps).to_bytes(2, "big"), sps, bytes((len(pictures),))]
    for pps in pictures:
        record += [len(pps).to_bytes(2, "big"), pps]
    if sps[1] in (100, 110, 122, 144):
        # These profiles append chroma format and bit depths; browsers send 4:2:0 with 8 bits alone.
        record.append(b"\xfd\xf8\xf8\x00")
    return Config("H264", f"avc1.{sps[1]:02X}{sps[2]:02X}{sps[3]:02X}", width, height, b"".join(record))
