"""From a request to the ring at a specialist's page, with a thousand people signed in and connected.

The server is a whole one. Accounts share one password hash and their sessions are written into the database directly:
signing in a thousand times would measure Argon2. All else is real: REST with cookies, Socket.IO on WebSockets.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import aiohttp

from signaling.media.counters import Counters
from signaling.media.tasks import Tasks
from tele.offline import services
from tele.services.accounts import NewAccount, NewRole, create_account, create_organisation
from tele.services.sign_in import hash_token
from tele.settings import load
from tele.store.tables import SignInSession
from tests.bench.ending import conclude
from tests.bench.gathering import percentile
from tests.server import Server, running_server

SPECIALISTS: Final = 50
"""Of all people; the others are GPs."""
RING_WITHIN: Final = 10.0
AT_ONCE: Final = 40
"""Connections begun at the same time: a ward opens its pages in the morning, not in one instant."""


@dataclass
class Person:
    """A signed-in person with a page open: what Socket.IO's client does, by hand."""

    url: str
    http: aiohttp.ClientSession
    token: str
    rings: dict[str, float] = field(default_factory=dict)
    """When a ring came, by consultation."""
    connected: asyncio.Event = field(default_factory=asyncio.Event)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def headers(self) -> dict[str, str]:
        """What carries the session."""
        return {"Cookie": f"tele_session={self.token}"}

    async def ask(self, method: str, path: str, body: object) -> Any:
        """One request that must succeed."""
        async with self.http.request(method, self.url + path, json=body, headers=self.headers) as answer:
            said = await answer.json()
            if answer.status >= 300:
                raise RuntimeError(f"{method} {path}: {answer.status} {said}")
            return said

    async def listen(self) -> None:
        """Engine.IO 4 and Socket.IO 5 on a WebSocket: connect, answer pings, note rings."""
        path = f"{self.url}/socket.io/?EIO=4&transport=websocket"
        async with self.http.ws_connect(path, headers=self.headers, max_msg_size=1 << 20) as socket:
            async for message in socket:
                text = message.data
                if not isinstance(text, str):
                    continue
                if text.startswith("0"):
                    await socket.send_str("40")
                elif text == "2":
                    await socket.send_str("3")
                elif text.startswith("40"):
                    self.connected.set()
                elif text.startswith('42["ring",'):
                    self.rings[json.loads(text[2:])[1]["consultation"]] = time.perf_counter()
                    self.news.set()


@contextmanager
def settings_of(server: Server) -> Iterator[None]:
    """The environment in which `load` finds the server's settings."""
    before = os.environ.get("TELE_DATA_DIR")
    os.environ["TELE_DATA_DIR"] = str(server.data_dir)
    try:
        yield
    finally:
        if before is None:
            del os.environ["TELE_DATA_DIR"]
        else:
            os.environ["TELE_DATA_DIR"] = before


async def signed_in(server: Server, people: int) -> list[tuple[str, str]]:
    """Make that many accounts with a session each; (role, token) of each, specialists first."""
    with settings_of(server):
        settings = load()
    found = []
    async with services(settings) as house:
        shared = await house.passwords.hash(secrets.token_urlsafe(16))
        hospital = await create_organisation(house, None, "Bench Hospital", "hospital")
        centre = await create_organisation(house, None, "Bench Centre", "phc")
        now = house.clock()
        for number in range(people):
            role = "specialist" if number < SPECIALISTS else "gp"
            place = NewRole("specialist", hospital, ("cardiology",)) if role == "specialist" else NewRole("gp", centre)
            account = NewAccount(f"bench-{number}", f"Dr {number}", "", [place], is_demo=True, password_hash=shared)
            person = await create_account(house, None, account)
            token = secrets.token_urlsafe(32)
            async with house.database.transaction() as tx:
                tx.add(
                    SignInSession(
                        id=house.new_id(), token_hash=hash_token(token), practitioner=person, created_at=now,
                        last_seen_at=now, expires_at=now + timedelta(hours=8), revoked_at=None, user_agent="bench",
                    )
                )  # fmt: skip
            found.append((role, token))
    return found


