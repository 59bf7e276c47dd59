"""What must hold behind the port: TCP framing, and peers that are sent authentic packets of any content."""

from __future__ import annotations

import asyncio
import functools
import random
import socket
from collections.abc import Coroutine
from pathlib import Path as File
from typing import Any, Final

import pylibsrtp

from signaling.media.config import MediaConfig
from signaling.media.counters import Counters
from signaling.media.packets.rtp_header import MAX_DATAGRAM
from signaling.media.peers.peer import Peer, Surroundings
from signaling.media.peers.room import Room
from signaling.media.peers.taps import Taps
from signaling.media.sdp.parse import RemoteDescription, parse
from signaling.media.tasks import Tasks
from signaling.media.transport import address, dtls
from signaling.media.transport.mux import Mux, Path
from signaling.media.transport.tcp import TcpConnection
from signaling.media.transport.turnstile import Turnstile
from tests.fuzz import stream

UP_RTP, UP_RTCP, DOWN_RTCP, TIME = range(4)
"""What a record of the peers' target is: the lower two bits of its flags. Of time the length counts, in 10 ms."""
START: Final = 1_000.0
MAX_SECONDS: Final = 20.0
"""Virtual seconds of one input."""

_GOLDEN: Final = File(__file__).parents[1] / "golden" / "sdp"


def check_tcp(data: bytes) -> None:
    """However the stream is cut into pieces, the same frames come out, and none is longer than a datagram."""
    cuts = random.Random(len(data))
    whole, pieces = _Framed(), _Framed()
    whole.connection.data_received(data)
    at = 0
    while at < len(data) and not pieces.refused:
        step = cuts.randint(1, 40)
        pieces.connection.data_received(data[at : at + step])
        at += step
    assert (pieces.frames, pieces.refused) == (whole.frames, whole.refused)
    assert all(len(frame) <= MAX_DATAGRAM for frame in whole.frames)


class _Framed:
    """A connection without a socket: after a refusal nothing more would be read from it."""

    def __init__(self) -> None:
        counters = Counters()
        self.frames: list[bytes] = []
        self.connection = TcpConnection(lambda opened: None, self._frame, lambda closed: None, counters, lambda: 0.0)
        self._counters = counters

    def _frame(self, connection: TcpConnection, data: bytes) -> None:
        self.frames.append(data)

    @property
    def refused(self) -> int:
        return self._counters.get("dropped_oversize")


class _Idle(Tasks):
    """Tasks that are never run: handshakes have no place here."""

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> Any:
        work.close()
        return None


@functools.cache
def description(name: str) -> RemoteDescription:
    """A browser's description, as one was kept."""
    return parse((_GOLDEN / name).read_bytes().decode())


@functools.cache
def _certificate() -> dtls.Certificate:
    return dtls.Certificate()


@functools.cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


def check_peer(data: bytes) -> None:
    """Two people in a room, connected; whatever they send authentically, nothing raises and both stay connected."""
    _loop().run_until_complete(_play(data))


async def _play(data: bytes) -> None:
    scene = Scene()
    for flags, raw in stream.split(data):
        scene.hear(flags & 3, raw)
        await asyncio.sleep(0)
    assert (scene.up.state, scene.down.state) == ("connected", "connected")
    scene.room.close()
    assert not scene.room.publications


class Scene:
    """A GP who publishes as Chromium does and a specialist who receives it, without a socket, in virtual time."""

    def __init__(self) -> None:
        self.now = START
        self.offered = ""
        """The last offer to the specialist."""
        counters = Counters()
        config = MediaConfig(port=0, silent_after=2 * MAX_SECONDS)
        around = Surroundings(
            config=config,
            mux=Mux(config, counters, lambda: self.now),
            counters=counters,
            tasks=_Idle(counters),
            turnstile=Turnstile(),
            certificate=_certificate(),
            clock=lambda: self.now,
            random=random.Random(1),
            emit=self._heard,
        )
        self.room = Room("room", around, Taps(counters), lambda changed: None)
        for name in ("gp", "spec"):
            self.room.join(name, frozenset({"H264"}))
        self.room.publish("gp", "p", description("chromium-publish.offer.sdp"), {"0": "microphone", "1": "camera"})
        self.room.subscribe("spec", "s")
        self.room.offer(self.now)
        self.room.answer("spec", "s", self._version, description("chromium-subscribe.answer.sdp"), self.now)
        up, down = self.room.participants["gp"].publish, self.room.participants["spec"].subscribe
        assert up is not None
        assert down is not None
        self.up, self.down = up, down
        for number, peer in enumerate((up, down)):
            path = Path(peer, address.encode(socket.AF_INET, "192.0.2.1", 1000 + number))
            peer.on_check(path, True, self.now)
            _connect(peer, self.now)

    def _heard(self, event: dict[str, Any]) -> None:
        if event["event"] == "offer":
            self.offered, self._version = event["sdp"], event["version"]

    def hear(self, kind: int, raw: bytes) -> None:
        """One record."""
        if kind == TIME:
            self.now = min(self.now + len(raw) / 100, START + MAX_SECONDS)
            for peer in (self.up, self.down):
                peer.tick(self.now)
        elif kind == UP_RTP:
            self.up._rtp(raw, self.now)
        else:
            (self.up if kind == UP_RTCP else self.down)._rtcp(raw, self.now)


def _connect(peer: Peer, now: float) -> None:
    """Keys as after a handshake."""
    sessions = tuple(
        pylibsrtp.Session(pylibsrtp.Policy(bytes(30), kind))
        for kind in (pylibsrtp.Policy.SSRC_ANY_INBOUND, pylibsrtp.Policy.SSRC_ANY_OUTBOUND)
    )
    peer.keys = dtls.SrtpKeys(sessions[0]._srtp[0], sessions[1]._srtp[0], (sessions[0], sessions[1]))
    peer._change(peer._liveness.secured(now), now)
