"""RTCP bytes against aiortc's own, transport-cc feedback, and the figures of reports."""

from __future__ import annotations

import struct

import pytest
from aiortc.rtp import (
    RtcpByePacket,
    RtcpPacket,
    RtcpPsfbPacket,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSdesPacket,
    RtcpSrPacket,
)
from hypothesis import given
from hypothesis import strategies as st

from signaling.media.packets import rtcp, twcc
from signaling.media.policy.reports import MAX_CLOCK_AGE, ReceiverStatistics, SenderClock, rewritten


def test_what_the_server_sends_is_what_aiortc_reads() -> None:
    block = rtcp.ReportBlock(7, 64, -3, 70_000, 12, 0x11223344, 65_536)
    data = rtcp.receiver_report(1, [block], "cname") + rtcp.pli(1, 7)
    data += rtcp.sender_report(rtcp.SenderReport(9, 5 << 32, 960, 2**32 + 5, 10), "odd")
    data += rtcp.nack(1, 7, [65_534, 65_535, 0, 40])
    report, name, pli, sent, other, nack = RtcpPacket.parse(data)
    assert isinstance(report, RtcpRrPacket)
    read = report.reports[0]
    assert (read.ssrc, read.fraction_lost, read.packets_lost) == (7, 64, -3)
    assert (read.highest_sequence, read.jitter, read.lsr, read.dlsr) == (70_000, 12, 0x11223344, 65_536)
    assert isinstance(name, RtcpSdesPacket)
    assert name.chunks[0].items == [(1, b"cname")]
    assert isinstance(pli, RtcpPsfbPacket)
    assert (pli.fmt, pli.ssrc, pli.media_ssrc) == (1, 1, 7)
    assert isinstance(sent, RtcpSrPacket)
    assert (sent.sender_info.ntp_timestamp, sent.sender_info.packet_count) == (5 << 32, 5)
    assert isinstance(other, RtcpSdesPacket)
    assert isinstance(nack, RtcpRtpfbPacket)
    assert [number & 0xFFFF for number in nack.lost] == [65_534, 65_535, 0, 40]


def test_what_aiortc_sends_is_read() -> None:
    data = bytes(RtcpByePacket([1])) + bytes(RtcpRtpfbPacket(rtcp.NACK, 1, 7, [10, 11, 30]))
    data += bytes(RtcpPsfbPacket(rtcp.FIR, 1, 0, struct.pack("!IIII", 7, 0, 8, 0)))
    bye, nack, fir = rtcp.walk(data)
    assert (bye.kind, nack.kind, fir.kind) == (rtcp.BYE, rtcp.TRANSPORT_FEEDBACK, rtcp.PAYLOAD_FEEDBACK)
    assert (rtcp.feedback_about(nack), rtcp.read_nack(nack)) == (7, [10, 11, 30])
    assert rtcp.read_fir(fir) == [7, 8]


@given(st.binary(max_size=200))
def test_any_bytes_are_walked_without_an_error(data: bytes) -> None:
    for part in rtcp.walk(data):
        rtcp.sender_ssrc(part)
        rtcp.read_sender_report(part)
        rtcp.feedback_about(part)
        assert len(rtcp.read_nack(part)) <= rtcp.MAX_NACKED
        rtcp.read_fir(part)


@given(st.lists(st.integers(0, 400), min_size=1, max_size=60, unique=True), st.integers(0, 0xFFFF))
def test_a_nack_names_exactly_what_is_lost(distances: list[int], start: int) -> None:
    lost = [(start + distance) & 0xFFFF for distance in sorted(distances)]
    (part,) = rtcp.walk(rtcp.nack(1, 2, lost))
    assert rtcp.read_nack(part) == lost


