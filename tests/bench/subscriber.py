"""A subscriber as a browser is one: counts what comes, sends the RTCP that Chromium sends. Many fit on one core."""

from __future__ import annotations

import re
import socket
import struct
import time
from collections.abc import Callable, Sequence
from typing import Final

from aioice import stun

from signaling.media.packets import rtcp
from signaling.media.packets.rtp_header import is_rtcp
from signaling.media.packets.twcc import ArrivalLog
from tests.media_client import MediaClient

FEEDBACK_EVERY: Final = 0.1
"""Seconds between two transport-cc reports: Chromium's default (50 to 250 ms, by the bit rate of the feedback)."""
REPORT_EVERY: Final = 10
"""A receiver report, a connectivity check and a NACK with each so many transport-cc reports: one a second."""
MISSED: Final = 3
"""How long ago, in packets, the one was that the NACK asks for."""
ROUND_TRIP: Final = 0.02
"""Seconds there and back that reports tell of, a line's: loopback has next to none, and Janus keeps packets for NACKs
only as long as that, so none at all below a millisecond."""
OWN_SSRC: Final = 1
SO_TIMESTAMPNS: Final = 35
"""Of asm-generic/socket.h: when a datagram came, as a control message with seconds and nanoseconds."""

_NUMBERS = struct.Struct("!xxHxxxxI")
_WIDE = struct.Struct("!H")
_TIME = struct.Struct("qq")


