"""A subscriber at the end of a socket on loopback: what it was sent, decrypted."""

from __future__ import annotations

import socket
from typing import Any

from pylibsrtp import Policy, Session

from signaling.media.packets import rtp_header
from signaling.media.peers.forward import Egress
from signaling.media.transport import address
from signaling.media.transport.dtls import SrtpKeys
from signaling.media.transport.mux import Path


class Subscriber:
    """A socket with the receiving half of an SRTP session."""

    def __init__(self, ssrc: int) -> None:
        key = bytes(range(ssrc, ssrc + 30))
        self.socket = socket.socket(type=socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.inbound = Session(Policy(key=key, ssrc_type=Policy.SSRC_ANY_INBOUND))
        self.outbound = Session(Policy(key=key, ssrc_type=Policy.SSRC_ANY_OUTBOUND))
        nobody: Any = None
        self.path = Path(nobody, address.encode(socket.AF_INET, *self.socket.getsockname()))
        keys = SrtpKeys(self.inbound._srtp[0], self.outbound._srtp[0], (self.inbound, self.outbound))
        self.egress = Egress(keys, self.path)
        self.constant = rtp_header.constant_part(ssrc, b"00")

    def received(self) -> list[bytes]:
        """What has come, decrypted."""
        packets = []
        while True:
            try:
                packets.append(self.inbound.unprotect(self.socket.recv(2_000)))
            except BlockingIOError:
                return packets
