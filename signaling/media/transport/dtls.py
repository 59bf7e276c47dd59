"""DTLS handshakes and SRTP sessions of aiortc and pylibsrtp. The one file that touches their private parts."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final, Literal

import pylibsrtp
from aiortc import RTCCertificate, RTCDtlsTransport, rtcdtlstransport
from aiortc.rtcdtlstransport import RTCDtlsFingerprint, RTCDtlsParameters
from pylibsrtp import _binding

from signaling.media.transport.turnstile import Turnstile

PINNED: Final = {"aiortc": "1.16.0", "pylibsrtp": "1.0.0"}
"""The versions whose private parts are used here."""

ATTEMPTS: Final = 3
"""Handshakes tried per peer: a forged record can spoil one, the browser's next ClientHello begins another."""
MAX_QUEUED: Final = 16
"""DTLS datagrams that wait for the handshake; a flight has three at most."""

DtlsRole = Literal["client", "server"]
Fingerprint = tuple[str, str]
"""Hash name and value, as in `a=fingerprint` (RFC 8122 §5)."""

# libsrtp's functions, called without pylibsrtp's copies: (session, address, address of an int length) -> 0 when well.
# They work in place. `protect` needs up to 16 bytes of room behind the packet, `protect_rtcp` 20.
protect: Callable[[Any, Any, Any], int] = _binding.lib.srtp_protect
unprotect: Callable[[Any, Any, Any], int] = _binding.lib.srtp_unprotect
protect_rtcp: Callable[[Any, Any, Any], int] = _binding.lib.srtp_protect_rtcp
unprotect_rtcp: Callable[[Any, Any, Any], int] = _binding.lib.srtp_unprotect_rtcp


def buffer_at(address: int) -> Any:
    """A pointer that libsrtp takes as a packet."""
    return _binding.ffi.cast("unsigned char *", address)


def length_at(address: int) -> Any:
    """A pointer that libsrtp takes as a length: `[0]` reads and writes the 4 bytes there."""
    return _binding.ffi.cast("int *", address)


class Scratch:
    """Memory for one packet that libsrtp works on in place: `view` are its bytes, `length[0]` their number."""

    __slots__ = ("buffer", "length", "view")

    def __init__(self, size: int = 2048) -> None:
        self.buffer: Any = _binding.ffi.new("unsigned char[]", size)
        self.length: Any = _binding.ffi.new("int *")
        self.view = memoryview(_binding.ffi.buffer(self.buffer))


@dataclass(frozen=True, slots=True)
class SrtpKeys:
    """The two SRTP sessions of a peer. The pointers are good for as long as this object lives."""

    inbound: Any
    outbound: Any
    _owners: tuple[pylibsrtp.Session, pylibsrtp.Session]


def check_pinned() -> None:
    """Raise RuntimeError, naming the versions, when the private parts used here are not where they were."""
    parts = {
        "RTCDtlsTransport._srtp_profiles": lambda: (
            _new_transport(_Datagrams("server", _ignore, Turnstile()))._srtp_profiles
        ),
        "RTCDtlsTransport._rx_srtp": lambda: _new_transport(_Datagrams("server", _ignore, Turnstile()))._rx_srtp,
        "RTCDtlsTransport._tx_srtp": lambda: _new_transport(_Datagrams("server", _ignore, Turnstile()))._tx_srtp,
        "RTCDtlsTransport._recv_next": lambda: RTCDtlsTransport._recv_next,
        "Session._srtp": lambda: pylibsrtp.Session()._srtp[0],
        "_binding.lib.srtp_unprotect_rtcp": lambda: _binding.lib.srtp_unprotect_rtcp,
        "SRTP_AEAD_AES_128_GCM": _profiles,
    }
    for name, reach in parts.items():
        try:
            reach()
        except (AttributeError, TypeError, IndexError) as missing:
            found = ", ".join(f"{package} {version(package)}" for package in PINNED)
            wanted = ", ".join(f"{package} {number}" for package, number in PINNED.items())
            raise RuntimeError(f"signaling/media/dtls.py fits {wanted}; found {found}: {name} is gone") from missing


def _ignore(data: bytes) -> None:
    """Where nothing is sent."""


