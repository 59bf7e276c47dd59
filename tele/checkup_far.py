"""`tele check https://server`: run at a site, says what its network lets through to the server, and what to ask for."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from tele.checkup import Finding, finding
from tele.checkup_probes import Goal, by_tcp, by_turn, by_udp

PATIENCE = aiohttp.ClientTimeout(total=8, sock_connect=5)
CLOCK_OFF = 120.0
"""Seconds between two clocks from which passwords of six digits, certificates and times of a case begin to suffer."""

HEALTHY = {"ok": True}
"""What Tele says at /healthz, and the sign-in page of a hotel does not."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Account:
    """Who tries: pictures and sound can be tried only by somebody who may have a call."""

    username: str
    password: str


async def look(server: str, account: Account | None) -> list[Finding]:
    """Everything that can be tried from here, in the order in which a browser needs it."""
    address = urlsplit(server)
    if address.scheme not in ("http", "https") or not address.hostname:
        return [finding("bad", "far_address", server=server)]
    base = f"{address.scheme}://{address.netloc}"
    jar = aiohttp.CookieJar(unsafe=True)  # a server may have an address and no name
    async with aiohttp.ClientSession(timeout=PATIENCE, trust_env=True, cookie_jar=jar) as http:
        return [each async for each in _steps(http, base, account)]


async def _steps(http: aiohttp.ClientSession, base: str, account: Account | None) -> AsyncIterator[Finding]:
    host = urlsplit(base).hostname
    began = time.monotonic()
    try:
        async with http.get(f"{base}/healthz") as answer:
            ours = answer.status == 200 and answer.content_type == "application/json" and await answer.json() == HEALTHY
            date = answer.headers.get("Date", "")
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        yield finding("bad", _reason(error), host=host, reason=_said(error))
        return
    if not ours:
        yield finding("bad", "far_other", host=host)
        return
    took = round((time.monotonic() - began) * 1000)
    yield finding("ok", "far_https" if base.startswith("https") else "far_http", host=host, took=took)
    if _clock_off(date) > CLOCK_OFF:
        yield finding("warn", "far_clock", minutes=round(_clock_off(date) / 60))
    opened = await _socket_opens(http, base)
    yield finding("ok" if opened else "bad", "far_socket" if opened else "far_socket_bad", host=host)
    if account is None:
        yield finding("warn", "far_no_user")
        return
    try:
        ways = await _ways(http, base, account)
    except (aiohttp.ClientError, TimeoutError, OSError):
        ways = None
    if ways is None:
        yield finding("bad", "far_sign_in", user=account.username)
        return
    async for each in _media(ways):
        yield each


async def _socket_opens(http: aiohttp.ClientSession, base: str) -> bool:
    """Whether a WebSocket carries the first message of Socket.IO: many proxies cut it there."""
    try:
        async with asyncio.timeout(8), http.ws_connect(f"{base}/socket.io/?EIO=4&transport=websocket") as line:
            first = await line.receive()
            return first.type is aiohttp.WSMsgType.TEXT and str(first.data).startswith("0{")
    except (aiohttp.ClientError, TimeoutError, OSError):
        return False


async def _ways(http: aiohttp.ClientSession, base: str, account: Account) -> Json | None:
    signing_in = {"username": account.username, "password": account.password}
    async with http.post(f"{base}/api/session", json=signing_in) as answer:
        if answer.status not in (200, 201):
            return None
    try:
        async with http.get(f"{base}/api/line-check") as answer:
            ways: Json | None = await answer.json() if answer.status == 200 else None
            return ways
    finally:
        async with http.delete(f"{base}/api/session"):
            pass


async def _media(ways: Json) -> AsyncIterator[Finding]:
    """Every worker by UDP and TCP, the TURN server, and what follows from it; the worst worker decides."""
    if not ways["workers"]:
        yield finding("bad", "far_no_worker")
        return
    carried = {"udp", "tcp"}
    places, everywhere = [], []
    for worker in ways["workers"]:
        goals = [Goal(host, worker["port"], worker["ufrag"], worker["password"]) for host in worker["addresses"]]
        everywhere += goals
        shown = {"addresses": ", ".join(worker["addresses"]), "port": worker["port"]}
        places.append(f"{shown['addresses']} : {shown['port']}")
        for name, way in (("udp", by_udp), ("tcp", by_tcp)):
            tries = await asyncio.gather(*(way(goal) for goal in goals))
            quickest = min((each for each in tries if each is not None), default=None)
            if quickest is None:
                carried.discard(name)
                yield finding("warn", f"far_{name}_bad", **shown)
            else:
                yield finding("ok", f"far_{name}", **shown, took=round(quickest * 1000))
    relayed = False
    for server in ways["ice_servers"]:
        for url in server["urls"]:
            relays = [await by_turn(url, server["username"], server["credential"], goal) for goal in everywhere]
            through = any(each.seconds is not None for each in relays)
            relayed |= through
            reached = any(each.reached for each in relays)
            yield finding(
                "ok" if through else "warn", "far_turn" if through else "far_turn_far" if reached else "far_turn_bad",
                url=url,
            )  # fmt: skip
    where = "; ".join(places)
    if "udp" in carried:
        yield finding("ok", "verdict_udp")
    elif "tcp" in carried:
        yield finding("warn", "verdict_tcp", where=where)
    elif relayed:
        yield finding("warn", "verdict_turn", where=where)
    else:
        yield finding("bad", "verdict_none", where=where)


def _reason(error: Exception) -> str:
    """The sentence for what stopped HTTPS."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "far_name"
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        return "far_certificate"
    if isinstance(error, TimeoutError):
        return "far_silent"
    return "far_refused"


def _said(error: Exception) -> str:
    inner = getattr(error, "certificate_error", error)
    return str(inner.verify_message if isinstance(inner, ssl.SSLCertVerificationError) else error)


def _clock_off(date: str) -> float:
    try:
        return abs((parsedate_to_datetime(date) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return 0.0
