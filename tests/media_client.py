"""A browser's half of the media plane in a few lines: checks, DTLS-SRTP, RTP and RTCP by hand, for tests and benches.

It does what it is told and nothing by itself, so that a test can misbehave with it in every way.
"""

from __future__ import annotations

import asyncio
import binascii
import hashlib
import hmac
import os
import re
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from signaling.media.packets.rtp_header import is_rtcp
from signaling.media.transport import dtls
from signaling.media.transport.turnstile import Turnstile

Address = tuple[str, int]

MAGIC = 0x2112A442


def stun_request(username: str, password: str, *, nominate: bool = True, transaction: bytes | None = None) -> bytes:
    """A connectivity check as a controlling browser sends it (RFC 8445 §7.2.2)."""

    def attribute(kind: int, value: bytes) -> bytes:
        return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)

    body = attribute(0x0006, username.encode()) + attribute(0x0024, struct.pack("!I", 1853693695))
    body += attribute(0x802A, os.urandom(8)) + (attribute(0x0025, b"") if nominate else b"")
    identity = struct.pack("!I", MAGIC) + (transaction or os.urandom(12))
    head = struct.pack("!HH", 1, len(body) + 24) + identity
    signed = attribute(0x0008, hmac.digest(password.encode(), head + body, hashlib.sha1))
    head = struct.pack("!HH", 1, len(body) + 24 + 8) + identity
    crc = binascii.crc32(head + body + signed) ^ 0x5354554E
    return head + body + signed + attribute(0x8028, struct.pack("!I", crc))


