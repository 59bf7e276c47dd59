"""Liveness, readiness and metrics: yes or no for everybody, the details for the operator."""

from __future__ import annotations

import hmac
import ipaddress
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from tele.store.database import Database
from tele.web.edge import Edge

LEAST_FREE = 64 * 1024 * 1024
"""Bytes of disk below which the server says that it is not ready."""


@dataclass(frozen=True, slots=True)
class Health:
    """What the three pages need; `numbers` gives the metrics by name, with their labels."""

    database: Database
    data_dir: Path
    edge: Edge
    token: str
    media_up: Callable[[], bool]
    numbers: Callable[[], Awaitable[dict[str, dict[tuple[tuple[str, str], ...], float]]]]

    async def live(self, request: web.Request) -> web.Response:
        """The process answers."""
        return web.json_response({"ok": True})

    async def ready(self, request: web.Request) -> web.Response:
        """Whether people can work now; to the operator also what is missing, in words."""
        missing = await self._missing()
        body: dict[str, object] = {"ready": not missing}
        if self._is_operator(request):
            body["missing"] = missing
        return web.json_response(body, status=503 if missing else 200)

    async def metrics(self, request: web.Request) -> web.Response:
        """Prometheus text."""
        if not self._is_operator(request):
            raise web.HTTPNotFound
        registry = CollectorRegistry()
        for name, samples in (await self.numbers()).items():
            labels = [label for label, _ in next(iter(samples), ())]
            gauge = Gauge(name, name.replace("_", " "), labels, registry=registry)
            for values, number in samples.items():
                (gauge.labels(**dict(values)) if values else gauge).set(number)
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _missing(self) -> list[str]:
        missing = []
        try:
            async with self.database.reading() as tx:
                await tx.execute(text("SELECT 1"))
        except (SQLAlchemyError, OSError) as error:
            missing.append(f"the database does not answer ({type(error).__name__})")
        if not self.media_up():
            missing.append("a media worker is not running; it is being started again")
        if shutil.disk_usage(self.data_dir).free < LEAST_FREE:
            missing.append("the disk of the data directory is full")
        return missing

    def _is_operator(self, request: web.Request) -> bool:
        """This machine itself, or who has the token."""
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.token and hmac.compare_digest(given.encode(), self.token.encode()):
            return True
        try:
            return ipaddress.ip_address(self.edge.address(request)).is_loopback
        except ValueError:
            return False
