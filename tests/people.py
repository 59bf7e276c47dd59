"""Signed-in people without a browser: REST and Socket.IO as a page would use them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp
import socketio

Json = dict[str, Any]


@dataclass
class Caller:
    """One person's session, with an open page when `sio` is connected."""

    url: str
    http: aiohttp.ClientSession
    sio: socketio.AsyncClient
    me: Json = field(default_factory=dict)
    events: list[tuple[str, Json]] = field(default_factory=list)
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def call(self, method: str, path: str, body: object = None, **options: Any) -> tuple[int, Any]:
        """One JSON request; returns status and body."""
        async with self.http.request(method, self.url + path, json=body, **options) as answer:
            is_json = answer.content_type.endswith("json")
            return answer.status, await answer.json() if is_json else await answer.text()

    async def ok(self, method: str, path: str, body: object = None) -> Any:
        """One JSON request that must succeed."""
        status, answer = await self.call(method, path, body)
        assert status < 300, (method, path, status, answer)
        return answer

    async def send(self, event: str, payload: Json) -> Json:
        """One socket message; returns its acknowledgement."""
        answer: Json = await self.sio.call(event, payload, timeout=15)
        return answer

    async def hears(self, event: str, limit: float = 5.0, **fields: Any) -> Json:
        """Wait for an event whose payload has these fields; what came before counts too."""

        def found() -> Json | None:
            for name, payload in self.events:
                if name == event and all(payload.get(key) == value for key, value in fields.items()):
                    return payload
            return None

        async with self._news, asyncio.timeout(limit):
            await self._news.wait_for(lambda: found() is not None)
        payload = found()
        assert payload is not None
        return payload

    async def open_page(self) -> None:
        """Connect the socket, as a page does when it loads."""

        async def heard(event: str, payload: Json) -> None:
            async with self._news:
                self.events.append((event, payload))
                self._news.notify_all()

        self.sio.on("*", heard)
        await self.sio.connect(self.url, transports=["websocket"])

    async def ask(self, **changes: Any) -> Json:
        """Send a request for a consultation, with both consents."""
        now = datetime.now(UTC).isoformat()
        consents = [
            {"kind": kind, "form_version": "2026-1", "given_by": "patient", "given_at": now}
            for kind in ("teleconsultation", "recording")
        ]
        asked = {
            "specialty": "cardiology",
            "urgency": "urgent",
            "question": "ST elevation?",
            "patient": {},
            "files": [],
        }
        made: Json = await self.ok("POST", "/api/consultations", {**asked, "consents": consents, **changes})
        return made


@asynccontextmanager
async def caller(url: str, username: str, *, page: bool = True, password: str = "demo-only") -> AsyncIterator[Caller]:
    """Somebody signed in at this server, by default with an open page."""
    jar = aiohttp.CookieJar(unsafe=True)  # cookies for an address, not a name
    async with aiohttp.ClientSession(cookie_jar=jar) as http:
        someone = Caller(url, http, socketio.AsyncClient(http_session=http, reconnection=False))
        someone.me = await someone.ok("POST", "/api/session", {"username": username, "password": password})
        if page:
            await someone.open_page()
        try:
            yield someone
        finally:
            await someone.sio.disconnect()
