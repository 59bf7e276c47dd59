"""What must hold for the readers of single packets: STUN, RTP, RTCP, transport-cc, RED, keyframe detection."""

from __future__ import annotations

import binascii
import hashlib
import hmac
import struct

from aioice import stun as reference

from recorder import rtp as recorded
from recorder.errors import Malformed
from signaling.media.packets import keyframe, red, rtcp, rtp_header, stun, twcc

PASSWORD = "fuzzfuzzfuzzfuzzfuzzfuzz"
TICK = 0.000_25
"""Seconds of one step in transport-cc deltas."""


def check_stun(data: bytes) -> None:
    """Any bytes are read; what is read keeps its meaning when it is signed with a known password."""
    _check_request(data)
    # A CRC keeps mutated bytes from getting far: give them the one they need.
    if len(data) >= 28:
        body = data[:2] + struct.pack("!H", len(data) - 20) + data[4:-8]
        _check_request(body + struct.pack("!HHI", 0x8028, 4, binascii.crc32(body) ^ 0x5354554E))


def _check_request(data: bytes) -> None:
    request = stun.parse_binding_request(data)
    if request is None:
        return
    assert len(data) % 4 == 0
    assert request.local_ufrag.isascii()
    assert len(request.transaction) == 12
    assert not request.authentic(PASSWORD) or request.integrity == _signature(request.signed)
    head = request.signed + struct.pack("!HH", 0x0008, 20) + _signature(request.signed)
    whole = head[:2] + struct.pack("!H", len(head) - 20 + 8) + head[4:]
    again = stun.parse_binding_request(
        whole + struct.pack("!HHI", 0x8028, 4, binascii.crc32(whole) ^ 0x5354554E),
    )
    assert again is not None
    assert again.authentic(PASSWORD)
    assert (again.local_ufrag, again.use_candidate) == (request.local_ufrag, request.use_candidate)
    answer = reference.parse_message(
        stun.binding_success(request.transaction, stun.mapped_address("192.0.2.1", 1), PASSWORD)
    )
    assert answer.transaction_id == request.transaction
    assert answer.check_message_integrity(PASSWORD.encode())


def _signature(data: bytes) -> bytes:
    return hmac.digest(PASSWORD.encode(), data, hashlib.sha1)


def check_rtp(data: bytes) -> None:
    """Both readers of the RTP header agree, offsets lie inside, and a rebuilt packet reads the same."""
    try:
        header = rtp_header.parse(data)
    except ValueError:
        try:
            recorded.parse(data, 0.0)
        except Malformed:
            return
        raise AssertionError("the recorder takes what the media plane refuses") from None
    packet = recorded.parse(data, 0.0)
    payload = data[header.payload_start : header.payload_end]
    assert packet[:5] == (header.sequence, header.timestamp, header.ssrc, header.marker, payload)
    assert 12 <= header.payload_start <= header.payload_end <= len(data)
    assert header.extension_start <= header.extension_end <= header.payload_start
    elements = rtp_header.extensions(data, header)
    assert sum(map(len, elements.values())) <= header.extension_end - header.extension_start
    same = rtp_header.parse(rtp_header.replace_payload(data, header, header.payload_type, payload))
    assert same[:8] == header[:8]
    assert same.payload_end - same.payload_start == len(payload)
    restored = rtp_header.restore_retransmission(data, header, 96, 7)
    assert (restored is None) == (len(payload) < 2)
    if restored is not None:
        original = rtp_header.parse(restored)
        assert (original.ssrc, original.payload_type) == (7, 96)
        assert restored[original.payload_start : original.payload_end] == payload[2:]
    level = elements.get(1, b"")[:1]
    timing = rtp_header.send_time_element(6)
    built = rtp_header.canonical(header.marker, 96, header.sequence, 5, timing, level[0] if level else None, payload)
    canonical = rtp_header.parse(built)
    assert (canonical.payload_start, canonical.sequence) == (rtp_header.PAYLOAD_AT, header.sequence)
    assert built[canonical.payload_start : canonical.payload_end] == payload


def check_rtcp(data: bytes) -> None:
    """A compound falls into parts that fit into it; reports and NACKs written again read the same."""
    parts = list(rtcp.walk(data))
    assert sum(4 + len(part.body) for part in parts) <= len(data)
    for part in parts:
        ssrc, about = rtcp.sender_ssrc(part), rtcp.feedback_about(part)
        assert all(each is None or 0 <= each < 1 << 32 for each in (ssrc, about))
        numbers = rtcp.read_nack(part)
        assert len(numbers) <= rtcp.MAX_NACKED
        assert len(rtcp.read_fir(part)) <= rtcp.MAX_BLOCKS
        if numbers:
            (again,) = rtcp.walk(rtcp.nack(1, 2, sorted(set(numbers))))
            assert set(rtcp.read_nack(again)) == set(numbers)
        report = rtcp.read_sender_report(part)
        if report is not None:
            sender, description = rtcp.walk(rtcp.sender_report(report, "name"))
            assert rtcp.read_sender_report(sender) == report
            assert rtcp.sender_ssrc(description) == report.ssrc
        try:
            twcc.decode(part.body)
        except ValueError:
            pass


def check_twcc(data: bytes) -> None:
    """Feedback says no more than its count; written again it tells the same arrivals. A log's report stays small."""
    log = twcc.ArrivalLog()
    for index, at in enumerate(range(0, min(len(data), 4_000) - 1, 2)):
        log.add(int.from_bytes(data[at : at + 2], "big"), 1.0 + index * TICK)
    packet = log.report(1, 2)
    if packet is not None:
        assert len(packet) <= rtp_header.MAX_DATAGRAM - 40
        (part,) = rtcp.walk(packet)
        assert len(twcc.decode(part.body)[2]) <= twcc.MAX_REPORTED
    try:
        count, first, arrivals = twcc.decode(data)
    except ValueError:
        return
    assert len(arrivals) == int.from_bytes(data[10:12], "big") <= twcc.MAX_READ
    known = [arrival for arrival in arrivals if arrival is not None]
    if not known or min(known) < 1.0 or max(known) > 1_000_000:
        return
    (part,) = rtcp.walk(twcc.encode(1, 2, count, first, arrivals))
    again = twcc.decode(part.body)
    assert again[:2] == (count, first)
    assert [each is None for each in again[2]] == [each is None for each in arrivals]
    # Rounding moves a time by one step, and the next one where the step between them was the longest there is.
    assert all(abs(a - b) <= 2.5 * TICK for a, b in zip(again[2], arrivals, strict=True) if a is not None and b)


def check_red(data: bytes) -> None:
    """The primary block is the payload's end; with blocks put in front it is found again."""
    primary = red.primary_block(data)
    assert primary is None or data.endswith(primary)
    assert red.primary_block(b"\x6f" + data) == data
    old = data[: min(len(data), 1023)]
    assert red.primary_block(b"\xef\x0f" + struct.pack("!H", 0x3C00 & 0xFC00 | len(old)) + b"\x6f" + old + data) == data


def check_keyframe(data: bytes) -> None:
    """Any payload is looked at; only its first bytes and STAP-A lengths count."""
    assert keyframe.starts_keyframe("H264", data) in (True, False)
    assert keyframe.starts_keyframe("VP9", data) in (True, False)
    assert not keyframe.starts_keyframe("opus", data)
