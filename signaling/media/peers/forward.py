"""The forwarding loop: canonical packets in, one protected copy of each per subscriber out. Written for speed."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import Any, Final

from signaling.media.counters import Counters
from signaling.media.packets.rtp_header import PATCH, PATCH_START, PAYLOAD_AT
from signaling.media.transport.batch import Outbox
from signaling.media.transport.dtls import SrtpKeys, protect
from signaling.media.transport.mux import Path
from signaling.media.transport.sealed import send_sealed

SENT_RING: Final = 4096
"""Packets remembered per subscriber, by transport-wide number. A power of two; 4 s at 1,000 packets a second."""

MAX_BURST: Final = 32
"""Packets that wait for the end of a batch at most."""

Stamp = tuple[float, int, str, int]
"""When a packet left, its bytes on the wire, and where it can be had again: publication and number there ("", 0: it
cannot). One for all copies of a packet: nothing is made per copy. Of plain values alone, so that the garbage collector
passes over the thousands that are kept for each subscriber."""
NEVER: Final[Stamp] = (0.0, 0, "", 0)
WIRE: Final = 16 + 8 + 20
"""Bytes that protection (RFC 7714 §5.1), UDP and IPv4 add to each packet."""


class Egress:
    """What all streams to one subscriber share: its keys, its path, its transport-wide count.

    `sent[number % SENT_RING]` is that packet's stamp; bandwidth estimation reads it against the feedback.
    """

    __slots__ = ("keys", "number", "path", "sent", "session")

    def __init__(self, keys: SrtpKeys, path: Path) -> None:
        self.keys = keys
        """Held, since `session` is a bare pointer into it."""
        self.session = keys.outbound
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


Burst = list[tuple[bytes, int, int, int, Stamp]]
"""Packets that wait to be sent together: packet, its size, number, timestamp, stamp."""


def _same_size(burst: Burst, limit: int) -> Iterator[Burst]:
    """The burst in pieces of at most `limit` packets of the same size, of which the last may be smaller."""
    run = burst[:1]
    for each in burst[1:]:
        size = run[0][1]
        if each[1] > size or run[-1][1] < size or len(run) == limit:
            yield run
            run = []
        run.append(each)
    yield run


class FanOut:
    """The subscribers of one form of one publication.

    What is forwarded within one batch of the port waits for the end of it: the packets of a picture come together, and
    together they cost each subscriber one message to the kernel.
    """

    def __init__(self, publication: str, outbox: Outbox, counters: Counters, *, droppable: bool) -> None:
        self._publication = publication
        self._outbox = outbox
        self._counters = counters
        self._droppable = droppable
        self.members: dict[Hashable, tuple[Egress, int, int, bytes]] = {}
        """Who is sent to: egress, shift, offset, constant part."""
        self._again: dict[Hashable, Callable[[Burst], None]] = {}
        self._udp: list[Row] = []
        self._tcp: list[Row] = []
        self._paths: list[Path] = []
        """Those of the rows, whose addresses are in use until the next arrangement."""
        self._burst: Burst = []
        self.packets = 0
        self.octets = 0
        """Payload bytes forwarded (RFC 3550 §6.4.1), the same for every subscriber that was there all the time."""

    def put(
        self,
        member: Hashable,
        egress: Egress,
        shift: int,
        offset: int,
        constant: bytes,
        again: Callable[[Burst], None] | None = None,
    ) -> None:
        """Send to this subscriber from now on: numbers plus `shift`, timestamps plus `offset`.

        `again` is called with what was sent, for copies.
        """
        self._send_burst()
        self.members[member] = (egress, shift, offset, constant)
        self._again.pop(member, None)
        if again is not None:
            self._again[member] = again
        self._arrange()

    def remove(self, member: Hashable) -> None:
        """Send no more to this subscriber."""
        if member in self.members:
            self._send_burst()
            del self.members[member]
            self._again.pop(member, None)
            self._arrange()

    def _arrange(self) -> None:
        rows = [
            (egress, egress.session, egress.path.pointer, shift, offset, constant)
            for egress, shift, offset, constant in self.members.values()
        ]
        self._paths = [row[0].path for row in rows]
        self._udp = [row for row in rows if row[0].path.connection is None]
        self._tcp = [row for row in rows if row[0].path.connection is not None]

    def forward(self, packet: bytes, number: int, timestamp: int, now: float) -> None:
        """Send one canonical packet to all at the end of the batch it came in, or when a burst is complete."""
        size = len(packet)
        self.packets += 1
        self.octets += size - PAYLOAD_AT
        burst = self._burst
        if not burst:
            self._outbox.defer(self._send_burst)
        burst.append((packet, size, number, timestamp, (now, size + WIRE, self._publication, number)))
        if len(burst) == MAX_BURST:
            self._send_burst()

    def _send_burst(self) -> None:
        burst = self._burst
        if not burst:
            return
        self._burst = []
        for run in _same_size(burst, self._outbox.longest_run) if self._udp else ():
            self._send_run(run)
        if self._tcp:
            self._send_tcp(burst)
        for again in self._again.values():
            again(burst)
        members = len(self.members)
        self._counters.add("packets_out", members * len(burst))
        self._counters.add("bytes_out", members * sum(size for _, size, _, _, _ in burst))

    def _send_run(self, run: Burst) -> None:
        outbox = self._outbox
        patch = PATCH.pack_into
        last = SENT_RING - 1
        each = len(run)
        rows = self._udp
        done = 0
        while done < len(rows):
            begin = outbox.used
            room = (outbox.count - begin) // each
            if not room:
                outbox.send()
                continue
            slots = iter(outbox.slots[begin:])
            for egress, session, pointer, shift, offset, constant in rows[done : done + room]:
                count = egress.number
                egress.number = count + each
                sent = egress.sent
                refused = 0
                # The run is the first of the two: when it ends, no slot is lost.
                for (packet, size, number, timestamp, stamp), (view, buffer, length) in zip(run, slots):  # noqa: B905
                    sent[count & last] = stamp
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
                    refused |= protect(session, buffer, length)
                    count += 1
                # What cannot be protected goes nowhere: the kernel refuses a message without an address.
                outbox.address(0 if refused else pointer, begin, each)
                begin += each
            done += room

    def _send_tcp(self, burst: Burst) -> None:
        for egress, session, _, shift, offset, constant in self._tcp:
            for packet, _, number, timestamp, stamp in burst:
                copy = bytearray(packet)
                count = egress.next_number(stamp)
                PATCH.pack_into(
                    copy, PATCH_START, number + shift & 0xFFFF, timestamp + offset & 0xFFFFFFFF, constant, count
                )
                send_sealed(self._outbox, egress.path, session, protect, copy, droppable=self._droppable)