def request() -> dict[str, Any]:
    """An urgent question for a cardiologist, with consent."""
    now = datetime.now(UTC).isoformat()
    consent = {"kind": "teleconsultation", "form_version": "2026-1", "given_by": "patient", "given_at": now}
    return {
        "specialty": "cardiology",
        "urgency": "urgent",
        "question": "ST elevation?",
        "patient": {},
        "files": [],
        "consents": [consent],
    }


async def pair(gp: Person, specialists: Sequence[Person]) -> tuple[float, float]:
    """One request: seconds until a specialist's page rings, and until the answer to the request came."""
    began = time.perf_counter()
    made = await gp.ask("POST", "/api/consultations", request())
    answered = time.perf_counter() - began
    deadline = began + RING_WITHIN
    while True:
        rung = [each.rings[made["id"]] for each in specialists if made["id"] in each.rings]
        if rung:
            break
        if time.perf_counter() > deadline:
            raise RuntimeError("nobody's page rang")
        await asyncio.sleep(0.002)  # the ring has its own time stamp: this delays nothing that is measured
    await gp.ask("POST", f"/api/consultations/{made['id']}/cancel", {})
    return min(rung) - began, answered


async def measure(server: Server, people: int, requests: int, pause: float) -> dict[str, Any]:
    """Sign everybody in, then ask again and again."""
    sessions = await signed_in(server, people)
    tasks = Tasks(Counters())
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as http:
        everyone = [Person(server.url, http, token) for _, token in sessions]
        try:
            began = time.perf_counter()
            for first in range(0, people, AT_ONCE):
                some = everyone[first : first + AT_ONCE]
                for person in some:
                    tasks.spawn(person.listen(), "page")
                async with asyncio.timeout(60):
                    await asyncio.gather(*(person.connected.wait() for person in some))
            connecting = time.perf_counter() - began
            specialists, gps = everyone[:SPECIALISTS], everyone[SPECIALISTS:]
            for specialist in specialists:
                await specialist.ask("PUT", "/api/on-call", {"on": True})
            rings, answers = [], []
            for number in range(requests):
                ring, answer = await pair(gps[number % len(gps)], specialists)
                rings.append(ring)
                answers.append(answer)
                await asyncio.sleep(pause)
        finally:
            await tasks.stop()
    return {
        "benchmark": "pairing",
        "people": people,
        "specialists_on_call": SPECIALISTS,
        "requests": requests,
        "connected_in_s": round(connecting, 2),
        "ring_ms": {name: round(percentile(rings, part) * 1e3, 1) for name, part in QUANTILES.items()},
        "answer_ms": {name: round(percentile(answers, part) * 1e3, 1) for name, part in QUANTILES.items()},
    }


QUANTILES: Final = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "most": 1.0}


def main(argv: Sequence[str] = ()) -> dict[str, Any]:
    """Run the benchmark; print a table and, as the last line, the JSON object that is returned."""
    parser = argparse.ArgumentParser(prog="tele bench pairing", description=__doc__)
    parser.add_argument("--people", type=int, default=1_000, help="signed in with a page open")
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--pause", type=float, default=0.1, help="seconds between two requests")
    options = parser.parse_args(list(argv))
    people = max(SPECIALISTS + 1, options.people)
    with (
        tempfile.TemporaryDirectory(prefix="bench-pairing-") as folder,
        running_server(Path(folder) / "data", TELE_DEMO__ENABLED="false") as server,
    ):
        result = asyncio.run(measure(server, people, options.requests, options.pause))
    print("people  requests  request to ring ms: p50    p90    p99   most")
    ring = result["ring_ms"]
    figures = "  ".join(f"{ring[name]:>5.1f}" for name in QUANTILES)
    print(f"{people:>6}  {options.requests:>8}  {figures:>44}")
    return conclude(result)


if __name__ == "__main__":
    main(sys.argv[1:])
