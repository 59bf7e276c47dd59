"""The one port of a worker: every datagram is read here, told apart (RFC 7983), and given to the peer it belongs to."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from signaling.media.config import MediaConfig
from signaling.media.counters import Counters
from signaling.media.packets import stun
from signaling.media.packets.rtp_header import MAX_DATAGRAM, is_rtcp
from signaling.media.policy.ice import IceAgent
from signaling.media.policy.line_check import LineCheck
from signaling.media.transport import address
from signaling.media.transport.batch import Inbox, Outbox, PinnedAddress, Slot
from signaling.media.transport.dtls import Scratch
from signaling.media.transport.tcp import TcpConnection

INBOX: Final = 32
OUTBOX: Final = 512
ROUNDS: Final = 4
"""Batches read before the event loop gets its turn."""
SOCKET_BUFFER: Final = 4 << 20
ATTEMPTS: Final = 20
"""Ports tried when any free one will do."""
MAX_PATHS: Final = 16
"""Addresses remembered per peer: a browser has a handful of interfaces."""
UNCLAIMED_TCP: Final = 10.0
"""Seconds a TCP connection has to bring its first authentic check."""


class Path:
    """One way to a peer: a UDP address, or a TCP connection."""

    __slots__ = ("_pinned", "connection", "host", "peer", "pointer", "port")

    def __init__(self, peer: MuxPeer, key: bytes | TcpConnection) -> None:
        self.peer = peer
        if isinstance(key, bytes):
            self.connection: TcpConnection | None = None
            self._pinned: PinnedAddress | None = PinnedAddress(key)
            self.pointer = self._pinned.pointer
            self.host, self.port = address.decode(key)
        else:
            self.connection = key
            self._pinned = None
            self.pointer = 0
            self.host, self.port = key.host, key.port


class MuxPeer(Protocol):
    """What the port needs to know of a peer."""

    agent: IceAgent[Path]

    def on_check(self, path: Path, nominated: bool, now: float) -> None:
        """An authentic connectivity check came."""

    def on_dtls(self, data: bytes) -> None:
        """A DTLS record came from an address that has passed a check."""

    def on_srtp(self, slot: Slot, size: int, path: Path, now: float) -> bool:
        """SRTP or SRTCP came; False when it is not authentic."""

    def on_path_lost(self, path: Path, now: float) -> None:
        """A TCP connection closed."""


class Mux:
    """Owns the sockets. Whatever comes in, however malformed, nothing raised by it ends the reader."""

    def __init__(self, config: MediaConfig, counters: Counters, clock: Callable[[], float]) -> None:
        self._config = config
        self._counters = counters
        self._clock = clock
        self._sock: socket.socket | None = None
        self._tcp_server: asyncio.Server | None = None
        self._unclaimed: set[TcpConnection] = set()
        self._claimed: set[TcpConnection] = set()
        self._paths: dict[bytes | TcpConnection, Path] = {}
        self._keys: dict[MuxPeer, list[bytes | TcpConnection]] = {}
        self._ufrags: dict[str, MuxPeer] = {}
        self._ssrcs: dict[int, MuxPeer | None] = {}
        self._held = 0
        self.line_check: LineCheck | None = None
        """Whose checks are answered although they belong to no peer."""
        self.outbox = Outbox(OUTBOX, counters)
        self.port = config.port

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
        for connection in [*self._unclaimed, *self._claimed]:
            connection.close()
        if self._tcp_server is not None:
            self._tcp_server.close()
            await self._tcp_server.wait_closed()
            self._tcp_server = None

    # --- peers ---------------------------------------------------------------------------------------------------

    def add_ufrag(self, ufrag: str, peer: MuxPeer) -> None:
        """Checks that name this fragment are for this peer."""
        self._ufrags[ufrag] = peer

    def remove_ufrag(self, ufrag: str) -> None:
        """A generation of credentials is over."""
        self._ufrags.pop(ufrag, None)

    def add_ssrc(self, ssrc: int, peer: MuxPeer) -> None:
        """This peer was heard to send with this SSRC. One that two peers use identifies neither."""
        known = self._ssrcs.setdefault(ssrc, peer)
        if known is not peer:
            self._ssrcs[ssrc] = None

    def forget(self, peer: MuxPeer) -> None:
        """A peer is gone: nothing leads to it any more."""
        for credentials in peer.agent.generations:
            self._ufrags.pop(credentials.ufrag, None)
        for key in self._keys.pop(peer, []):
            path = self._paths.get(key)
            if path is not None and path.peer is peer:
                del self._paths[key]
                if path.connection is not None:
                    path.connection.close()
        for ssrc in [ssrc for ssrc, owner in self._ssrcs.items() if owner is peer]:
            del self._ssrcs[ssrc]

    # --- sending -------------------------------------------------------------------------------------------------

    def send(self, path: Path, data: bytes) -> None:
        """Send one datagram that must not be dropped lightly: STUN, DTLS."""
        if path.connection is not None:
            path.connection.send(data, droppable=False)
            return
        view, _, length = self.outbox.take(path.pointer)
        view[: len(data)] = data
        length[0] = len(data)
        if not self._held:
            self.outbox.flush()

    @contextlib.contextmanager
    def batch(self) -> Iterator[None]:
        """Whatever is sent inside goes out together at the end."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
            if not self._held:
                self.outbox.flush()

    # --- receiving -----------------------------------------------------------------------------------------------

    def _readable(self) -> None:
        assert self._sock is not None
        fd, inbox = self._sock.fileno(), self._inbox
        # The packets of a picture come within a fraction of a millisecond: reading until there is nothing more
        # lets them be sent on together.
        with self.batch():
            for _ in range(ROUNDS):
                count = inbox.receive(fd)
                now = self._clock()
                for index in range(count):
                    self._datagram(inbox.slots[index], inbox.size(index), inbox.sender(index), now)
                if not count:
                    return

    def _datagram(self, slot: Slot, size: int, key: bytes | TcpConnection, now: float) -> None:
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
                path = self._paths.get(key)
                if path is None:
                    self._counters.add("dropped_unknown_source")
                else:
                    path.peer.on_dtls(bytes(slot[0][:size]))
            else:
                self._counters.add("dropped_wrong_range")
        except Exception as error:  # noqa: BLE001 - one datagram must never end the reader, and with it every call
            self._counters.error("datagram_errors", error)

    def _srtp(self, slot: Slot, size: int, key: bytes | TcpConnection, now: float) -> None:
        path = self._paths.get(key)
        if path is not None:
            path.peer.on_srtp(slot, size, path, now)
            return
        # A peer whose address changed behind a NAT goes on sending: its keys prove that it is the same one.
        view = slot[0]
        offset = 4 if size >= 8 and is_rtcp(view[1]) else 8
        peer = self._ssrcs.get(int.from_bytes(view[offset : offset + 4], "big")) if size >= offset + 4 else None
        if peer is None:
            self._counters.add("dropped_unknown_source")
            return
        path = Path(peer, key)
        if peer.on_srtp(slot, size, path, now):
            self._remember(path, key)

    def _stun(self, data: bytes, key: bytes | TcpConnection, now: float) -> None:
        request = stun.parse_binding_request(data)
        peer = self._ufrags.get(request.local_ufrag) if request is not None else None
        if request is None or peer is None:
            if request is None or not self._answer_line_check(request, key, now):
                self._counters.add("dropped_stun_unknown")
            return
        password = peer.agent.password(request.local_ufrag)
        if password is None or not request.authentic(password):
            self._counters.add("dropped_stun_integrity")
            return
        path = self._paths.get(key)
        if path is None or path.peer is not peer:
            if path is not None:  # the address has passed from one peer to another: a NAT gave it away again
                path.peer.on_path_lost(path, now)
            path = Path(peer, key)
            self._remember(path, key)
        self.send(path, stun.binding_success(request.transaction, path.host, path.port, password))
        peer.on_check(path, request.use_candidate, now)

    def _answer_line_check(self, request: stun.BindingRequest, key: bytes | TcpConnection, now: float) -> bool:
        """Answer a check of somebody who only wants to know whether it arrives; nothing of it is kept."""
        password = self.line_check.password(request.local_ufrag, now) if self.line_check is not None else None
        if password is None or not request.authentic(password):
            return False
        self._counters.add("line_checks_answered")
        if isinstance(key, TcpConnection):
            answer = stun.binding_success(request.transaction, key.host, key.port, password)
            key.send(answer, droppable=False)  # the connection stays unclaimed, and `tick` closes it
            return True
        assert self._sock is not None
        host, port = address.decode(key)
        answer = stun.binding_success(request.transaction, host, port, password)
        mapped = self._sock.family == socket.AF_INET6 and ":" not in host
        with contextlib.suppress(OSError):  # lost, as any datagram may be
            self._sock.sendto(answer, (f"::ffff:{host}" if mapped else host, port))
        return True

    def _remember(self, path: Path, key: bytes | TcpConnection) -> None:
        self._paths[key] = path
        if isinstance(key, TcpConnection):
            self._unclaimed.discard(key)
            self._claimed.add(key)
        keys = self._keys.setdefault(path.peer, [])
        keys.append(key)
        if len(keys) > MAX_PATHS:
            oldest = next(each for each in keys if self._paths.get(each) is not path.peer.agent.path)
            keys.remove(oldest)
            known = self._paths.get(oldest)
            if known is not None and known.peer is path.peer:
                del self._paths[oldest]

    # --- TCP -----------------------------------------------------------------------------------------------------

    def _accept(self) -> TcpConnection:
        connection = TcpConnection(self._frame, self._tcp_closed, self._counters, self._clock)
        if len(self._unclaimed) >= self._config.max_handshakes:
            asyncio.get_running_loop().call_soon(connection.close)
        self._unclaimed.add(connection)
        return connection

    def _frame(self, connection: TcpConnection, data: bytes) -> None:
        view = self._tcp_slot[0]
        view[: len(data)] = data
        with self.batch():
            self._datagram(self._tcp_slot, len(data), connection, self._clock())

    def _tcp_closed(self, connection: TcpConnection) -> None:
        self._unclaimed.discard(connection)
        self._claimed.discard(connection)
        path = self._paths.pop(connection, None)
        if path is not None:
            keys = self._keys.get(path.peer)
            if keys is not None and connection in keys:
                keys.remove(connection)
            path.peer.on_path_lost(path, self._clock())

    def tick(self, now: float) -> None:
        """Close TCP connections that never showed who they are for."""
        for connection in list(self._unclaimed):
            if now - connection.opened_at > UNCLAIMED_TCP:
                connection.close()