class MediaClient:
    """One peer connection. `on_rtp` and `on_rtcp` get decrypted packets; `received` counts all that came."""

    certificate = dtls.Certificate()

    def __init__(self, *, decrypt: bool = True) -> None:
        self.ufrag = binascii.hexlify(os.urandom(4)).decode()
        self.password = binascii.hexlify(os.urandom(12)).decode()
        self.decrypt = decrypt
        self.keys: dtls.SrtpKeys | None = None
        self.connected = asyncio.Event()
        self.said_goodbye = asyncio.Event()
        self.checks_answered = 0
        self.received = 0
        self.not_authentic = 0
        self.rtp: list[bytes] = []
        self.rtcp: list[bytes] = []
        self.on_rtp: Callable[[bytes], None] = self.rtp.append
        self.on_rtcp: Callable[[bytes], None] = self.rtcp.append
        self.remote: Address = ("", 0)
        self.remote_ufrag = self.remote_password = ""
        self._early: list[bytes] = []
        self._inbound = dtls.Scratch()
        self._outbound = dtls.Scratch()
        self._association: dtls.DtlsAssociation | None = None
        self._task: asyncio.Task[None] | None = None
        self._socket = self._open()

    # --- network -------------------------------------------------------------------------------------------------

    def _open(self) -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        asyncio.get_running_loop().add_reader(sock.fileno(), self._readable)
        return sock

    def move(self) -> None:
        """Go on from another port, as behind a NAT that forgot."""
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()
        self._socket = self._open()

    @property
    def address(self) -> Address:
        """Where it sends from."""
        host, port = self._socket.getsockname()
        return str(host), int(port)

    def send(self, data: bytes) -> None:
        """Any datagram to the server."""
        self._socket.sendto(data, self.remote)

    def check(self, *, nominate: bool = True, password: str | None = None) -> None:
        """One connectivity check."""
        self.send(
            stun_request(f"{self.remote_ufrag}:{self.ufrag}", password or self.remote_password, nominate=nominate)
        )

    @asynccontextmanager
    async def staying(self) -> AsyncIterator[None]:
        """Check every 2.5 s like a browser (RFC 7675 §5.1): who has nothing to send is taken for gone otherwise."""

        async def check() -> None:
            while True:
                self.check()
                await asyncio.sleep(2.5)

        async with asyncio.TaskGroup() as group:
            checks = group.create_task(check())
            yield
            checks.cancel()

    def _readable(self) -> None:
        for _ in range(64):
            try:
                size = self._socket.recv_into(self._inbound.view)
            except BlockingIOError:
                return
            self._datagram(size)

    def _datagram(self, size: int) -> None:
        """What lies in the first `size` bytes of the scratch memory (RFC 7983)."""
        first = self._inbound.view[0]
        if 128 <= first <= 191:
            self.received += 1
            if self.keys is None:
                self._early.append(bytes(self._inbound.view[:size]))
            elif self.decrypt:
                self._secured(size)
        elif first <= 3:
            self.checks_answered += 1
        elif self._association is not None:
            self._association.feed(bytes(self._inbound.view[:size]))

    def _secured(self, size: int) -> None:
        assert self.keys is not None
        scratch = self._inbound
        scratch.length[0] = size
        control = is_rtcp(scratch.view[1])
        if (dtls.unprotect_rtcp if control else dtls.unprotect)(self.keys.inbound, scratch.buffer, scratch.length):
            self.not_authentic += 1
            return
        (self.on_rtcp if control else self.on_rtp)(bytes(scratch.view[: scratch.length[0]]))

    # --- secured -------------------------------------------------------------------------------------------------

    def seal(self, packet: bytes) -> bytes:
        """The packet as SRTP or SRTCP."""
        assert self.keys is not None
        scratch = self._outbound
        scratch.view[: len(packet)] = packet
        scratch.length[0] = len(packet)
        seal = dtls.protect_rtcp if is_rtcp(packet[1]) else dtls.protect
        if seal(self.keys.outbound, scratch.buffer, scratch.length):
            raise AssertionError("the packet cannot be protected")
        return bytes(scratch.view[: scratch.length[0]])

    def send_secured(self, packet: bytes) -> None:
        """One RTP or RTCP packet."""
        self.send(self.seal(packet))

    async def connect(self, description: str) -> None:
        """Checks and DTLS (as the client) with the server of this description."""
        self.read_transport(description)
        fingerprint = re.search(r"a=fingerprint:(\S+) (\S+)", description)
        assert fingerprint is not None
        self._association = dtls.DtlsAssociation(
            self.certificate, "client", self.send, Turnstile(), self.said_goodbye.set
        )
        while not self.checks_answered:
            self.check()
            await asyncio.sleep(0.02)
        self.keys = await self._association.handshake((fingerprint.groups(),), 10)  # type: ignore[arg-type]
        assert self.keys is not None, "the DTLS handshake failed"
        self.connected.set()
        for data in self._early:  # what came between the server's last flight and the end of the handshake here
            self._inbound.view[: len(data)] = data
            self._secured(len(data))

    def read_transport(self, description: str) -> None:
        """Take the server's candidate and credentials from a description."""
        candidate = re.search(r"a=candidate:\S+ 1 udp \d+ (\S+) (\d+)", description)
        ufrag = re.search(r"a=ice-ufrag:(\S+)", description)
        password = re.search(r"a=ice-pwd:(\S+)", description)
        assert candidate and ufrag and password
        self.remote = candidate[1], int(candidate[2])
        self.remote_ufrag, self.remote_password = ufrag[1], password[1]

    async def close(self, *, goodbye: bool = False) -> None:
        """Vanish, or say good-bye before."""
        if self._association is not None and (goodbye or self.keys is not None):
            if not goodbye:
                self.remote = ("127.0.0.1", 9)
            await self._association.close()
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()

    # --- descriptions --------------------------------------------------------------------------------------------

    def _transport_lines(self, setup: str) -> str:
        name, value = self.certificate.fingerprint
        return (
            f"c=IN IP4 0.0.0.0\r\na=rtcp-mux\r\na=ice-ufrag:{self.ufrag}\r\na=ice-pwd:{self.password}\r\n"
            f"a=fingerprint:{name} {value}\r\na=setup:{setup}\r\n"
        )

    def offer(self, *sections: tuple[str, str, int]) -> str:
        """An offer to send: (kind, codec, SSRC) per section; mids count from 0; video has RTX on SSRC + 1."""
        text = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
        text += f"a=group:BUNDLE {' '.join(str(mid) for mid in range(len(sections)))}\r\n"
        for mid, (kind, codec, ssrc) in enumerate(sections):
            if kind == "audio":
                formats = "m=audio 9 UDP/TLS/RTP/SAVPF 111 63\r\n"
                codecs = (
                    "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n"
                    "a=rtcp-fb:111 transport-cc\r\na=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n"
                )
                ssrcs = f"a=ssrc:{ssrc} cname:client\r\n"
            else:
                formats = "m=video 9 UDP/TLS/RTP/SAVPF 102 103\r\n"
                parameters = (
                    "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"
                    if codec == "H264"
                    else "profile-id=0"
                )
                codecs = (
                    f"a=rtpmap:102 {codec}/90000\r\na=fmtp:102 {parameters}\r\na=rtcp-fb:102 nack\r\n"
                    "a=rtcp-fb:102 nack pli\r\na=rtcp-fb:102 transport-cc\r\n"
                    "a=rtpmap:103 rtx/90000\r\na=fmtp:103 apt=102\r\n"
                )
                ssrcs = f"a=ssrc-group:FID {ssrc} {ssrc + 1}\r\n"
                ssrcs += "".join(f"a=ssrc:{each} cname:client\r\n" for each in (ssrc, ssrc + 1))
            text += formats + self._transport_lines("actpass") + f"a=mid:{mid}\r\na=sendonly\r\n"
            text += (
                "a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n"
                "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
            )
            text += codecs + ssrcs
        return text

    def answer(self, offer: str, *, reject: frozenset[str] = frozenset()) -> str:
        """Take everything that is offered, except the mids to reject."""
        head, *sections = re.split(r"(?=^m=)", offer, flags=re.MULTILINE)
        group = re.search(r"a=group:BUNDLE.*", head)
        assert group is not None
        mids = [mid for mid in group[0].split()[1:] if mid not in reject]
        text = f"v=0\r\no=- 2 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {' '.join(mids)}\r\n"
        for section in sections:
            lines = section.splitlines()
            mid = next(line[6:] for line in lines if line.startswith("a=mid:"))
            if mid in reject:
                words = lines[0].split()
                text += f"{words[0]} 0 {words[2]} {words[3]}\r\nc=IN IP4 0.0.0.0\r\na=mid:{mid}\r\na=inactive\r\n"
                continue
            text += lines[0] + "\r\n" + self._transport_lines("active")
            kept = ("a=mid:", "a=rtpmap:", "a=fmtp:", "a=rtcp-fb:", "a=extmap:")
            text += "".join(line + "\r\n" for line in lines if line.startswith(kept))
            text += "a=recvonly\r\n" if "a=sendonly" in lines else "a=inactive\r\n"
        return text
