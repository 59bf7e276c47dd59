"""The front process: serves the web client, REST, Socket.IO and replay on the one web port."""

from __future__ import annotations

import asyncio
import socket
import ssl

from aiohttp import web

from tele.app import FRONT, build
from tele.process import LISTEN_FD, RUN_DIR, calm_collector
from tele.settings import Settings

DRAIN = 3.0
"""Seconds that running requests get to finish when the server ends."""


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    """TLS 1.2 and newer with the site's certificate; None without one."""
    if settings.http.tls_cert is None or settings.http.tls_key is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(settings.http.tls_cert, settings.http.tls_key)
    return context


async def run_front(settings: Settings, ending: asyncio.Event, environment: dict[str, str]) -> None:
    """Serve until `ending`, on the socket that the supervisor bound."""
    app = await build(settings, run_dir=environment.get(RUN_DIR))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=DRAIN, handler_cancellation=True)
    await runner.setup()
    try:
        listener = socket.socket(fileno=int(environment[LISTEN_FD]))
        listener.setblocking(False)
        await web.SockSite(runner, listener, ssl_context=tls_context(settings)).start()
        for line in app[FRONT].greeting:
            print(line, flush=True)
        calm_collector()
        await ending.wait()
    finally:
        await runner.cleanup()
