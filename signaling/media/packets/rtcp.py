"""RTCP as bytes: walk a compound packet, read the few kinds that matter, write those that the server sends."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

SENDER_REPORT: Final = 200
RECEIVER_REPORT: Final = 201
SOURCE_DESCRIPTION: Final = 202
BYE: Final = 203
TRANSPORT_FEEDBACK: Final = 205
PAYLOAD_FEEDBACK: Final = 206

NACK: Final = 1
"""FMT of transport feedback (RFC 4585 §6.2.1)."""
TRANSPORT_CC: Final = 15
PLI: Final = 1
"""FMT of payload-specific feedback (RFC 4585 §6.3.1)."""
FIR: Final = 4
"""RFC 5104 §4.3.1."""
APPLICATION: Final = 15
"""RFC 4585 §6.4: REMB is one of these."""

MAX_NACKED: Final = 512
"""Numbers read from one NACK packet."""
MAX_BLOCKS: Final = 31
"""Report blocks of one packet: its count has five bits."""

_HEAD = struct.Struct("!BBH")
_TWO = struct.Struct("!II")
_NACK_ENTRY = struct.Struct("!HH")
_SENDER_INFO = struct.Struct("!IQIII")
_BLOCK = struct.Struct("!IIIIII")
_REMB = struct.Struct("!4sI")


class RtcpPart(NamedTuple):
    """One packet of a compound: its type, its FMT or count, and what follows the 4-byte header."""

    kind: int
    format: int
    body: bytes


class SenderReport(NamedTuple):
    """RFC 3550 §6.4.1: the 64-bit NTP time and the RTP timestamp of the same instant."""

    ssrc: int
    ntp: int
    rtp: int
    packets: int
    octets: int


class ReportBlock(NamedTuple):
    """What one receiver saw of one stream (RFC 3550 §6.4.1). `delay` counts 1/65536 s."""

    ssrc: int
    fraction_lost: int
    cumulative_lost: int
    highest: int
    jitter: int
    last_report: int
    delay: int


def walk(data: bytes) -> Iterator[RtcpPart]:
    """The packets of a compound (RFC 3550 §6.1), or of a reduced-size one (RFC 5506). Stops where it makes no sense."""
    at = 0
    while at + 4 <= len(data):
        first, kind, length = _HEAD.unpack_from(data, at)
        end = at + 4 + 4 * length
        if first >> 6 != 2 or end > len(data):
            return
        body = data[at + 4 : end]
        if first & 0x20:
            if not body or not 0 < body[-1] <= len(body):
                return
            body = body[: -body[-1]]
        yield RtcpPart(kind, first & 0x1F, body)
        at = end


def is_transport_cc(data: bytes) -> bool:
    """Whether this is transport-cc feedback and nothing else, as browsers send it many times a second."""
    whole = len(data) >= 8 and 4 + 4 * int.from_bytes(data[2:4], "big") == len(data)
    return whole and data[1] == TRANSPORT_FEEDBACK and data[0] & 0xDF == 0x80 | TRANSPORT_CC


def sender_ssrc(part: RtcpPart) -> int | None:
    """Who sent it: the first word of every kind read here."""
    return int.from_bytes(part.body[:4], "big") if len(part.body) >= 4 else None


def read_sender_report(part: RtcpPart) -> SenderReport | None:
    """The sender's part of an SR; None when it is cut off."""
    return SenderReport(*_SENDER_INFO.unpack_from(part.body)) if len(part.body) >= _SENDER_INFO.size else None


def feedback_about(part: RtcpPart) -> int | None:
    """The media SSRC of a feedback packet (RFC 4585 §6.1)."""
    return int.from_bytes(part.body[4:8], "big") if len(part.body) >= 8 else None


def read_nack(part: RtcpPart) -> list[int]:
    """The numbers that are missing there (RFC 4585 §6.2.1), at most MAX_NACKED."""
    lost: list[int] = []
    for at in range(8, len(part.body) - 3, 4):
        first, mask = _NACK_ENTRY.unpack_from(part.body, at)
        lost.append(first)
        lost += [first + bit + 1 & 0xFFFF for bit in range(16) if mask >> bit & 1]
        if len(lost) >= MAX_NACKED:
            break
    return lost[:MAX_NACKED]


