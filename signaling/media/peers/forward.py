"""The forwarding loop: one canonical packet in, one protected copy per subscriber out. Written for speed."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Final

from signaling.media.counters import Counters
from signaling.media.packets.rtp_header import PATCH, PATCH_START, PAYLOAD_AT
from signaling.media.transport.batch import Outbox
from signaling.media.transport.dtls import protect
from signaling.media.transport.mux import Path
from signaling.media.transport.sealed import send_sealed

SENT_RING: Final = 4096
"""Packets remembered per subscriber, by transport-wide number. A power of two; 4 s at 1,000 packets a second."""

Stamp = tuple[float, int]
"""When a packet left, and its bytes before protection. One for all copies of a packet: nothing is made per copy."""
NEVER: Final[Stamp] = (0.0, 0)


class Egress:
    """What all streams to one subscriber share: its keys, its path, its transport-wide count.

    `sent[number % SENT_RING]` is that packet's stamp; bandwidth estimation reads it against the feedback.
    """

    __slots__ = ("number", "path", "sent", "session")

    def __init__(self, session: Any, path: Path) -> None:
        self.session = session
        self.path = path
        self.number = 0
        self.sent = [NEVER] * SENT_RING

    def next_number(self, stamp: Stamp) -> int:
        """Number and note one packet outside the loop."""
        number = self.number
        self.number = number + 1
        self.sent[number & (SENT_RING - 1)] = stamp
        return number & 0xFFFF


Row = tuple[Egress, Any, int, int, int, bytes]
"""One subscriber of a fan: egress, SRTP session, socket address, sequence offset, timestamp offset, constant part.

Plain values, looked up once when they change and not once a packet.
"""


class FanOut:
    """The subscribers of one form of one publication."""

    def __init__(self, outbox: Outbox, counters: Counters, *, droppable: bool) -> None:
        self._outbox = outbox
        self._counters = counters
        self._droppable = droppable
        self._members: dict[Hashable, tuple[Egress, int, int, bytes]] = {}
        self._udp: list[Row] = []
        self._tcp: list[Row] = []
        self.packets = 0
        self.octets = 0
        """Payload bytes forwarded (RFC 3550 §6.4.1), the same for every subscriber that was there all the time."""

    def __len__(self) -> int:
        return len(self._members)

    def put(self, member: Hashable, egress: Egress, shift: int, offset: int, constant: bytes) -> None:
        """Send to this subscriber from now on: numbers plus `shift`, timestamps plus `offset`."""
        self._members[member] = (egress, shift, offset, constant)
        self._arrange()

    def remove(self, member: Hashable) -> None:
        """Send no more to this subscriber."""
        if self._members.pop(member, None) is not None:
            self._arrange()

    def _arrange(self) -> None:
        rows = [
            (egress, egress.session, egress.path.pointer, shift, offset, constant)
            for egress, shift, offset, constant in self._members.values()
        ]
        self._udp = [row for row in rows if row[0].path.connection is None]
        self._tcp = [row for row in rows if row[0].path.connection is not None]

    def forward(self, packet: bytes, number: int, timestamp: int, now: float) -> None:
        """Send one canonical packet to all. Flushing is left to the end of the batch it came in."""
        size = len(packet)
        self.packets += 1
        self.octets += size - PAYLOAD_AT
        outbox = self._outbox
        names = outbox.names
        patch = PATCH.pack_into
        last = SENT_RING - 1
        stamp = now, size
        rows = self._udp
        done, total = 0, len(rows)
        while done < total:
            begin = outbox.used
            room = min(outbox.count - begin, total - done)
            if not room:
                outbox.flush()
                continue
            word = begin * 8
            for (egress, session, pointer, shift, offset, constant), (view, buffer, length) in zip(
                rows if room == total else rows[done : done + room], outbox.slots[begin : begin + room], strict=True
            ):
                count = egress.number
                egress.number = count + 1
                egress.sent[count & last] = stamp
                view[:size] = packet
                patch(
                    view,
                    PATCH_START,
                    number + shift & 0xFFFF,
                    timestamp + offset & 0xFFFFFFFF,
                    constant,
                    count & 0xFFFF,
                )
                length[0] = size
                # A packet that cannot be protected goes nowhere: without a name the kernel refuses it.
                names[word] = 0 if protect(session, buffer, length) else pointer
                word += 8
            outbox.used = begin + room
            done += room
        if self._tcp:
            self._forward_tcp(packet, number, timestamp, stamp)
        self._counters.add("packets_out", total + len(self._tcp))
        self._counters.add("bytes_out", (total + len(self._tcp)) * size)

    def _forward_tcp(self, packet: bytes, number: int, timestamp: int, stamp: Stamp) -> None:
        for egress, _, _, shift, offset, constant in self._tcp:
            copy = bytearray(packet)
            count = egress.next_number(stamp)
            PATCH.pack_into(
                copy, PATCH_START, number + shift & 0xFFFF, timestamp + offset & 0xFFFFFFFF, constant, count
            )
            send_sealed(self._outbox, egress.path, egress.session, protect, copy, droppable=self._droppable)
