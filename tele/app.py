"""The one composition root: reads the settings, builds everything and joins it together. Only it knows all of it."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import time
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from aiohttp import web

from recorder.downloads import Downloads
from recorder.renditions import Renditions
from recorder.vault import PlainVault
from recorder.views import Library, Views
from signaling import fanout
from signaling.devices import Devices
from signaling.gateway import Gateway
from signaling.heads import NoHeads, SharedHeads
from signaling.lectures import Lectures
from signaling.presence import LocalPresence, SharedPresence
from signaling.rooms import Rooms
from signaling.server import SocketServer
from tele import demo, turn
from tele.desk import Desk
from tele.domain.access import Actor
from tele.domain.ids import new_id
from tele.media_pool import MediaPool
from tele.metrics import Numbers
from tele.paths import config_file, web_client
from tele.services import attach_file, ingest, sign_in
from tele.services.attempts import Attempts
from tele.services.channels import Channel, Channels
from tele.services.channels.email import EmailChannel
from tele.services.channels.webhook import WebhookChannel
from tele.services.context import Limits, Services
from tele.services.encounters import Encounters
from tele.services.lectures.broadcast import Broadcasts
from tele.services.lectures.deck import Decks
from tele.services.lectures.reminders import Reminders
from tele.services.paging import PagingEngine
from tele.services.passwords import Passwords
from tele.services.reference import Reference
from tele.services.tasks import Tasks
from tele.services.timer import WallTimer
from tele.settings import Settings
from tele.store.database import Database
from tele.store.objects import ObjectStore
from tele.web import routing, sessions
from tele.web.client import WebClient
from tele.web.edge import Edge
from tele.web.encounters import ENCOUNTERS
from tele.web.health import Health
from tele.web.ingest import DEVICES
from tele.web.lectures import BROADCASTS
from tele.web.line_check import LINE, Line
from tele.web.media_leave import MediaLeave, Overheard
from tele.web.recordings import releases
from tele.web.whip import ICE_SERVERS

log = structlog.get_logger(__name__)

SWEEP_SESSIONS = 1.0
"""Seconds between looks at who was signed out, on another node or at the console: sockets and media end with it."""
SWEEP = 15.0
"""Seconds between looks at what ends by itself: calls that everybody left, recordings that could not be sealed."""
SWEEP_FILES = 3600.0


@dataclass(frozen=True, slots=True)
class Front:
    """What runs in a front, for those who start it: tests and the process itself."""

    services: Services
    sockets: SocketServer
    rooms: Rooms
    media: MediaPool
    encounters: Encounters
    paging: PagingEngine
    greeting: tuple[str, ...]


FRONT: web.AppKey[Front] = web.AppKey("front", Front)


async def build(settings: Settings, *, run_dir: str | None = None) -> web.Application:
    """Everything of a front as one aiohttp application; its background work starts and ends with the application.

    `run_dir` is where media workers listen; None runs the media plane in this process.
    """
    tasks = Tasks("front")
    node = settings.node or f"{socket.gethostname()}:{settings.http.port}"
    edge = _edge(settings)
    redis = fanout.commands(settings.redis.url) if settings.redis.url else None
    database = await Database.open(settings.database_url)
    presence = SharedPresence(redis, node) if redis is not None else LocalPresence()
    reference = Reference.load(config_file("default.yaml").parent)
    engine = PagingEngine(reference, WallTimer(_now))

    async def authenticate(request: web.Request) -> Actor | None:
        return await resolve(request)

    async def audience(consultation_id: str) -> Collection[str]:
        return await encounters.participants(consultation_id)

    sockets = SocketServer(
        authenticate=authenticate, audience=audience, presence=presence, tasks=tasks, origins=edge.is_own,
        redis_url=settings.redis.url,
    )  # fmt: skip
    reminders, decks = Reminders(WallTimer(_now)), Decks()
    heads = SharedHeads(redis, node) if redis is not None else NoHeads()
    lectures = Lectures(groups=sockets, heads=heads, tasks=tasks, remind=reminders.wake, deck=decks.wake)
    library = Library(settings.recordings_dir, PlainVault(), aac=settings.recording.aac)
    overheard = Overheard(sockets, sockets, lambda *about: leave.changed(*about))  # noqa: PLW0108 - built later
    services = Services(
        database=database,
        clock=_now,
        new_id=new_id,
        objects=ObjectStore.open(settings.storage_url),
        notifier=overheard,
        presence=presence,
        watch=overheard,
        paging=engine,
        channels=_channels(settings),
        passwords=Passwords(),
        attempts=Attempts(rate=f"{settings.sessions.lockout_failures} per {settings.sessions.lockout_minutes} minutes"),
        reference=reference,
        limits=_limits(settings),
        live=lectures,
        recorded=library.summary,
    )
    resolve = sessions.resolver(services, edge)
    encounters, broadcasts = Encounters(services), Broadcasts(services)
    desk = Desk(services, encounters, broadcasts)
    media = MediaPool(settings, tasks, run_dir)
    servers = turn.from_settings(settings, time.time, new_id).ice_servers
    rooms = Rooms(
        media=media,
        speaker=sockets,
        calls=desk,
        tasks=tasks,
        ice_servers=servers,
        owns=lambda room: gateway.owns(room),  # noqa: PLW0108 - the gateway is built from the rooms
        segment_seconds=settings.recording.segment_seconds,
        empty_limit=settings.consultation.empty_room_minutes * 60,
        viewers=lectures,
    )
    gateway = Gateway(rooms, tasks, node, redis)
    encounters.connect(gateway, engine)
    broadcasts.connect(gateway)
    sockets.on_presence = engine.presence_changed

    app = web.Application(client_max_size=0, middlewares=routing.middlewares(services, edge))
    app[ENCOUNTERS] = encounters
    app[BROADCASTS] = broadcasts
    app[DEVICES], app[ICE_SERVERS] = gateway, servers
    app[LINE] = Line(media.line_checks, servers)
    health = Health(
        database, settings.data_dir, edge, settings.metrics.token.get_secret_value(), lambda: media.up,
        Numbers(sockets, rooms, media, engine).read,
    )  # fmt: skip
    leave = MediaLeave.of(services, edge)
    shared = settings.http.shared_cache
    replay = Views(
        library, leave.authorise, downloads=Downloads(library, settings.recordings_dir), release=releases(services),
        shares=leave.shares if shared else None,
    )  # fmt: skip
    media_routes = [*(leave.routes() if shared else ()), *replay.routes()]
    routing.attach(app, services, edge, resolve, health=health, replay=media_routes, client=WebClient(web_client()))
    sockets.attach(app, gateway, lectures)
    routing.finish(app)
    made = await demo.greet(services, settings)

    async def life(_: web.Application) -> AsyncIterator[None]:
        gateway.start()
        lectures.start(desk.lectures)
        reminders.start(services)
        decks.start(services)
        if isinstance(presence, SharedPresence):
            tasks.spawn(presence.run(), "presence")
        await media.start(rooms.media_event, rooms.worker_up)
        await engine.start(services)
        tasks.spawn(leave.run(), "media-leave")
        if settings.recording.aac:
            tasks.spawn(Renditions(library, settings.recordings_dir).run(), "renditions")
        tasks.spawn(_sweep_sessions(sockets, rooms.devices, services), "sweep-sessions")
        tasks.spawn(_sweep(rooms), "sweep")
        tasks.spawn(_sweep_files(services), "sweep-files")
        yield
        await engine.stop()
        await reminders.stop()
        await decks.stop()
        await sockets.sio.shutdown()
        await media.stop()
        await tasks.close()
        if redis is not None:
            await redis.aclose()
        await database.close()

    async def let_go(_: web.Application) -> None:
        await replay.close()

    app.cleanup_ctx.append(life)
    app.on_shutdown.append(let_go)
    app[FRONT] = Front(services, sockets, rooms, media, encounters, engine, made)
    return app


def _now() -> datetime:
    return datetime.now(UTC)


def _channels(settings: Settings) -> Channels:
    """The ways to reach a specialist without an open page that this site has."""
    found: dict[str, Channel] = {}
    mailer: EmailChannel | None = None
    mail, hook = settings.mail, settings.webhook
    if mail.host:
        mailer = found["mail"] = EmailChannel(
            mail.host, mail.port, mail.sender, settings.public_url, username=mail.username,
            password=mail.password.get_secret_value(), starttls=mail.starttls,
        )  # fmt: skip
    if hook.url:
        found["webhook"] = WebhookChannel(
            hook.url, hook.secret.get_secret_value(), settings.public_url, _now, shape=hook.shape,
            allow_private=hook.allow_private,
        )  # fmt: skip
    return Channels(found, mailer)


def _edge(settings: Settings) -> Edge:
    proxies = tuple(ipaddress.ip_network(each) for each in settings.http.trusted_proxies)
    return Edge(settings.http.public_url, settings.http.tls_cert is not None, proxies)


def _limits(settings: Settings) -> Limits:
    return Limits(
        upload_bytes=settings.uploads.max_megabytes * 1024 * 1024,
        files_per_case=settings.uploads.max_files_per_consultation,
        session_idle=timedelta(hours=settings.sessions.idle_hours),
        session_absolute=timedelta(days=settings.sessions.absolute_days),
    )


async def _sweep_sessions(sockets: SocketServer, devices: Devices, services: Services) -> None:
    while True:
        await asyncio.sleep(SWEEP_SESSIONS)
        try:
            await sockets.cut_ended(lambda sessions: sign_in.alive(services, sessions))
            if tokens := devices.tokens():
                await devices.expel(tokens - await ingest.alive(services, tokens))
        except Exception:  # the next look may be luckier
            log.exception("sweep.sessions_failed")


async def _sweep(rooms: Rooms) -> None:
    while True:
        await asyncio.sleep(SWEEP)
        try:
            await rooms.reconcile()
            await rooms.watch_empty(time.monotonic())
        except Exception:  # what ends by itself can end at the next look
            log.exception("sweep.failed")


async def _sweep_files(services: Services) -> None:
    while True:
        try:
            await attach_file.sweep(services)
        except Exception:  # the next hour tries again
            log.exception("sweep.files_failed")
        await asyncio.sleep(SWEEP_FILES)