def read_fir(part: RtcpPart) -> list[int]:
    """The SSRCs a FIR asks a picture from (RFC 5104 §4.3.1.1), at most MAX_BLOCKS."""
    return [int.from_bytes(part.body[at : at + 4], "big") for at in range(8, len(part.body) - 7, 8)][:MAX_BLOCKS]


def read_blocks(part: RtcpPart) -> list[ReportBlock]:
    """The report blocks of a receiver report (RFC 3550 §6.4.2)."""
    blocks: list[ReportBlock] = []
    for at in range(4, min(len(part.body), 4 + part.format * _BLOCK.size) - _BLOCK.size + 1, _BLOCK.size):
        ssrc, lost, *rest = _BLOCK.unpack_from(part.body, at)
        # The cumulative count has 24 bits and a sign: doubles can make it negative.
        cumulative = (lost & 0xFFFFFF) - (0x1000000 if lost & 0x800000 else 0)
        blocks.append(ReportBlock(ssrc, lost >> 24, cumulative, *rest))
    return blocks


def read_remb(part: RtcpPart) -> float | None:
    """The bitrate of a REMB in bit/s (draft-alvestrand-rmcat-remb-03 §2.2); None when it is something else."""
    if len(part.body) < 16:
        return None
    identifier, word = _REMB.unpack_from(part.body, 8)
    return float((word & 0x3FFFF) << (word >> 18 & 0x3F)) if identifier == b"REMB" else None


def _packet(kind: int, count: int, body: bytes) -> bytes:
    return _HEAD.pack(0x80 | count, kind, len(body) // 4) + body


def pli(sender: int, media: int) -> bytes:
    """Picture loss indication (RFC 4585 §6.3.1)."""
    return _packet(PAYLOAD_FEEDBACK, PLI, _TWO.pack(sender, media))


def nack(sender: int, media: int, lost: list[int]) -> bytes:
    """Generic NACK (RFC 4585 §6.2.1). `lost` are 16-bit numbers in rising order, wrapping allowed, not empty."""
    entries = bytearray(_TWO.pack(sender, media))
    first, mask = lost[0], 0
    for number in lost[1:]:
        distance = (number - first - 1) & 0xFFFF
        if distance < 16:
            mask |= 1 << distance
        else:
            entries += _NACK_ENTRY.pack(first, mask)
            first, mask = number, 0
    entries += _NACK_ENTRY.pack(first, mask)
    return _packet(TRANSPORT_FEEDBACK, NACK, bytes(entries))


def source_description(ssrc: int, cname: str) -> bytes:
    """The CNAME that every compound packet carries (RFC 3550 §6.5); `cname` has at most 255 bytes."""
    name = cname.encode()
    chunk = ssrc.to_bytes(4, "big") + bytes((1, len(name))) + name
    return _packet(SOURCE_DESCRIPTION, 1, chunk + bytes(4 - len(chunk) % 4))


def sender_report(report: SenderReport, cname: str) -> bytes:
    """SR and CNAME as one compound packet, counts wrapped to 32 bits."""
    body = _SENDER_INFO.pack(
        report.ssrc, report.ntp, report.rtp, report.packets & 0xFFFFFFFF, report.octets & 0xFFFFFFFF
    )
    return _packet(SENDER_REPORT, 0, body) + source_description(report.ssrc, cname)


def receiver_report(sender: int, blocks: list[ReportBlock], cname: str) -> bytes:
    """RR and CNAME as one compound packet; at most MAX_BLOCKS blocks are told."""
    body = sender.to_bytes(4, "big") + b"".join(
        _BLOCK.pack(
            block.ssrc,
            block.fraction_lost << 24 | max(-0x800000, min(0x7FFFFF, block.cumulative_lost)) & 0xFFFFFF,
            block.highest & 0xFFFFFFFF,
            block.jitter & 0xFFFFFFFF,
            block.last_report,
            block.delay,
        )
        for block in blocks[:MAX_BLOCKS]
    )
    return _packet(RECEIVER_REPORT, len(blocks[:MAX_BLOCKS]), body) + source_description(sender, cname)