def _profiles() -> list[rtcdtlstransport.SRTPProtectionProfile]:
    """Fastest first: with AES instructions GCM costs 0.6 µs a packet, SHA-1 1.2 µs. Browsers offer all three."""
    return [
        rtcdtlstransport.SRTP_AEAD_AES_128_GCM,
        rtcdtlstransport.SRTP_AES128_CM_SHA1_80,
        rtcdtlstransport.SRTP_AEAD_AES_256_GCM,
    ]


class _Datagrams:
    """All that RTCDtlsTransport asks of an RTCIceTransport: a role, `_recv` and `_send`."""

    def __init__(self, role: DtlsRole, send: Callable[[bytes], None], turnstile: Turnstile) -> None:
        # With its own role left at "auto", RTCDtlsTransport is the server where ICE is controlling.
        self.role = "controlling" if role == "server" else "controlled"
        self._send_now = send
        self._turnstile = turnstile
        self._queue: deque[bytes] = deque()
        self._arrived = asyncio.Event()
        self._closed = False

    def feed(self, data: bytes) -> bool:
        if len(self._queue) >= MAX_QUEUED:
            return False
        self._queue.append(data)
        self._arrived.set()
        return True

    def close(self) -> None:
        self._closed = True
        self._queue.clear()
        self._arrived.set()

    async def _recv(self) -> bytes:
        while True:
            while not self._queue:
                if self._closed:
                    raise ConnectionError
                self._arrived.clear()
                await self._arrived.wait()
            # The retransmission timer may cancel this wait: the datagram stays in the queue until it can be returned.
            await self._turnstile.turn()
            if self._queue:
                return self._queue.popleft()

    async def _send(self, data: bytes) -> None:
        self._send_now(data)


def _new_transport(datagrams: _Datagrams, certificate: RTCCertificate | None = None) -> RTCDtlsTransport:
    transport = RTCDtlsTransport(datagrams, [certificate])  # type: ignore[arg-type, list-item]
    transport._srtp_profiles = _profiles()
    return transport


class Certificate:
    """The worker's own certificate, one for all peers."""

    def __init__(self) -> None:
        self.inner = RTCCertificate.generateCertificate()
        first = self.inner.getFingerprints()[0]
        self.fingerprint: Fingerprint = (first.algorithm, first.value)


class DtlsAssociation:
    """One peer's DTLS association: fed with datagrams, it yields SRTP keys and tells when the peer said good-bye.

    Application packets never enter it, so an empty or malformed one cannot end it.
    """

    def __init__(
        self,
        certificate: Certificate,
        role: DtlsRole,
        send: Callable[[bytes], None],
        turnstile: Turnstile,
        on_closed: Callable[[], None],
    ) -> None:
        self._certificate = certificate
        self._datagrams = _Datagrams(role, send, turnstile)
        self._turnstile = turnstile
        self._on_closed = on_closed
        self._closed = False
        self._transport: RTCDtlsTransport | None = None

    def feed(self, data: bytes) -> bool:
        """Take one DTLS datagram; False when the queue is full and it was dropped (DTLS sends it again)."""
        return self._datagrams.feed(data)

    async def handshake(self, fingerprints: tuple[Fingerprint, ...], within: float) -> SrtpKeys | None:
        """Run the handshake, at most `within` seconds; None when it failed or the certificate is another's."""
        remote = RTCDtlsParameters([RTCDtlsFingerprint(name, value) for name, value in fingerprints])
        try:
            async with asyncio.timeout(within):
                for _ in range(ATTEMPTS):
                    await self._turnstile.turn()
                    if self._closed:
                        break
                    transport = self._transport = _new_transport(self._datagrams, self._certificate.inner)
                    await transport.start(remote)
                    if transport.state == "connected":
                        transport.on("statechange", self._state_changed)
                        return self._keys(transport)
        except TimeoutError:
            pass
        return None

    async def close(self) -> None:
        """Say good-bye (close_notify) and end."""
        self._closed = True
        transport, self._transport = self._transport, None
        if transport is not None:
            await transport.stop()
        self._datagrams.close()

    def _keys(self, transport: RTCDtlsTransport) -> SrtpKeys:
        inbound, outbound = transport._rx_srtp, transport._tx_srtp
        return SrtpKeys(inbound._srtp[0], outbound._srtp[0], (inbound, outbound))

    def _state_changed(self) -> None:
        transport = self._transport
        if transport is not None and transport.state in ("closed", "failed"):
            self._on_closed()
