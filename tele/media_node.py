"""One media node: the media plane with the recorder plugged in as one more listener, driven by plain messages."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable

import structlog

from recorder.recorder import Recorder
from recorder.settings import RecorderSettings
from recorder.vault import PlainVault
from signaling.media.config import MediaConfig
from signaling.media.plane import MediaPlane
from tele.link import CallFailed, LinkServer, Message
from tele.process import RUN_DIR, calm_collector, holdings, socket_path
from tele.settings import Settings

log = structlog.get_logger(__name__)


def own_addresses() -> list[str]:
    """This machine's addresses that packets to the outside would leave from: IPv4 and IPv6, without loopback."""
    import ifaddr

    found: list[str] = []
    for adapter in ifaddr.get_adapters():
        for entry in adapter.ips:
            address = ipaddress.ip_address(entry.ip if isinstance(entry.ip, str) else entry.ip[0])
            if not (address.is_loopback or address.is_link_local or address.is_multicast):
                found.append(str(address))
    return found


def advertised(settings: Settings) -> tuple[str, ...]:
    """Addresses put into ICE candidates: as set, else every own one, and loopback while HTTP is on loopback too."""
    if settings.media.host:
        return tuple(address for name in settings.media.host for address in _resolve(name))
    loopback = ["127.0.0.1"] if settings.http.on_loopback or settings.http.host in ("0.0.0.0", "::") else []
    return (*loopback, *own_addresses())


def _resolve(name: str) -> list[str]:
    """An address as it is; the addresses of a name. Raises SystemExit when there are none."""
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_DGRAM)
    except OSError as error:
        raise SystemExit(f"tele: media.host names {name}, which has no address: {error.strerror or error}") from None
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _recorder_settings(settings: Settings) -> RecorderSettings:
    least = settings.recording.min_free_megabytes * 1024 * 1024
    return RecorderSettings(
        grid=settings.recording.segment_seconds,
        sync=settings.recording.sync,
        min_free=least,
        resume_free=least * 5 // 4,
    )


class MediaNode:
    """The plane and the recorder of one process. `call` is its whole surface; events leave through `emit`."""

    def __init__(self, settings: Settings, number: int, emit: Callable[[Message], None]) -> None:
        config = MediaConfig(
            port=settings.media.port + number,
            bind=settings.media.bind,
            advertised=advertised(settings),
            max_peers=settings.media.max_participants * 2,
        )
        self.plane = MediaPlane(config, emit)
        self.recorder = Recorder(
            settings.recordings_dir,
            self.plane,
            emit,
            vault=PlainVault(),
            settings=_recorder_settings(settings),
        )
        self._commands: dict[str, Callable[..., Awaitable[Message]]] = {
            "join": self.plane.join,
            "publish": self.plane.publish,
            "subscribe": self.plane.subscribe,
            "answer": self.plane.answer,
            "ingest": self.plane.ingest,
            "play": self.plane.play,
            "patch": self.plane.patch,
            "end": self.plane.end,
            "leave": self.plane.leave,
            "close_room": self.plane.close_room,
            "snapshot": self.plane.snapshot,
            "line_check": self.plane.line_check,
            "stats": self._stats,
            "record.start": self.recorder.start,
            "record.pause": self._pause,
            "record.seal": self._seal,
        }

    async def start(self) -> None:
        """Open the media port; look for recordings that a crash tore. Raises OSError when the port is taken."""
        await self.plane.start()
        for summary in await self.recorder.recover():
            log.info("recording.recovered", recording=summary.get("recording"), duration=summary.get("duration"))

    async def stop(self) -> None:
        """Close open segments first, then the port."""
        await self.recorder.stop()
        await self.plane.stop()

    async def call(self, name: str, arguments: Message) -> Message:
        """Carry out one command."""
        command = self._commands.get(name)
        if command is None:
            raise CallFailed("unknown-call", f"no such call: {name}")
        return await command(**arguments)

    async def _stats(self) -> Message:
        return {"media": await self.plane.stats(), "recorder": await self.recorder.stats(), "worker": holdings()}

    async def _pause(self, room: str, recording: str) -> Message:
        return await self.recorder.pause(recording)

    async def _seal(self, room: str, recording: str) -> Message:
        return await self.recorder.seal(recording)


async def run_worker(settings: Settings, number: int, ending: asyncio.Event, environment: dict[str, str]) -> None:
    """A worker process: one node behind a Unix socket, until `ending`."""
    events: list[Callable[[Message], None]] = []

    def emit(event: Message) -> None:
        for hear in events:
            hear(event)

    node = MediaNode(settings, number, emit)
    try:
        await node.start()
    except OSError as error:
        port = settings.media.port + number
        raise SystemExit(
            f"tele: cannot open media port {port}: {error.strerror or error}. Another program uses it: end that one, or"
            " choose another with TELE_MEDIA__PORT."
        ) from None
    server = LinkServer(node)
    events.append(server.emit)
    await server.start(socket_path(environment[RUN_DIR], number))
    calm_collector()
    await ending.wait()
    await node.stop()
    await server.stop()
