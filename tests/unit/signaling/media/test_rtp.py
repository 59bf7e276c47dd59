"""RTP bytes: headers in and out, retransmissions, redundant audio, keyframes, numbering, history."""

from __future__ import annotations

import struct

import pytest
from aiortc.rtp import HeaderExtensionsMap, RtpPacket, wrap_rtx
from hypothesis import given
from hypothesis import strategies as st

from signaling.media.packets import rtp_header
from signaling.media.packets.history import History
from signaling.media.packets.keyframe import starts_keyframe
from signaling.media.packets.red import primary_block
from signaling.media.packets.sequence import extend

SIXTEEN = st.integers(0, 0xFFFF)


@given(st.binary(max_size=80))
def test_any_bytes_are_a_packet_or_a_value_error(data: bytes) -> None:
    try:
        header = rtp_header.parse(data)
    except ValueError:
        return
    assert 12 <= header.payload_start <= header.payload_end <= len(data)
    assert all(len(value) <= len(data) for value in rtp_header.extensions(data, header).values())


@given(st.binary(max_size=60), SIXTEEN, st.booleans(), st.integers(0, 40))
def test_headers_are_read_as_aiortc_writes_them(payload: bytes, sequence: int, marker: bool, padding: int) -> None:
    packet = RtpPacket(96, int(marker), sequence, 123_456, 0xDEADBEEF, payload)
    packet.csrc = [1, 2]
    packet.padding_size = padding
    data = packet.serialize(HeaderExtensionsMap())
    header = rtp_header.parse(data)
    assert (header.payload_type, header.marker, header.sequence, header.timestamp, header.ssrc) == (
        96, marker, sequence, 123_456, 0xDEADBEEF,
    )  # fmt: skip
    assert data[header.payload_start : header.payload_end] == payload


def test_header_extensions_of_both_lengths_and_of_none() -> None:
    one = struct.pack("!BBHIIHH", 0x90, 96, 1, 2, 3, 0xBEDE, 2) + b"\x10\x41\x00\x31\x01\x02\x00\x00" + b"media"
    header = rtp_header.parse(one)
    assert rtp_header.extensions(one, header) == {1: b"A", 3: b"\x01\x02"}
    two = struct.pack("!BBHIIHH", 0x90, 96, 1, 2, 3, 0x1000, 2) + b"\x10\x03abc\x00\x00\x00" + b"media"
    assert rtp_header.extensions(two, rtp_header.parse(two)) == {16: b"abc"}
    plain = struct.pack("!BBHII", 0x80, 96, 1, 2, 3) + b"media"
    assert rtp_header.extensions(plain, rtp_header.parse(plain)) == {}


def test_the_canonical_packet_patched_for_a_subscriber_is_what_its_offer_says() -> None:
    packet = bytearray(rtp_header.canonical(True, 111, 70_000, 960, rtp_header.send_time_element(4.5), 0x85, b"sound"))
    constant = rtp_header.constant_part(0xCAFEBABE, b"07")
    rtp_header.PATCH.pack_into(packet, rtp_header.PATCH_START, 4711, 961, constant, 0xABCD)
    data = bytes(packet)
    header = rtp_header.parse(data)
    assert (header.marker, header.payload_type, header.sequence, header.timestamp, header.ssrc) == (
        True, 111, 4711, 961, 0xCAFEBABE,
    )  # fmt: skip
    assert header.payload_start == rtp_header.PAYLOAD_AT
    assert rtp_header.extensions(data, header) == {1: b"07", 2: b"\x12\x00\x00", 3: b"\xab\xcd", 4: b"\x85"}
    assert data[header.payload_start :] == b"sound"
    picture = rtp_header.canonical(False, 96, 1, 0, rtp_header.send_time_element(0), None, b"picture")
    assert 4 not in rtp_header.extensions(*_parsed(picture))


def _parsed(data: bytes) -> tuple[bytes, rtp_header.RtpHeader]:
    return data, rtp_header.parse(data)


def test_a_mid_of_another_length_cannot_be_patched_in() -> None:
    with pytest.raises(ValueError, match="two characters"):
        rtp_header.constant_part(1, b"123")


def test_a_retransmission_carries_the_number_that_was_missed() -> None:
    packet = rtp_header.canonical(True, 96, 5, 3000, rtp_header.send_time_element(1), None, b"picture")
    data = rtp_header.retransmission(packet, 97, 9, 0x1234, 3000, rtp_header.constant_part(77, b"01"), 600, 0x0A0B0C)
    header = rtp_header.parse(data)
    assert (header.marker, header.payload_type, header.sequence, header.ssrc) == (True, 97, 9, 77)
    assert rtp_header.extensions(data, header) == {1: b"01", 2: b"\x0a\x0b\x0c", 3: b"\x02\x58"}
    assert data[header.payload_start :] == b"\x12\x34picture"


