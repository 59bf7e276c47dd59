"""The media plane's front: commands in, events out, one port, one ticker. Everything else hangs from here."""

from __future__ import annotations

import asyncio
import random as random_module
import secrets
import time
from collections.abc import Callable
from typing import Any, Final

from signaling.media import arguments
from signaling.media.config import MediaConfig
from signaling.media.counters import Counters
from signaling.media.errors import NoSuchRoomError, TooManyError
from signaling.media.peers import device, statistics
from signaling.media.peers.peer import Surroundings
from signaling.media.peers.room import Room, known_codecs
from signaling.media.peers.taps import Taps
from signaling.media.policy.line_check import LineCheck
from signaling.media.sdp import fragment as sdp_fragment
from signaling.media.sdp import parse as sdp_parse
from signaling.media.tasks import Tasks
from signaling.media.ticker import Ticker
from signaling.media.transport.dtls import Certificate, check_pinned
from signaling.media.transport.mux import Mux
from signaling.media.transport.turnstile import Turnstile
from tele.domain.media import MediaTap

__all__ = ["MediaConfig", "MediaPlane"]

TICK: Final = 0.05
"""Seconds between two rounds of feedback: what browsers' congestion control wants of transport-cc."""

PARTS: Final = 10
"""Rooms are ticked in so many parts, one after the other: a packet never waits for the feedback of all of them."""

Event = dict[str, Any]