@given(
    st.lists(st.one_of(st.none(), st.integers(0, 200_000)), min_size=1, max_size=120).filter(
        lambda each: each[0] is not None and each[-1] is not None
    ),
    st.integers(0, 0xFFFF),
)
def test_transport_feedback_tells_each_arrival_to_a_quarter_millisecond(gaps: list[int | None], first: int) -> None:
    now, arrivals = 1000.0, []
    for gap in gaps:
        now += (gap or 0) / 1e6
        arrivals.append(None if gap is None else now)
    (part,) = rtcp.walk(twcc.encode(1, 2, 250, first, arrivals))
    assert (part.kind, part.format) == (rtcp.TRANSPORT_FEEDBACK, rtcp.TRANSPORT_CC)
    count, begin, told = twcc.decode(part.body)
    assert (count, begin) == (250, first)
    assert [each is None for each in told] == [each is None for each in arrivals]
    for said, true in zip(told, arrivals, strict=True):
        if said is not None and true is not None:
            assert said == pytest.approx(true, abs=0.0003)


@given(st.binary(max_size=120))
def test_any_feedback_is_decoded_or_a_value_error(body: bytes) -> None:
    try:
        twcc.decode(body)
    except ValueError:
        return


def reported(log: twcc.ArrivalLog) -> tuple[int, list[bool]]:
    """First number and who arrived, of the next report."""
    packet = log.report(1, 2)
    assert packet is not None
    (part,) = rtcp.walk(packet)
    _, first, arrivals = twcc.decode(part.body)
    return first, [arrival is not None for arrival in arrivals]


def test_arrivals_are_reported_once_with_holes_and_late_ones_again() -> None:
    log = twcc.ArrivalLog()
    assert log.report(1, 2) is None
    for number in (65_534, 65_535, 1):
        log.add(number, 10.0)
    assert reported(log) == (65_534, [True, True, False, True])
    assert log.report(1, 2) is None
    log.add(3, 10.05)
    assert reported(log) == (2, [False, True])
    log.add(0, 10.06)
    log.add(4, 10.07)
    first, arrived = reported(log)
    assert (first, arrived) == (0, [True, True, False, True, True]), "what was told already is not told as missing"
    log.add(65_000, 10.1)
    assert log.report(1, 2) is None, "too late to matter"


def test_a_jump_of_transport_numbers_is_bounded() -> None:
    log = twcc.ArrivalLog()
    log.add(0, 1.0)
    log.add(30_000, 1.1)
    first, arrived = reported(log)
    assert len(arrived) == twcc.MAX_REPORTED
    assert first == 30_001 - twcc.MAX_REPORTED


def test_receiver_statistics_count_loss_per_interval_and_in_all() -> None:
    statistics = ReceiverStatistics(90_000)
    for number in (100, 101, 103, 104):
        statistics.add(number, number * 3000, number / 30)
    block = statistics.block(5, None, 10.0)
    assert (block.fraction_lost, block.cumulative_lost, block.highest) == (256 // 5, 1, 104)
    statistics.add(102, 102 * 3000, 3.5)
    statistics.add(105, 105 * 3000, 3.5)
    block = statistics.block(5, SenderClock(0x1_2345_6789_ABCD, 0, 9.0, 90_000), 10.0)
    assert (block.fraction_lost, block.cumulative_lost) == (0, 0)
    assert (block.last_report, block.delay) == (0x2345_6789, 65_536)


def test_jitter_settles_at_the_variation_of_the_transit_time() -> None:
    statistics = ReceiverStatistics(90_000)
    for number in range(400):
        statistics.add(number, number * 3000, number / 30 + (0.010 if number % 2 else 0.0))
    assert statistics.block(1, None, 20.0).jitter == pytest.approx(900, rel=0.02)


def test_the_senders_clock_is_carried_on_and_expires() -> None:
    clock = SenderClock(ntp=10 << 32, rtp=2**32 - 4800, arrival=100.0, rate=48_000)
    instant = clock.at(100.5)
    assert instant == ((10 << 32) + 2**31, 24_000 - 4800)
    assert clock.at(100.0 + MAX_CLOCK_AGE + 1) is None
    assert rewritten((7, 2**32 - 1), 9, 2, 3, 4) == (9, 7, 1, 3, 4)
    assert rewritten((2**64 - 2**32, 5), 9, 2, 3, 4, behind=1.5) == (9, 2**31, 7, 3, 4)