def test_a_picture_that_is_to_be_held_says_so_also_when_it_is_sent_again() -> None:
    packet = rtp_header.canonical(False, 96, 5, 3000, rtp_header.playout_delay_element(1.35), None, b"picture")
    repaired = rtp_header.retransmission(packet, 97, 9, 7, 3000, rtp_header.constant_part(77, b"01"), 600, 0x0A0B0C)
    for each in (packet, repaired):
        found = rtp_header.extensions(*_parsed(each))
        limits = int.from_bytes(found[rtp_header.EXTENSION_PLAYOUT_DELAY], "big")
        assert (limits >> 12, limits & 0xFFF) == (135, 1_000)  # in 10 ms
        assert rtp_header.EXTENSION_ABS_SEND_TIME not in found


def test_a_publishers_retransmission_is_restored_to_its_original_form() -> None:
    original = RtpPacket(102, 1, 65_535, 9000, 11, b"picture")
    repair = wrap_rtx(original, payload_type=103, sequence_number=1, ssrc=12)
    repair.padding_size = 7
    data = repair.serialize(HeaderExtensionsMap())
    assert rtp_header.restore_retransmission(data, rtp_header.parse(data), 102, 11) == original.serialize()
    probe = RtpPacket(103, 0, 2, 9000, 12, b"")
    probe.padding_size = 200
    data = probe.serialize(HeaderExtensionsMap())
    assert rtp_header.restore_retransmission(data, rtp_header.parse(data), 102, 11) is None


def test_abs_send_time_counts_seconds_in_six_and_eighteen_bits() -> None:
    assert rtp_header.abs_send_time(1.5) == 0x060000
    assert rtp_header.abs_send_time(64.0) == 0


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b"\x6fopus", b"opus"),
        (struct.pack("!BHB", 0xEF, 960 << 2, 3) + b"\x6foldnew", b"new"),
        (struct.pack("!BHB", 0xEF, 960 << 2, 3) * 2 + b"\x6foldoldnew", b"new"),
        (b"\x6f", b""),
        (struct.pack("!BHB", 0xEF, 0, 9) + b"\x6fshort", None),
        (b"\xef\x00", None),
        (b"", None),
    ],
)
def test_the_primary_block_of_redundant_audio(payload: bytes, expected: bytes | None) -> None:
    assert primary_block(payload) == expected


@pytest.mark.parametrize(
    ("codec", "payload", "expected"),
    [
        ("H264", b"\x67\x42", True),
        ("H264", b"\x65\x88", True),
        ("H264", b"\x41\x9a", False),
        ("H264", b"\x78\x00\x02\x67\x42\x00\x02\x68\xce", True),
        ("H264", b"\x78\x00\x02\x06\x05\x00\x02\x41\x9a", False),
        ("H264", b"\x7c\x85", True),
        ("H264", b"\x7c\x05", False),
        ("H264", b"", False),
        ("H264", b"\x78\x00", False),
        ("VP9", b"\x08keyframe", True),
        ("VP9", b"\x48inter", False),
        ("VP9", b"\x00middle", False),
        ("VP9", b"\xa8\x81\x23\x00base", True),
        ("VP9", b"\xa8\x81\x23\x02upper layer", False),
        ("VP9", b"\xa8", False),
        ("VP9", b"", False),
        ("opus", b"\x67", False),
    ],
)
def test_where_a_keyframe_begins(codec: str, payload: bytes, expected: bool) -> None:
    assert starts_keyframe(codec, payload) is expected  # type: ignore[arg-type]


@given(st.integers(70_000, 2**40), st.integers(-30_000, 30_000))
def test_a_number_is_extended_to_the_nearest_count(reference: int, distance: int) -> None:
    assert extend((reference + distance) & 0xFFFF, reference) == reference + distance


def test_the_history_finds_what_is_recent_and_refuses_doubles() -> None:
    history = History(8)
    for number in range(65_530, 65_545):
        assert history.store(number, b"%d" % number)
    assert history.find(65_544 & 0xFFFF) == b"65544"
    assert history.find(65_537 & 0xFFFF) == b"65537"
    assert history.find(65_536 & 0xFFFF) is None, "pushed out"
    assert history.find(65_545 & 0xFFFF) is None, "not come yet"
    assert not history.store(65_544, b"again")
    assert not history.store(65_530, b"too late")
    assert history.find(65_544 & 0xFFFF) == b"65544"


@given(st.lists(st.integers(0, 60), max_size=60), SIXTEEN)
def test_the_history_never_gives_out_another_number(numbers: list[int], start: int) -> None:
    history = History(16)
    for number in numbers:
        history.store(start + number, b"%d" % (start + number))
    for number in range(80):
        found = history.find((start + number) & 0xFFFF)
        assert found in (None, b"%d" % (start + number))
