"""RTP headers as bytes: read what a publisher sent, build the canonical packet that is patched for each subscriber."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

_FIXED = struct.Struct("!BBHII")
_HALF = struct.Struct("!H")
_CANONICAL = struct.Struct("!BBHIIHH6xIBB")

ONE_BYTE_PROFILE: Final = 0xBEDE
MAX_DATAGRAM: Final = 1500
"""Bytes. Nothing longer is read or sent: browsers keep to 1,200 and one Ethernet frame carries no more."""

# Extension ids of everything that this server offers to subscribers. They are the same in each m-section, as BUNDLE
# demands (RFC 9143 §9), and one byte wide (RFC 8285 §4.2).
EXTENSION_MID: Final = 1
EXTENSION_ABS_SEND_TIME: Final = 2
EXTENSION_TRANSPORT_CC: Final = 3
EXTENSION_AUDIO_LEVEL: Final = 4
EXTENSION_PLAYOUT_DELAY: Final = 5

_SEND_TIME: Final = EXTENSION_ABS_SEND_TIME << 4 | 2
"""The lead of its element: id, and length less one."""
_MOST_DELAY: Final = 1_000

# Offsets in the canonical packet. [PATCH_START, PATCH_END) differs per subscriber and is written in one go.
PATCH_START: Final = 2
PATCH: Final = struct.Struct("!HI12sH")
"""Sequence number, timestamp, the subscriber's constant part (see `constant_part`), transport-wide number."""
PAYLOAD_AT: Final = 28


class RtpHeader(NamedTuple):
    """The fixed header (RFC 3550 §5.1) and where the rest lies: offsets in bytes from the packet's first."""

    marker: bool
    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    extension_profile: int
    extension_start: int
    extension_end: int
    payload_start: int
    payload_end: int
    """End of the payload with padding taken off."""


def is_rtcp(second_byte: int) -> bool:
    """Whether a packet on a port shared by RTP and RTCP is RTCP (RFC 5761 §4)."""
    return 192 <= second_byte <= 223


def parse(data: bytes) -> RtpHeader:
    """Read one decrypted RTP packet; raises ValueError when it is not one."""
    if len(data) < 12:
        raise ValueError("RTP packet shorter than its fixed header")
    first, second, sequence, timestamp, ssrc = _FIXED.unpack_from(data)
    if first >> 6 != 2:
        raise ValueError("RTP version is not 2")
    start = 12 + 4 * (first & 0x0F)
    end = len(data)
    profile = extension_start = extension_end = 0
    if first & 0x10:
        if end < start + 4:
            raise ValueError("RTP header extension is cut off")
        profile = _HALF.unpack_from(data, start)[0]
        extension_start = start + 4
        start = extension_end = extension_start + 4 * _HALF.unpack_from(data, start + 2)[0]
    if first & 0x20:
        if data[-1] == 0:
            raise ValueError("RTP padding of length 0")
        end -= data[-1]
    if start > end:
        raise ValueError("RTP packet is cut off")
    return RtpHeader(
        second >= 0x80, second & 0x7F, sequence, timestamp, ssrc, profile, extension_start, extension_end, start, end
    )


def extensions(data: bytes, header: RtpHeader) -> dict[int, bytes]:
    """The header extension elements by id (RFC 8285 §4.2, §4.3); reading stops where the data makes no sense."""
    found: dict[int, bytes] = {}
    at, end = header.extension_start, header.extension_end
    if header.extension_profile == ONE_BYTE_PROFILE:
        while at < end:
            lead = data[at]
            if lead == 0:
                at += 1
                continue
            identifier, stop = lead >> 4, at + 2 + (lead & 0x0F)
            if identifier == 15 or stop > end:
                break
            found[identifier] = data[at + 1 : stop]
            at = stop
    elif header.extension_profile & 0xFFF0 == 0x1000:
        while at + 1 < end:
            identifier = data[at]
            if identifier == 0:
                at += 1
                continue
            stop = at + 2 + data[at + 1]
            if stop > end:
                break
            found[identifier] = data[at + 2 : stop]
            at = stop
    return found


def restore_retransmission(data: bytes, header: RtpHeader, payload_type: int, ssrc: int) -> bytes | None:
    """The packet that an RTX packet carries (RFC 4588 §4), without padding; None when it carries none (a probe)."""
    if header.payload_end - header.payload_start < 2:
        return None
    return replace_payload(
        data,
        header,
        payload_type,
        data[header.payload_start + 2 : header.payload_end],
        sequence=_HALF.unpack_from(data, header.payload_start)[0],
        ssrc=ssrc,
    )


