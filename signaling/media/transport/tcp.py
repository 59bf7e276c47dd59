"""ICE over TCP (RFC 6544): datagrams in RFC 4571 frames, for networks that let no UDP through."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Final

from signaling.media.counters import Counters
from signaling.media.packets.rtp_header import MAX_DATAGRAM
from signaling.media.transport import address

BACKLOG: Final = 0.1
"""Seconds a connection may be unable to take more before video for it is dropped."""
MAX_QUEUED: Final = 262_144
"""Bytes waiting to be written beyond which everything is dropped."""
SEND_BUFFER: Final = 65_536
"""Bytes the kernel may hold: a deep buffer would only hide the backlog."""


class TcpConnection(asyncio.Protocol):
    """One connection from a browser: frames in, datagrams out. It says nothing about who is behind it; STUN does."""

    def __init__(
        self,
        on_opened: Callable[[TcpConnection], None],
        on_frame: Callable[[TcpConnection, bytes], None],
        on_closed: Callable[[TcpConnection], None],
        counters: Counters,
        clock: Callable[[], float],
    ) -> None:
        self._on_opened = on_opened
        self._on_frame = on_frame
        self._on_closed = on_closed
        self._counters = counters
        self._clock = clock
        self._transport: asyncio.Transport | None = None
        self._partial = bytearray()
        self._closed = False
        self._stalled_at: float | None = None
        self.opened_at = clock()
        self.host = ""
        self.port = 0
        self.network = b""
        """As `address.network` of where it comes from."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the kernel's buffer shallow and ask to be told as soon as it is full."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.host, self.port = transport.get_extra_info("peername")[:2]
        transport.set_write_buffer_limits(high=0)
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        self.network = address.network(address.encode(socket.AF_INET6, self.host, self.port))
        self._on_opened(self)

    def data_received(self, data: bytes) -> None:
        """Cut the stream into frames; a frame that no browser sends ends the connection."""
        partial = self._partial
        partial += data
        at = 0
        while len(partial) - at >= 2 and not self._closed:
            size = partial[at] << 8 | partial[at + 1]
            if size > MAX_DATAGRAM:
                self._counters.add("dropped_oversize")
                self.close()
                return
            if len(partial) - at - 2 < size:
                break
            self._on_frame(self, bytes(partial[at + 2 : at + 2 + size]))
            at += 2 + size
        del partial[:at]

    def pause_writing(self) -> None:
        """The kernel's buffer is full."""
        self._stalled_at = self._clock()

    def resume_writing(self) -> None:
        """All was taken."""
        self._stalled_at = None

    def connection_lost(self, exc: Exception | None) -> None:
        """The path is gone."""
        self._transport = None
        self._on_closed(self)

    def send(self, data: bytes, *, droppable: bool) -> bool:
        """Write one frame; False when it was dropped because the connection does not keep up."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return False
        stalled = self._stalled_at is not None and self._clock() - self._stalled_at > BACKLOG
        if (droppable and stalled) or transport.get_write_buffer_size() > MAX_QUEUED:
            self._counters.add("dropped_tcp_backlog")
            return False
        transport.write(len(data).to_bytes(2, "big") + data)
        return True

    def close(self) -> None:
        """End the connection at once; what it has sent already is not looked at."""
        self._closed = True
        if self._transport is not None:
            self._transport.abort()