class Subscriber(MediaClient):
    """Counts by the clear RTP header: `packets` of the first video, none twice, and `frames` of all.

    It answers connectivity checks: our server is ICE-lite and makes none, others do.
    """

    def __init__(self, *, decrypt: bool = True) -> None:
        super().__init__(decrypt=decrypt)
        self.packets = 0
        self.frames = 0
        self.resent = 0
        """Packets of the retransmission stream, or that came again."""
        self.asked = 0
        """Packets that were asked for by NACK."""
        self.sender_reports = 0
        self.on_rtcp = self._read_rtcp
        self._media_ssrc = 0
        self._repairs: frozenset[int] = frozenset()
        self._last = -1
        self._wide_id = 0
        self._wide_at: int | None = None
        self._arrivals = ArrivalLog()
        self._rounds = 0
        self.came = 0.0
        """When the packet at hand came, by the kernel's clock: as browsers see it, whenever this program runs."""
        self._heard: tuple[int, float] | None = None
        """The middle bits of the last sender report's NTP time, and when it came (RFC 3550 §6.4.1)."""

    def read_transport(self, description: str) -> None:
        """Learn also which stream is the retransmissions', and where transport-wide numbers are."""
        super().read_transport(description)
        pairs = re.findall(r"a=ssrc-group:FID (\d+) (\d+)", description)
        single = re.search(r"a=ssrc:(\d+)", description)
        self._media_ssrc = int(pairs[0][0]) if pairs else int(single[1]) if single else 0
        self._repairs = frozenset(int(repair) for _, repair in pairs)
        extension = re.search(r"a=extmap:(\d+)\S* \S*transport-wide-cc", description)
        self._wide_id = int(extension[1]) if extension else 0

    def _open(self) -> socket.socket:
        sock = super()._open()
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        return sock

    # --- what comes -----------------------------------------------------------------------------------------------

    def _readable(self) -> None:
        views = [self._inbound.view]
        for _ in range(64):
            try:
                size, stamps, _, _ = self._socket.recvmsg_into(views, 64)
            except BlockingIOError:
                return
            seconds, nanoseconds = _TIME.unpack(stamps[0][2])
            self.came = seconds + nanoseconds / 1e9
            self._datagram(size)

    def _datagram(self, size: int) -> None:
        view = self._inbound.view
        first, second = view[0], view[1]
        if 128 <= first <= 191:
            if not is_rtcp(second):
                self._count(second)
            elif self.keys is not None and not self.decrypt:
                self._secured(size)
            super()._datagram(size)
        elif first == 0 and second == 1:
            self._answer_check(bytes(view[:size]))
        else:
            super()._datagram(size)

    def _count(self, second: int) -> None:
        view = self._inbound.view
        number, ssrc = _NUMBERS.unpack_from(view)
        if ssrc in self._repairs:
            self.resent += 1
        elif ssrc != self._media_ssrc:
            self.frames += second >> 7
        elif 0 < (number - self._last & 0xFFFF) < 0x8000 or self._last < 0:
            self._last = number
            self.packets += 1
            self.frames += second >> 7
        else:
            self.resent += 1
        if self._wide_id:
            at = self._wide_at
            # The layout of one sender's extensions hardly changes: look where it was the last time.
            if at is None or view[at - 1] != self._wide_id << 4 | 1:
                at = self._wide_at = self._find_wide()
            if at is not None:
                self._arrivals.add(_WIDE.unpack_from(view, at)[0], self.came)

    def _find_wide(self) -> int | None:
        """Where the transport-wide number is (one-byte elements, RFC 8285 §4.2)."""
        view = self._inbound.view
        at = 12 + 4 * (view[0] & 15)
        if not view[0] & 0x10:
            return None
        end = at + 4 + 4 * int.from_bytes(view[at + 2 : at + 4], "big")
        at += 4
        while at < end:
            if view[at] == 0:
                at += 1
            elif view[at] >> 4 == self._wide_id:
                return at + 1
            else:
                at += 2 + (view[at] & 15)
        return None

    def _read_rtcp(self, data: bytes) -> None:
        for part in rtcp.walk(data):
            report = rtcp.read_sender_report(part) if part.kind == rtcp.SENDER_REPORT else None
            if report is not None:
                self.sender_reports += 1
                self._heard = report.ntp >> 16 & 0xFFFFFFFF, time.monotonic()

    def _answer_check(self, request: bytes) -> None:
        """RFC 8445 §7.3; that the request is authentic is taken for granted here."""
        if not self.remote[0]:  # before the server's description is read; it will ask again
            return
        response = stun.Message(
            message_method=stun.Method.BINDING,
            message_class=stun.Class.RESPONSE,
            transaction_id=request[8:20],
        )
        response.attributes["XOR-MAPPED-ADDRESS"] = self.remote
        response.add_message_integrity(self.password.encode())
        response.add_fingerprint()
        self.send(bytes(response))

    # --- what goes ------------------------------------------------------------------------------------------------

    def feedback(self) -> None:
        """What is due every FEEDBACK_EVERY."""
        if self.keys is None:
            return
        report = self._arrivals.report(OWN_SSRC, self._media_ssrc)
        if report is not None:
            self.send_secured(report)
        self._rounds += 1
        if self._rounds % REPORT_EVERY:
            return
        self.check()
        heard, at = self._heard or (0, 0.0)
        delay = int(max(0.0, time.monotonic() - at - ROUND_TRIP) * 65_536) if heard else 0
        block = rtcp.ReportBlock(self._media_ssrc, 0, 0, max(0, self._last), 90, heard, delay)
        compound = rtcp.receiver_report(OWN_SSRC, [block], "subscriber")
        if self._last >= MISSED:
            # It did arrive: what counts is that the server looks for it, seals it and sends it again.
            self.asked += 1
            compound += rtcp.nack(OWN_SSRC, self._media_ssrc, [self._last - MISSED])
        self.send_secured(compound)


class Rota:
    """Gives each of many its turn once in `every` seconds, evenly spread. Call `due` often."""

    def __init__(self, turns: Sequence[Callable[[], None]], every: float, now: float) -> None:
        self._turns = turns
        self._every = every
        self._next = 0
        self._at = now

    def due(self, now: float) -> float:
        """Let those take their turn for whom it is time; seconds until the next one."""
        if not self._turns:
            self._at = now + self._every
        elif now - self._at > self._every:
            self._at = now  # far behind: what was missed is not made up for in one go
        while self._at <= now:
            self._turns[self._next % len(self._turns)]()
            self._next += 1
            self._at += self._every / len(self._turns)
        return self._at - now