def replace_payload(
    data: bytes,
    header: RtpHeader,
    payload_type: int,
    payload: bytes,
    *,
    sequence: int | None = None,
    ssrc: int | None = None,
) -> bytes:
    """The same packet with another payload and type, and without padding."""
    return (
        _FIXED.pack(
            data[0] & ~0x20,
            header.marker << 7 | payload_type,
            header.sequence if sequence is None else sequence,
            header.timestamp,
            header.ssrc if ssrc is None else ssrc,
        )
        + data[12 : header.payload_start]
        + payload
    )


def abs_send_time(now: float) -> int:
    """Seconds as the 24-bit 6.18 fixed-point number of the abs-send-time extension."""
    return int(now * 262_144) & 0xFFFFFF


def send_time_element(now: float) -> int:
    """When a packet is sent, as the 32-bit element that `canonical` takes."""
    return _SEND_TIME << 24 | abs_send_time(now)


def playout_delay_element(least: float) -> int:
    """How long a picture is to be held at least, in seconds, as the element that stands in the place of its time.

    The extension counts in 10 ms, 12 bits for the least and 12 for the most, which is left to the receiver: 10 s.
    """
    return (EXTENSION_PLAYOUT_DELAY << 4 | 2) << 24 | min(_MOST_DELAY, round(least * 100)) << 12 | _MOST_DELAY


def canonical(
    marker: bool,
    payload_type: int,
    sequence: int,
    timestamp: int,
    timing: int,
    audio_level: int | None,
    payload: bytes,
) -> bytes:
    """One packet in the form that is forwarded: extensions at fixed offsets, per-subscriber fields zero.

    `timing` is the element of four bytes that tells when it is sent, or how long its picture is to be held.
    `audio_level` is the byte of RFC 6464 §3, or None for video: the two bytes are then padding.
    """
    level_lead = 0 if audio_level is None else EXTENSION_AUDIO_LEVEL << 4
    return (
        _CANONICAL.pack(
            0x90, marker << 7 | payload_type, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, 0, ONE_BYTE_PROFILE, 3,
            timing, level_lead, audio_level or 0,
        )
        + payload
    )  # fmt: skip


def constant_part(ssrc: int, mid: bytes) -> bytes:
    """Bytes 8 to 19 of a canonical packet: SSRC, extension header, the MID element and the lead of the last one.

    They never change for one subscription, so they are computed once. `mid` is always two characters.
    """
    if len(mid) != 2:
        raise ValueError("a mid of this server has two characters")
    lead = bytes((EXTENSION_MID << 4 | 1,))
    return struct.pack("!IHH", ssrc, ONE_BYTE_PROFILE, 3) + lead + mid + bytes((EXTENSION_TRANSPORT_CC << 4 | 1,))


def padding(
    payload_type: int, sequence: int, timestamp: int, constant: bytes, number: int, send_time: int, size: int
) -> bytes:
    """A canonical packet that is nothing but `size` bytes of padding, 1 to 255 (RFC 3550 §5.1)."""
    return (
        bytes((0xB0, payload_type))
        + PATCH.pack(sequence & 0xFFFF, timestamp & 0xFFFFFFFF, constant, number & 0xFFFF)
        + bytes((_SEND_TIME,))
        + send_time.to_bytes(3, "big")
        + bytes(size + 1)
        + bytes((size,))
    )


def retransmission(
    packet: bytes,
    payload_type: int,
    sequence: int,
    original: int,
    timestamp: int,
    constant: bytes,
    number: int,
    send_time: int,
) -> bytes:
    """A canonical packet as RTX (RFC 4588 §4): `original` is the number under which the subscriber missed it."""
    return (
        bytes((packet[0], packet[1] & 0x80 | payload_type))
        + PATCH.pack(sequence & 0xFFFF, timestamp & 0xFFFFFFFF, constant, number & 0xFFFF)
        + (packet[22:23] + send_time.to_bytes(3, "big") if packet[22] == _SEND_TIME else packet[22:26])
        + packet[26:PAYLOAD_AT]
        + _HALF.pack(original & 0xFFFF)
        + packet[PAYLOAD_AT:]
    )
