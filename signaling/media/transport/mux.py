"""The one port of a worker: every datagram is read here, told apart (RFC 7983), and given to the peer it belongs to."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Final

from signaling.media.config import MediaConfig
from signaling.media.counters import Counters
from signaling.media.packets import stun
from signaling.media.packets.rtp_header import MAX_DATAGRAM, is_rtcp
from signaling.media.policy.limits import Allowances, Strangers
from signaling.media.policy.line_check import LineCheck
from signaling.media.policy.waiting import Waiting
from signaling.media.transport import address
from signaling.media.transport.batch import Inbox, Outbox, Slot
from signaling.media.transport.directory import Directory, Key, MuxPeer, Path, Way
from signaling.media.transport.dtls import Scratch
from signaling.media.transport.steering import can_wait, second_socket
from signaling.media.transport.tcp import TcpConnection

__all__ = ["Mux", "MuxPeer", "Path"]

INBOX: Final = 32
OUTBOX: Final = 512
ROUNDS: Final = 4
"""Batches read before the event loop gets its turn."""
READ_PATIENT_EVERY: Final = 0.02
"""Seconds between two looks at what can wait; made when the process is awake anyway, or at the next tick."""
SOCKET_BUFFER: Final = 4 << 20
ATTEMPTS: Final = 20
"""Ports tried when any free one will do."""
UNCLAIMED_TCP: Final = 10.0
"""Seconds a TCP connection has to bring its first authentic check."""
BEGINNING: Final = 128
"""TCP connections without such a check, and DTLS handshakes, that one network address may have under way. Thirty people
behind one NAT begin 60 handshakes when they all come back at once."""
SEARCHES: Final = 200
"""Reports a second from addresses that are nobody's that are held against keys, a dozen at most for each."""
DTLS_RECORDS: Final = (20.0, 64)
"""DTLS datagrams a second and at once for one peer: a handshake has a dozen, and after it only the good-bye comes."""


class Batch:
    """The context in which datagrams are collected; entered again inside itself, it ends with the outermost.

    A class, since it is entered with each wake-up: a generator's context costs five times as much.
    """

    __slots__ = ("_outbox", "depth")

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self.depth = 0

    def __enter__(self) -> None:
        self.depth += 1

    def __exit__(self, *_: object) -> None:
        self.depth -= 1
        if not self.depth:
            self._outbox.flush()


