"""One browser peer connection as the server sees it: path, keys, state. Publish and subscribe build on it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, ClassVar, Literal

from signaling.media.config import MediaConfig
from signaling.media.counters import Counters
from signaling.media.packets import rtp_header
from signaling.media.peers.totals import SourceTotals
from signaling.media.policy.allocation import Quality
from signaling.media.policy.ice import IceAgent, new_credentials
from signaling.media.policy.liveness import Liveness, Patience, PeerState
from signaling.media.sdp.lines import LocalTransport
from signaling.media.tasks import Tasks
from signaling.media.transport.batch import Slot
from signaling.media.transport.dtls import (
    Certificate,
    DtlsAssociation,
    DtlsRole,
    Fingerprint,
    SrtpKeys,
    protect_rtcp,
    unprotect,
    unprotect_rtcp,
)
from signaling.media.transport.mux import Mux, Path
from signaling.media.transport.sealed import send_sealed
from signaling.media.transport.turnstile import Turnstile

HANDSHAKE_WITHIN = 30.0
"""Seconds from the description to the keys."""
EARLY_DTLS = 4
"""DTLS datagrams kept that arrive before the answer that tells whose certificate to expect."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every peer of one media plane uses."""

    config: MediaConfig
    mux: Mux
    counters: Counters
    tasks: Tasks
    turnstile: Turnstile
    certificate: Certificate
    clock: Callable[[], float]
    random: Random
    emit: Callable[[dict[str, Any]], None]
    totals: SourceTotals = field(default_factory=SourceTotals)


