"""CMAF init sections and fragments of one track (ISO 23000-19 §7), written and read back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from struct import Struct, pack, unpack_from

from recorder.boxes import box, find, full_box, walk
from recorder.codec import Config
from recorder.errors import Malformed
from recorder.segment import Sample

TRACK = 1
"""The one track id: audio and video are never in one file."""

SYNC, NOT_SYNC = 0x02000000, 0x01010000
"""sample_flags (ISO 14496-12 §8.8.3.1): depends on none; or depends on others and is no sync sample."""

MOVIE_RATE = 1000
"""Ticks per second of what is said of a movie as a whole."""

_MATRIX = pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_ROW = Struct(">III")
_TFHD = full_box(b"tfhd", 0, 0x020000, pack(">I", TRACK))
_TRUN_FLAGS = 0x000701
"""data-offset, sample duration, size and flags are present (§8.8.8.1)."""


def init_section(config: Config) -> bytes:
    """ftyp and moov of a track that has this configuration; its timescale is the codec's RTP clock rate."""
    tables = (
        full_box(b"stsd", 0, 0, pack(">I", 1), sample_entry(config)),
        full_box(b"stts", 0, 0, bytes(4)),
        full_box(b"stsc", 0, 0, bytes(4)),
        full_box(b"stsz", 0, 0, bytes(8)),
        full_box(b"stco", 0, 0, bytes(4)),
    )
    mvex = box(b"mvex", full_box(b"trex", 0, 0, pack(">IIIII", TRACK, 1, 0, 0, 0)))
    header = movie_header(0, TRACK + 1)
    return box(b"ftyp", b"iso6", bytes(4), b"iso6cmfcmp41") + box(
        b"moov", header, track_box(TRACK, config, tables), mvex
    )


def movie_header(duration: int, following: int) -> bytes:
    """mvhd (§8.2.2): `duration` in ms, and the id that a further track would have."""
    figures = pack(">IIIIIH10x", 0, 0, MOVIE_RATE, duration, 0x10000, 0x100)
    return full_box(b"mvhd", 0, 0, figures, _MATRIX, bytes(24), pack(">I", following))


def track_box(
    track: int, config: Config, tables: Iterable[bytes], *, edits: bytes = b"", shown: int = 0, duration: int = 0
) -> bytes:
    """trak (§8.3.1) with the boxes of its stbl; `shown` in ms, `duration` in ticks, both 0 where fragments follow."""
    video = not config.is_sound
    tkhd = full_box(
        b"tkhd",
        0,
        3,
        pack(">IIIII8x", 0, 0, track, 0, shown),
        pack(">hhhH", 0, 0, 0 if video else 0x100, 0),
        _MATRIX,
        pack(">II", config.width << 16, config.height << 16),
    )
    # 0x55C4 is "und" in ISO 639-2/T packed form (§8.4.2.3).
    mdhd = full_box(b"mdhd", 0, 0, pack(">IIIIHH", 0, 0, config.rate, duration, 0x55C4, 0))
    hdlr = full_box(b"hdlr", 0, 0, bytes(4), b"vide" if video else b"soun", bytes(12), b"tele\x00")
    header = full_box(b"vmhd", 0, 1, bytes(8)) if video else full_box(b"smhd", 0, 0, bytes(4))
    dinf = box(b"dinf", full_box(b"dref", 0, 0, pack(">I", 1), full_box(b"url ", 0, 1)))
    mdia = box(b"mdia", mdhd, hdlr, box(b"minf", header, dinf, box(b"stbl", *tables)))
    return box(b"trak", tkhd, edits, mdia)


def sample_entry(config: Config, *, in_band: bool = False) -> bytes:
    """What stsd has of a configuration; `in_band` where H.264 samples bring their parameter sets with them as well."""
    if config.codec == "aac":
        return _aac_entry(config)
    return _visual_entry(config, in_band) if config.codec != "opus" else _opus_entry(config)


def _visual_entry(config: Config, in_band: bool) -> bytes:
    """VisualSampleEntry (§12.1.3) with the codec's configuration box: avcC, or the full box vpcC."""
    if config.codec == "H264":
        kind, record = b"avc3" if in_band else b"avc1", box(b"avcC", config.record)
    else:
        kind, record = b"vp09", full_box(b"vpcC", 1, 0, config.record)
    size = pack(">HHIII", config.width, config.height, 0x480000, 0x480000, 0)
    return box(kind, bytes(6), pack(">H", 1), bytes(16), size, pack(">H", 1), bytes(32), pack(">Hh", 24, -1), record)


def _opus_entry(config: Config) -> bytes:
    """AudioSampleEntry of Opus (Opus in ISOBMFF §4.3.1): 2 channels, 16 bits, 48 kHz."""
    sound = pack(">HHHHI", 2, 16, 0, 0, config.rate << 16)
    return box(b"Opus", bytes(6), pack(">H", 1), bytes(8), sound, box(b"dOps", config.record))