class Mux:
    """Owns the sockets. Whatever comes in, however malformed, nothing raised by it ends the reader."""

    def __init__(self, config: MediaConfig, counters: Counters, clock: Callable[[], float]) -> None:
        self._config = config
        self._counters = counters
        self._clock = clock
        self._sock: socket.socket | None = None
        self._patient: socket.socket | None = None
        """Where the kernel puts what can wait."""
        self._patient_due = 0.0
        self._tcp_server: asyncio.Server | None = None
        self._directory = Directory()
        self._strangers = Strangers()
        self._searched_in, self._searches = 0, 0
        """The second, and how many reports from nowhere were looked at in it."""
        self._unclaimed: Waiting[TcpConnection] = Waiting(BEGINNING, config.max_handshakes)
        self._claimed: set[TcpConnection] = set()
        self._handshakes: Waiting[MuxPeer] = Waiting(BEGINNING, config.max_handshakes)
        self._records: Allowances[str] = Allowances(*DTLS_RECORDS, config.max_peers)
        self.outbox = Outbox(OUTBOX, counters)
        self._batch = Batch(self.outbox)
        self.line_check: LineCheck | None = None
        """Whose checks are answered although they belong to no peer."""
        self.port = config.port
        self.after_batch: Callable[[float], None] = lambda now: None
        """Called with the time after each batch that was read; what it sends leaves with the batch."""

    async def open(self) -> None:
        """Bind the port (UDP, and TCP of the same number); raises OSError when it is taken."""
        dual = self._config.bind in ("", "::")
        family = socket.AF_INET6 if dual or ":" in self._config.bind else socket.AF_INET
        for attempt in range(ATTEMPTS):
            sock = socket.socket(family, socket.SOCK_DGRAM)
            try:
                sock.setblocking(False)
                if family == socket.AF_INET6:
                    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not dual)
                for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
                    sock.setsockopt(socket.SOL_SOCKET, option, SOCKET_BUFFER)
                sock.bind(("::" if dual else self._config.bind, self._config.port))
                self.port = sock.getsockname()[1]
                loop = asyncio.get_running_loop()
                if self._config.tcp:
                    host = None if dual else self._config.bind
                    self._tcp_server = await loop.create_server(self._accept, host, self.port)
                break
            except OSError:
                # With port 0 the kernel chose one that is free for UDP; TCP may be using it.
                sock.close()
                if self._config.port or attempt == ATTEMPTS - 1:
                    raise
        self._sock = sock
        self._patient = second_socket(sock)
        self._inbox = Inbox(INBOX, address.SIZE[family])
        scratch = Scratch()
        self._tcp_slot = scratch.view, scratch.buffer, scratch.length
        self.outbox.open(sock.fileno(), address.SIZE[family])
        loop.add_reader(sock.fileno(), self._readable)

    async def close(self) -> None:
        """Give the port back."""
        if self._sock is not None:
            asyncio.get_running_loop().remove_reader(self._sock.fileno())
            self.outbox.flush()
            self.outbox.close()
            self._sock.close()
            self._sock = None
        if self._patient is not None:
            asyncio.get_running_loop().remove_reader(self._patient.fileno())
            self._patient.close()
            self._patient = None
        for connection in [*self._unclaimed.all(), *self._claimed]:
            connection.close()
        if self._tcp_server is not None:
            self._tcp_server.close()
            await self._tcp_server.wait_closed()
            self._tcp_server = None

    # --- peers ---------------------------------------------------------------------------------------------------

    def add_ufrag(self, ufrag: str, peer: MuxPeer) -> None:
        """Checks that name this fragment are for this peer."""
        self._directory.add_ufrag(ufrag, peer)

    def remove_ufrag(self, ufrag: str) -> None:
        """A generation of credentials is over."""
        self._directory.remove_ufrag(ufrag)

    def add_ssrc(self, ssrc: int, peer: MuxPeer) -> None:
        """This peer was heard to send with this SSRC."""
        self._directory.add_ssrc(ssrc, peer)

    def forget(self, peer: MuxPeer) -> None:
        """A peer is gone: nothing leads to it any more."""
        self.outbox.flush()  # it points to the addresses of the peer's paths
        self._handshakes.leave(peer)
        for connection in self._directory.forget(peer):
            connection.close()

    def sizes(self) -> dict[str, int]:
        """How much is remembered, by kind: what must come back to nothing when everybody has left."""
        return {
            **self._directory.sizes(),
            "tcp_claimed": len(self._claimed),
            "tcp_unclaimed": len(self._unclaimed),
            "handshakes": len(self._handshakes),
            "strangers": len(self._strangers),
        }

    # --- sending -------------------------------------------------------------------------------------------------

    def send(self, path: Way, data: bytes) -> None:
        """Send one datagram that must not be dropped lightly: STUN, DTLS."""
        if path.connection is not None:
            path.connection.send(data, droppable=False)
            return
        view, _, length = self.outbox.take(path.pointer)
        view[: len(data)] = data
        length[0] = len(data)
        if not self._batch.depth:
            self.outbox.flush()

    def batch(self) -> Batch:
        """Whatever is sent inside this context goes out together at the end."""
        return self._batch

    # --- receiving -----------------------------------------------------------------------------------------------

    def _readable(self) -> None:
        assert self._sock is not None
        fd, inbox = self._sock.fileno(), self._inbox
        # The packets of a picture come within a fraction of a millisecond: reading until there is nothing more
        # lets them be sent on together. Anything else comes alone.
        with self.batch():
            for _ in range(ROUNDS):
                count = inbox.receive(fd)
                now = self._clock()
                for index in range(count):
                    self._datagram(inbox.slots[index], inbox.size(index), inbox.sender(index), now)
                if count < INBOX and not (count and self.outbox.expects):
                    break
            if now >= self._patient_due:
                self._read_patient(now)
            self.after_batch(now)

    def _read_patient(self, now: float) -> None:
        """Read what could wait, and has."""
        self._patient_due = now + READ_PATIENT_EVERY
        if self._patient is None:
            return
        fd, inbox = self._patient.fileno(), self._inbox
        for _ in range(ROUNDS):
            count = inbox.receive(fd)
            for index in range(count):
                view = inbox.slots[index][0]
                if not can_wait(view[0], view[1]):
                    self._mistrust(fd)
                self._datagram(inbox.slots[index], inbox.size(index), inbox.sender(index), now)
            if count < INBOX:
                break

    def _mistrust(self, fd: int) -> None:
        """The kernel does not sort as it was told: what comes there must not wait."""
        self._counters.add("datagrams_missorted")
        asyncio.get_running_loop().add_reader(fd, self._patient_readable)

    def _patient_readable(self) -> None:
        with self.batch():
            self._read_patient(self._clock())

    def _datagram(self, slot: Slot, size: int, key: Key, now: float) -> None:
        self._counters.add("datagrams_in")
        self._counters.add("bytes_in", size)
        try:
            if size == 0:
                self._counters.add("dropped_empty")
                return
            if size > MAX_DATAGRAM:
                self._counters.add("dropped_oversize")
                return
            first = slot[0][0]
            if 128 <= first <= 191:
                self._srtp(slot, size, key, now)
            elif first <= 3:
                self._stun(bytes(slot[0][:size]), key, now)
            elif 20 <= first <= 63:
                self._dtls(bytes(slot[0][:size]), key, now)
            else:
                self._counters.add("dropped_wrong_range")
        except Exception as error:  # noqa: BLE001 - one datagram must never end the reader, and with it every call
            self._counters.error("datagram_errors", error)

    def _srtp(self, slot: Slot, size: int, key: Key, now: float) -> None:
        path = self._directory.paths.get(key)
        if path is not None:
            path.peer.on_srtp(slot, size, path, now)
            return
        # A peer whose address changed behind a NAT goes on sending: its keys prove that it is the same one.
        known = self._senders(slot[0], size, now)
        if not known:
            self._counters.add("dropped_unknown_source")
            return
        view = slot[0]
        report = is_rtcp(view[1])
        network = _network(key)
        if not (self._may_search(now) if report else self._strangers.admits(network, now)):
            self._counters.add("dropped_over_limit_srtp")
            return
        sealed = bytes(view[:size])
        for peer in known:
            view[:size] = sealed  # an attempt with the wrong keys has decrypted it in place
            path = Path(peer, key)
            if peer.on_srtp(slot, size, path, now):
                self._remember(path)
                return
        if not report:
            # Reports with the SSRC that so many have are no ill will: what a page leaves behind when it connects
            # anew goes on with them for a while, and must not keep its own network out.
            self._strangers.failed(network, now)

    def _may_search(self, now: float) -> bool:
        """Whether another report from nowhere is held against the keys of those who may have sent it."""
        if int(now) != self._searched_in:
            self._searched_in, self._searches = int(now), 0
        self._searches += 1
        return self._searches <= SEARCHES

    def _senders(self, view: memoryview, size: int, now: float) -> tuple[MuxPeer, ...]:
        """Who may have sent this from an address that is not known: the SSRC tells, which is not encrypted."""
        if size >= 8 and is_rtcp(view[1]):
            ssrc = int.from_bytes(view[4:8], "big")
            return tuple(dict.fromkeys(self._directory.by_ssrc(ssrc) + self._directory.reporting_as(ssrc, now)))
        return self._directory.by_ssrc(int.from_bytes(view[8:12], "big")) if size >= 12 else ()

    def _dtls(self, data: bytes, key: Key, now: float) -> None:
        """Only who has passed a check may begin a handshake: a ClientHello from elsewhere costs nothing."""
        path = self._directory.paths.get(key)
        if path is None:
            self._counters.add("dropped_unknown_source")
            return
        peer = path.peer
        name = peer.agent.generations[0].ufrag
        if not self._records.has(name, now):
            self._counters.add("dropped_over_limit_dtls")
            return
        self._records.charge(name, now)
        if peer.keys is None and peer not in self._handshakes:
            network = _network(key)
            if not self._handshakes.has_room(network):
                self._counters.add("dropped_over_limit_handshake")  # it is sent again, and others will have finished
                return
            self._handshakes.enter(peer, network)
        peer.on_dtls(data)

    def _stun(self, data: bytes, key: Key, now: float) -> None:
        path = self._directory.paths.get(key)
        if path is None and not self._may_check(data, key, now):
            self._counters.add("dropped_over_limit_stun")
            return
        request = stun.parse_binding_request(data)
        peer, password = self._wanted(request.local_ufrag, now) if request is not None else (None, None)
        if request is None or password is None or not request.authentic(password):
            self._counters.add("dropped_stun_unknown" if password is None else "dropped_stun_integrity")
            if path is None:
                self._strangers.failed(_network(key), now)
            return
        if peer is None:
            self._counters.add("line_checks_answered")
            way = path or Way(key)
            self.send(way, stun.binding_success(request.transaction, way.mapped, password))
            self.outbox.flush()  # while `way` lives: the outbox points to its address
            return
        if path is None or path.peer is not peer:
            if path is not None:  # the address has passed from one peer to another: a NAT gave it away again
                path.peer.on_path_lost(path, now)
                self.outbox.flush()  # it points to the address of this path
            path = Path(peer, key)
            self._remember(path)
        self.send(path, stun.binding_success(request.transaction, path.mapped, password))
        peer.on_check(path, request.use_candidate, now)

    def _wanted(self, ufrag: str, now: float) -> tuple[MuxPeer | None, str | None]:
        """Whom a check is for, and the password that it must be signed with: a peer's, or the line check's."""
        peer = self._directory.by_ufrag(ufrag)
        if peer is not None:
            return peer, peer.agent.password(ufrag)
        return None, self.line_check.password(ufrag, now) if self.line_check is not None else None

    def _may_check(self, data: bytes, key: Key, now: float) -> bool:
        """Whether a check from an unknown address is read: its network has not failed too often, or it names a peer."""
        if self._strangers.admits(_network(key), now):
            return True
        ufrag = stun.peek_ufrag(data)
        return self._wanted(ufrag, now)[1] is not None and self._strangers.spend_reserve(ufrag, now)

    def _remember(self, path: Path) -> None:
        if path.connection is not None:
            self._unclaimed.leave(path.connection)
            self._claimed.add(path.connection)
        surplus = self._directory.remember(path)
        if surplus is not None:
            self.outbox.flush()  # it points to addresses of paths
            surplus.close()

    # --- TCP -----------------------------------------------------------------------------------------------------

    def _accept(self) -> TcpConnection:
        return TcpConnection(self._tcp_opened, self._frame, self._tcp_closed, self._counters, self._clock)

    def _tcp_opened(self, connection: TcpConnection) -> None:
        crowded_out = self._unclaimed.enter(connection, connection.network)
        if crowded_out is not None:
            self._counters.add("closed_tcp_over_limit")
            crowded_out.close()

    def _frame(self, connection: TcpConnection, data: bytes) -> None:
        view = self._tcp_slot[0]
        view[: len(data)] = data
        with self.batch():
            self._datagram(self._tcp_slot, len(data), connection, self._clock())

    def _tcp_closed(self, connection: TcpConnection) -> None:
        self._unclaimed.leave(connection)
        self._claimed.discard(connection)
        path = self._directory.lose(connection)
        if path is not None:
            path.peer.on_path_lost(path, self._clock())

    def tick(self, now: float) -> None:
        """Read what could wait; forget handshakes that are done; close TCP connections that never showed who they are
        for."""
        self._read_patient(now)
        for peer in self._handshakes.all():
            if peer.keys is not None:
                self._handshakes.leave(peer)
        for connection in self._unclaimed.all():
            if now - connection.opened_at <= UNCLAIMED_TCP:
                break
            self._counters.add("closed_tcp_unclaimed")
            connection.close()


def _network(key: Key) -> bytes:
    return address.network(key) if isinstance(key, bytes) else key.network