class MediaPlane:
    """One per worker. Commands take and return JSON-able values and raise `MediaError`; nothing else comes out of them.

    `emit` is called with plain dicts on the event loop and must return at once; see docs/media-plane.md for each event.
    Also `tele.domain.media.RoomFeed`: whoever records listens here.
    """

    def __init__(
        self,
        config: MediaConfig,
        emit: Callable[[Event], None],
        *,
        clock: Callable[[], float] = time.monotonic,
        random: random_module.Random | None = None,
    ) -> None:
        check_pinned()
        self._config = config
        self._emit_to = emit
        self._clock = clock
        self._ticker = Ticker(TICK, self._tick, clock)
        self._counters = Counters()
        self._tasks = Tasks(self._counters)
        self._mux = Mux(config, self._counters, clock)
        self._rooms: dict[str, Room] = {}
        self._taps: dict[str, Taps] = {}
        self._changed: set[str] = set()
        self._running = False
        self._turn = 0
        chance = random or secrets.SystemRandom()
        self._mux.after_batch = self._ticker.passed
        self._line_check = self._mux.line_check = LineCheck(chance.choice)
        self._around = Surroundings(
            config=config,
            mux=self._mux,
            counters=self._counters,
            tasks=self._tasks,
            turnstile=Turnstile(),
            certificate=Certificate(),
            clock=clock,
            random=chance,
            emit=self._emit,
        )

    @property
    def port(self) -> int:
        """The port that is open: UDP, and TCP of the same number."""
        return self._mux.port

    async def start(self) -> None:
        """Open the port; raises OSError when it is taken."""
        await self._mux.open()
        self._running = True
        self._ticker.start()

    async def stop(self) -> None:
        """Say good-bye to every peer and close the port."""
        for room in list(self._rooms.values()):
            room.close()
        self._rooms.clear()
        self._running = False
        self._ticker.stop()
        # The good-byes are tasks that need one turn of the loop each before they are cancelled with the rest.
        await asyncio.sleep(0)
        await self._tasks.stop()
        await self._mux.close()

    # --- commands -------------------------------------------------------------------------------------------------

    async def join(self, room: str, participant: str, codecs: list[str]) -> dict[str, Any]:
        """Let a participant into a room, which begins with its first. Idempotent. -> {"codec": the room's video codec}

        `codecs` are the video codecs that this client can both send and receive. When the room's codec has to change
        for it, those who publish get a `renegotiate` event.
        """
        names = known_codecs(arguments.codecs(codecs))
        found = self._open_room(room, participant)
        found.join(participant, names)
        return {"codec": found.codec}

    async def publish(
        self, room: str, participant: str, session: str, sdp: str, sources: dict[str, str]
    ) -> dict[str, Any]:
        """Answer a browser's offer to send. -> {"sdp": answer}

        `sources` names what each mid is. The same session again is a renegotiation or an ICE restart on the same DTLS
        association; a new one replaces the participant's publishing peer.
        """
        found = self._room(room)
        arguments.name(session, "session")
        wanted = arguments.sources(sources)
        offer = sdp_parse.parse(sdp)
        member = found.participants.get(arguments.name(participant, "participant"))
        if member is not None and (member.publish is None or member.publish.session != session):
            self._check_capacity()
        return {"sdp": found.publish(participant, session, offer, wanted)}

    async def subscribe(self, room: str, participant: str, session: str) -> dict[str, Any]:
        """Open the receiving peer, whose offers come as events. -> {}

        The same session again is an ICE restart; a new one replaces the peer.
        """
        found = self._room(room)
        arguments.name(session, "session")
        member = found.participants.get(arguments.name(participant, "participant"))
        if member is not None and (member.subscribe is None or member.subscribe.session != session):
            self._check_capacity()
        found.subscribe(participant, session)
        return {}

    async def answer(self, room: str, participant: str, session: str, version: int, sdp: str) -> dict[str, Any]:
        """Take the browser's answer to offer `version`. -> {"stale": whether another offer has replaced that one}"""
        found = self._room(room)
        number = arguments.version(version)
        description = sdp_parse.parse(sdp)
        names = arguments.name(participant, "participant"), arguments.name(session, "session")
        with self._mux.batch():
            return {"stale": not found.answer(*names, number, description, self._clock())}

    async def ingest(self, room: str, participant: str, session: str, sdp: str) -> dict[str, Any]:
        """Let a device join and send, with one offer taken whole. -> {"sdp": answer, "ice", "kinds"}

        `ice` names the ICE session. A new session replaces the participant's publishing peer.
        """
        return self._enter(device.ingest, room, participant, session, sdp)

    async def play(self, room: str, participant: str, session: str, sdp: str) -> dict[str, Any]:
        """Let a player join and receive, by its own offer. -> {"sdp": answer, "ice", "kinds"}

        What its m-sections have room for is sent, and later publications take the places of those that ended.
        """
        return self._enter(device.play, room, participant, session, sdp)

    async def patch(self, room: str, participant: str, session: str, match: list[str], fragment: str) -> dict[str, Any]:
        """Take a device's ICE change. -> {"ice", "fragment": the new ICE session, or None when it is the same}"""
        change = sdp_fragment.read(fragment)
        ice, answer = device.patch(self._room(room), participant, session, match, change)
        return {"ice": ice, "fragment": answer}

    async def end(self, room: str, participant: str, session: str) -> dict[str, Any]:
        """End a device's session and its seat. Raises NoSuchSessionError for another session than the present. -> {}"""
        found = self._room(room)
        device.end(found, participant, session)
        if not found.participants:
            self._forget(room)
        return {}

    async def leave(self, room: str, participant: str) -> dict[str, Any]:
        """Close a participant's peers; the room ends with its last. Doing it twice does nothing. -> {}"""
        arguments.name(participant, "participant")
        found = self._rooms.get(arguments.name(room, "room"))
        if found is not None:
            found.leave(participant)
            if not found.participants:
                self._forget(room)
        return {}

    async def close_room(self, room: str) -> dict[str, Any]:
        """Everybody out. Doing it twice does nothing. -> {}"""
        found = self._rooms.get(arguments.name(room, "room"))
        if found is not None:
            found.close()
            self._forget(room)
        return {}

    async def snapshot(self, room: str | None = None) -> dict[str, Any]:
        """All rooms, or this one, as they are, so that a restarted front picks them up."""
        names = self._rooms.keys() if room is None else self._rooms.keys() & {room}
        return {"rooms": {name: self._rooms[name].snapshot() for name in names}}

    async def line_check(self) -> dict[str, Any]:
        """Where this worker is reached, and credentials for checks that belong to no call.

        -> {"addresses", "port", "tcp", "ufrag", "password", "expires_in": seconds}
        """
        credentials, expires_in = self._line_check.credentials(self._clock())
        return {
            "addresses": list(self._config.advertised),
            "port": self._mux.port,
            "tcp": self._config.tcp,
            "ufrag": credentials.ufrag,
            "password": credentials.password,
            "expires_in": int(expires_in),
        }

    async def stats(self) -> dict[str, Any]:
        """Counts since the start, how many there are now of rooms, peers, publications, and how tracks and lines are.

        Numbers by name; those with a label are name → label → its value → name → number.
        """
        peers = [peer for room in self._rooms.values() for peer in room.peers()]
        publications = [publication for room in self._rooms.values() for publication in room.publications.values()]
        return {
            **self._counters.snapshot(),
            "rooms": len(self._rooms),
            "peers": len(peers),
            "peers_connected": sum(peer.state == "connected" for peer in peers),
            "publications": len(publications),
            "tasks": len(self._tasks),
            **{f"port_{name}": size for name, size in self._mux.sizes().items()},
            **statistics.gather(publications, peers, self._around.totals),
        }

    # --- for whoever records ---------------------------------------------------------------------------------------

    def listen(self, room: str, tap: MediaTap) -> Callable[[], None]:
        """Hear a room, whether or not anyone has joined it yet; returns the function that stops listening."""
        taps = self._taps_of(arguments.name(room, "room"))
        found = self._rooms.get(room)
        taps.add(tap, [publication.track for publication in found.publications.values()] if found else [])

        def stop() -> None:
            taps.remove(tap)
            if not taps and room not in self._rooms:
                self._taps.pop(room, None)

        return stop

    def request_keyframe(self, publication: str) -> None:
        """Ask the sender for a keyframe; an unknown publication is ignored, it may just have ended."""
        for room in self._rooms.values():
            found = room.publications.get(publication)
            if found is not None:
                found.want_keyframe()
                return

    # --- inside ---------------------------------------------------------------------------------------------------

    def _room(self, name: str) -> Room:
        found = self._rooms.get(arguments.name(name, "room"))
        if found is None:
            raise NoSuchRoomError("Nobody has joined this room.")
        return found

    def _enter(self, how: device.Enter, room: str, participant: str, session: str, sdp: str) -> dict[str, Any]:
        offer = sdp_parse.parse(sdp)
        self._check_capacity()
        found = self._open_room(room, participant)
        try:
            return how(found, participant, arguments.name(session, "session"), offer).plain()
        finally:
            if not found.participants:
                self._forget(room)

    def _open_room(self, name: str, participant: str) -> Room:
        arguments.name(participant, "participant")
        found = self._rooms.get(arguments.name(name, "room"))
        if found is None:
            if len(self._rooms) >= self._config.max_rooms:
                raise TooManyError("This media server has no room for another room.")
            found = self._rooms[name] = Room(name, self._around, self._taps_of(name), self._publications_changed)
        elif participant not in found.participants and len(found.participants) >= self._config.max_participants:
            raise TooManyError("The room is full.")
        return found

    def _forget(self, name: str) -> None:
        self._rooms.pop(name, None)
        taps = self._taps.get(name)
        if taps is not None and not taps:
            del self._taps[name]

    def _taps_of(self, room: str) -> Taps:
        return self._taps.setdefault(room, Taps(self._counters))

    def _check_capacity(self) -> None:
        peers = [peer for room in self._rooms.values() for peer in room.peers()]
        if len(peers) >= self._config.max_peers:
            raise TooManyError("This media server has no room for another connection.")
        if sum(peer.keys is None for peer in peers) >= self._config.max_handshakes:
            raise TooManyError("Too many connections are being made at once; try again in a moment.")

    def _emit(self, event: Event) -> None:
        try:
            self._emit_to(event)
        except Exception as error:  # noqa: BLE001 - a listener's mistake must not end a call
            self._counters.error("emit_errors", error)

    def _publications_changed(self, room: Room) -> None:
        """Gather the changes of one turn of the loop into one offer each."""
        if not self._running or room.name in self._changed:
            return
        self._changed.add(room.name)
        asyncio.get_running_loop().call_soon(self._offer, room)

    def _offer(self, room: Room) -> None:
        self._changed.discard(room.name)
        room.offer(self._clock())

    def _tick(self, now: float) -> None:
        """Give a part of the rooms their turn; each comes once in TICK."""
        parts = max(1, min(PARTS, len(self._rooms)))
        self._ticker.every = TICK / parts
        self._turn = turn = (self._turn + 1) % parts
        with self._mux.batch():
            if turn == 0:
                self._mux.tick(now)
            for room in list(self._rooms.values())[turn::parts]:
                room.tick(now)