def _aac_entry(config: Config) -> bytes:
    """AudioSampleEntry of AAC (ISO 14496-14 §6.7.2): the AudioSpecificConfig in descriptors (ISO 14496-1 §7.2.6)."""
    told = _descriptor(5, config.record)
    # objectTypeIndication 0x40 is ISO 14496-3; an audio stream; no buffer size or rates are promised.
    decoder = _descriptor(4, b"\x40\x15", bytes(11), told)
    stream = _descriptor(3, bytes(3), decoder, _descriptor(6, b"\x02"))
    sound = pack(">HHHHI", 2, 16, 0, 0, config.rate << 16)
    return box(b"mp4a", bytes(6), pack(">H", 1), bytes(8), sound, full_box(b"esds", 0, 0, stream))


def _descriptor(tag: int, *content: bytes) -> bytes:
    body = b"".join(content)
    return bytes((tag, len(body))) + body


def fragment(sequence: int, start: int, samples: Iterable[Sample]) -> bytes:
    """moof and mdat: `start` is the decode time of the first sample in ticks of session time (tfdt, §8.8.12)."""
    samples = tuple(samples)
    rows = b"".join([_ROW.pack(s.duration, len(s.data), SYNC if s.key else NOT_SYNC) for s in samples])
    mfhd = full_box(b"mfhd", 0, 0, pack(">I", sequence & 0xFFFFFFFF))
    tfdt = full_box(b"tfdt", 1, 0, pack(">Q", start))
    # moof(8) + mfhd + traf(8) + tfhd + tfdt + trun(12 + 8 + rows), then the header of mdat.
    offset = 8 + len(mfhd) + 8 + len(_TFHD) + len(tfdt) + 20 + len(rows) + 8
    trun = full_box(b"trun", 0, _TRUN_FLAGS, pack(">Ii", len(samples), offset), rows)
    moof = box(b"moof", mfhd, box(b"traf", _TFHD, tfdt, trun))
    return moof + box(b"mdat", *[s.data for s in samples])


@dataclass(frozen=True, slots=True)
class Scan:
    """What a segment file holds: whole fragments up to byte `size`, from `start` to `end` in ticks."""

    size: int
    start: int
    end: int
    samples: int


def scan(data: bytes) -> Scan | None:
    """Find the whole fragments at the start of a file whose tail may be torn; None when there is not one."""
    found: Scan | None = None
    moof: tuple[int, int] | None = None
    try:
        for kind, begin, stop in walk(data):
            if kind == b"moof":
                moof = (begin, stop)
            elif kind == b"mdat" and moof is not None:
                start, duration, samples, size = _read_moof(data, *moof)
                if size != stop - begin - 8:
                    break
                first = found.start if found else start
                found = Scan(stop, first, start + duration, samples + (found.samples if found else 0))
                moof = None
    except Malformed:
        # A torn write may leave anything behind the last whole fragment: what was read before it stands.
        return found
    return found


@dataclass(frozen=True, slots=True)
class Fragment:
    """One fragment as it stands in a file: `data` is where the first sample begins, `rows` are each sample's duration
    in ticks, size in bytes and flags."""

    start: int
    data: int
    rows: list[tuple[int, int, int]]


def fragments(data: bytes) -> Iterator[Fragment]:
    """The fragments of a whole segment file; raises Malformed for one that was not written by `fragment`."""
    moof: tuple[int, int] | None = None
    for kind, begin, stop in walk(data):
        if kind == b"moof":
            moof = (begin, stop)
        elif kind == b"mdat" and moof is not None:
            start, rows = _read_rows(data, *moof)
            if sum(row[1] for row in rows) != stop - begin - 8:
                raise Malformed("mdat and trun disagree")
            yield Fragment(start, begin + 8, rows)
            moof = None


def _read_moof(data: bytes, begin: int, stop: int) -> tuple[int, int, int, int]:
    """Decode time, total duration, number of samples and their bytes; raises Malformed."""
    start, rows = _read_rows(data, begin, stop)
    return start, sum(row[0] for row in rows), len(rows), sum(row[1] for row in rows)


def _read_rows(data: bytes, begin: int, stop: int) -> tuple[int, list[tuple[int, int, int]]]:
    traf = find(data, b"traf", begin + 8, stop)
    tfdt, tfdt_end = find(data, b"tfdt", traf[0] + 8, traf[1])
    trun, trun_end = find(data, b"trun", traf[0] + 8, traf[1])
    if tfdt_end - tfdt < 20 or trun_end - trun < 20:
        raise Malformed("fragment header too short")
    (start,) = unpack_from(">Q", data, tfdt + 12)
    (count,) = unpack_from(">I", data, trun + 12)
    if trun + 20 + 12 * count != trun_end:
        raise Malformed("trun of another form")
    return start, list(_ROW.iter_unpack(data[trun + 20 : trun_end]))