class Peer:
    """Common part of both directions. Subclasses receive decrypted packets and are told of changes."""

    direction: ClassVar[Literal["publish", "subscribe"]]

    def __init__(self, around: Surroundings, room: str, participant: str, session: str) -> None:
        self.room = room
        self.participant = participant
        self.session = session
        self.keys: SrtpKeys | None = None
        self.remote_ufrag = ""
        """The client's ICE session, as its last offer or fragment named it."""
        self.due = 0.0
        """When the next `tick` is wanted; until then it may be spared."""
        self.on_closed: Callable[[Peer], None] = lambda peer: None
        self._around = around
        self._session_id = around.random.getrandbits(62)
        self._version = 0
        self._ssrc = around.random.getrandbits(32)
        """The sender of our RTCP to this peer."""
        self._association: DtlsAssociation | None = None
        self._early: list[bytes] = []
        self._path_known = asyncio.Event()
        config = around.config
        patience = Patience(config.silent_after, config.consent_expires, config.seat_kept)
        self._liveness = Liveness(patience, around.clock())
        self._line: Quality = "good"
        self.agent: IceAgent[Path] = IceAgent(new_credentials(around.random.choice))
        around.mux.add_ufrag(self.agent.credentials.ufrag, self)
        self._announce(self._liveness.state)

    @property
    def state(self) -> PeerState:
        """As in the `peer` events."""
        return self._liveness.state

    # --- descriptions ---------------------------------------------------------------------------------------------

    def _transport(self) -> LocalTransport:
        """Our end, for the next description."""
        self._version += 1
        config, certificate = self._around.config, self._around.certificate
        return LocalTransport(
            credentials=self.agent.credentials,
            fingerprint=certificate.fingerprint,
            addresses=config.advertised,
            port=self._around.mux.port,
            tcp=config.tcp,
            session_id=self._session_id,
            version=self._version,
        )

    def restart_ice(self) -> None:
        """New credentials on the same DTLS association (RFC 8445 §9)."""
        credentials = new_credentials(self._around.random.choice)
        self._around.mux.add_ufrag(credentials.ufrag, self)
        for retired in self.agent.restart(credentials):
            self._around.mux.remove_ufrag(retired.ufrag)
        self._around.counters.add("ice_restarts")

    def restart_by(self, ufrag: str) -> LocalTransport:
        """The client began a new ICE session under this name: our end of it."""
        self.remote_ufrag = ufrag
        self.restart_ice()
        return self._transport()

    def _secure(self, fingerprints: tuple[Fingerprint, ...], role: DtlsRole) -> None:
        """Begin DTLS with whoever holds one of these certificates."""
        around = self._around
        association = DtlsAssociation(around.certificate, role, self._send, around.turnstile, self._said_goodbye)
        self._association = association
        for data in self._early:
            association.feed(data)
        self._early.clear()
        around.tasks.spawn(self._handshake(association, fingerprints, role), f"dtls {self.direction} {self.session}")

    async def _handshake(
        self, association: DtlsAssociation, fingerprints: tuple[Fingerprint, ...], role: DtlsRole
    ) -> None:
        if role == "client":
            await self._path_known.wait()
            if self.state == "closed":
                return
        keys = await association.handshake(fingerprints, HANDSHAKE_WITHIN)
        if self.state == "closed":
            return
        if keys is None:
            self._around.counters.add("handshakes_failed")
            self.close()
            return
        self.keys = keys
        now = self._around.clock()
        self._around.counters.add("handshakes_done")
        self._change(self._liveness.secured(now), now)

    # --- from the port --------------------------------------------------------------------------------------------

    def on_check(self, path: Path, nominated: bool, now: float) -> None:
        """An authentic connectivity check came."""
        self._heard(self.agent.checked(path, nominated, now), self._liveness.heard(now), now)

    def on_dtls(self, data: bytes) -> None:
        """A DTLS record came from an address that has passed a check."""
        if self._association is None:
            if len(self._early) < EARLY_DTLS:
                self._early.append(data)
        elif not self._association.feed(data):
            self._around.counters.add("dropped_dtls_queue_full")

    def on_srtp(self, slot: Slot, size: int, path: Path, now: float) -> bool:
        """SRTP or SRTCP came; False when it is not authentic."""
        keys = self.keys
        if keys is None:
            self._around.counters.add("dropped_before_keys")
            return False
        view, buffer, length = slot
        control = rtp_header.is_rtcp(view[1])
        length[0] = size
        if (unprotect_rtcp if control else unprotect)(keys.inbound, buffer, length):
            self._around.counters.add("dropped_not_authentic")
            return False
        data = bytes(view[: length[0]])
        moved, state = self.agent.media(path, now), self._liveness.heard(now)
        if moved or state is not None:
            self._heard(moved, state, now)
        if control:
            self._rtcp(data, now)
        else:
            self._around.counters.add("packets_in")
            self._rtp(data, now)
        return True

    def on_path_lost(self, path: Path, now: float) -> None:
        """A TCP connection closed: nothing can be sent until the next check."""
        self.agent.lost(path)
        if self.agent.path is None:
            self._path_changed(now)

    def _heard(self, moved: bool, state: PeerState | None, now: float) -> None:
        self._change(state, now)
        if moved:
            self._around.counters.add("paths_chosen")
            self._path_known.set()
            self._path_changed(now)

    def _said_goodbye(self) -> None:
        self._around.counters.add("peers_said_goodbye")
        self.close()

    # --- to the peer ----------------------------------------------------------------------------------------------

    def _send(self, data: bytes) -> None:
        path = self.agent.path
        if path is not None:
            self._around.mux.send(path, data)

    def _send_rtcp(self, packet: bytes) -> None:
        """Send while there is consent (RFC 7675 §5.1)."""
        path, keys = self.agent.path, self.keys
        if path is None or keys is None or self.state in ("failed", "closed"):
            return
        if send_sealed(self._around.mux.outbox, path, keys.outbound, protect_rtcp, packet, droppable=False):
            self._around.counters.add("rtcp_out")

    # --- life -----------------------------------------------------------------------------------------------------

    def tick(self, now: float) -> None:
        """Time has passed; called every TICK with sends collected into one batch."""
        self._change(self._liveness.tick(now), now)

    def close(self) -> None:
        """End the peer; doing it twice does nothing."""
        self._change(self._liveness.closed(), self._around.clock())

    def _change(self, state: PeerState | None, now: float) -> None:
        if state is None:
            return
        if state == "closed":
            self._around.mux.forget(self)
            self._path_known.set()
            self._around.tasks.spawn(self._part(), f"goodbye {self.session}")
        self._announce(state)
        self._state_changed(state, now)
        if state == "closed":
            self._tell_line("good")
            self.on_closed(self)

    async def _part(self) -> None:
        """Say good-bye, and hold nothing that holds this peer.

        It takes half a megabyte along, and people load their pages anew all day: what refers to itself would stay until
        a full garbage collection, which is rare (`tele/process.py`).
        """
        association, self._association = self._association, None
        if association is not None:
            await association.close()
        self.agent.path = None

    def _announce(self, state: PeerState) -> None:
        self._around.emit(
            {
                "event": "peer",
                "room": self.room,
                "participant": self.participant,
                "direction": self.direction,
                "session": self.session,
                "state": state,
            }
        )

    # --- for the subclasses ---------------------------------------------------------------------------------------

    def _tell_line(self, quality: Quality) -> None:
        """Announce how this peer's line is, when that has changed."""
        if quality == self._line:
            return
        self._line = quality
        self._around.emit(
            {
                "event": "line",
                "room": self.room,
                "participant": self.participant,
                "direction": self.direction,
                "session": self.session,
                "state": quality,
            }
        )

    def _rtp(self, data: bytes, now: float) -> None:
        """One decrypted RTP packet."""

    def _rtcp(self, data: bytes, now: float) -> None:
        """One decrypted compound RTCP packet."""

    def _state_changed(self, state: PeerState, now: float) -> None:
        """The state is another."""

    def _path_changed(self, now: float) -> None:
        """The peer is to be reached elsewhere, or nowhere."""
