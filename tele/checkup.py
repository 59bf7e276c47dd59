"""`tele check`: looks at this machine and says in plain words, in the reader's language, what to do."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import shutil
import socket
import urllib.request
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import yaml
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine

from tele.settings import Settings

RECORDED_HOUR = 0.9
"""GB of disk an hour of a recorded consultation takes: two people at 1 Mbit/s each."""
LITTLE_DISK = 5.0
LAST_DAYS = 21
"""A certificate that ends within these wants a new one now."""
OLDEST_CLOCK = datetime(2026, 1, 1, tzinfo=UTC)
"""This program did not exist before: an earlier clock is wrong."""

Level = Literal["ok", "warn", "bad"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: how bad, which sentence of the catalogue, and what fills it."""

    level: Level
    sentence: str
    words: dict[str, object]


def finding(level: Level, sentence: str, **words: object) -> Finding:
    """Shorthand for one line."""
    return Finding(level, sentence, words)


def run(settings: Settings) -> int:
    """Print what was found on this machine; returns 1 when something has to be fixed."""
    return tell(look(settings))


def run_far(server: str, username: str, password: str) -> int:
    """Print what can be reached of a server from here; returns 1 when calls will not work."""
    from tele import checkup_far

    account = checkup_far.Account(username, password) if username else None
    return tell(asyncio.run(checkup_far.look(server, account)))


def tell(found: Iterable[Finding]) -> int:
    """Print every finding as it comes; returns 1 when something has to be fixed."""
    words = catalogue()
    findings = []
    for each in found:
        findings.append(each)
        print(f"[{words[each.level]:^6}] {words[each.sentence].format(**each.words)}", flush=True)
    broken = any(each.level == "bad" for each in findings)
    print("\n" + words["fix" if broken else "good"])
    return 1 if broken else 0


def catalogue() -> dict[str, str]:
    """The sentences in the language of this terminal."""
    spoken = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "")
    sentences = yaml.safe_load((Path(__file__).parent / "locales" / "check.yaml").read_text(encoding="utf-8"))
    chosen: dict[str, str] = sentences["zh-CN" if spoken.startswith("zh") else "en"]
    return chosen


def look(settings: Settings) -> Iterator[Finding]:
    """Everything that can be looked at from this machine, most important first."""
    running = _answers(settings)
    yield from _web_port(settings, running)
    yield from _media_port(settings, running)
    yield from _addresses(settings)
    yield from _disk(settings)
    now = datetime.now(UTC).astimezone()
    yield finding(
        "ok" if now > OLDEST_CLOCK else "bad", "clock" if now > OLDEST_CLOCK else "clock_bad", now=f"{now:%F %T %Z}"
    )
    yield asyncio.run(_database(settings))
    if settings.redis.url:
        yield asyncio.run(_redis(settings.redis.url))
    yield finding("ok", "secure") if settings.http.secure else finding("warn", "insecure")
    if settings.http.tls_cert is not None:
        yield _certificate(settings.http.tls_cert, settings.http.tls_key, now)
    if settings.turn.urls:
        yield finding("ok", "turn_set", urls=", ".join(settings.turn.urls))
    yield finding("ok", "browsers")
    yield finding("ok", "camera")


def _answers(settings: Settings) -> bool:
    host = "127.0.0.1" if settings.http.host in ("0.0.0.0", "localhost") else settings.http.host
    host = f"[{host if host != '::' else '::1'}]" if ":" in host else host
    scheme = "https" if settings.http.tls_cert else "http"
    try:
        import ssl

        unverified = ssl._create_unverified_context()  # it only asks our own port whether it is us
        with urllib.request.urlopen(
            f"{scheme}://{host}:{settings.http.port}/healthz", timeout=3, context=unverified
        ) as answer:
            return bool(answer.status == 200)
    except (OSError, ValueError):
        return False


def _web_port(settings: Settings, running: bool) -> Iterator[Finding]:
    where = {"port": settings.http.port, "host": settings.http.host}
    if running:
        yield finding("ok", "http_tele", **where)
    elif _bindable(settings.http.host, settings.http.port, socket.SOCK_STREAM):
        yield finding("ok", "http_free", **where)
    else:
        yield finding("bad", "http_taken", **where)


def _media_port(settings: Settings, running: bool) -> Iterator[Finding]:
    for port in range(settings.media.port, settings.media.port + max(1, settings.media.workers)):
        free = _bindable("0.0.0.0", port, socket.SOCK_DGRAM)
        if free and not _bindable("0.0.0.0", port, socket.SOCK_STREAM):
            yield finding("bad", "media_tcp_taken", port=port)
        elif free:
            yield finding("ok", "media_free", port=port)
            yield from _echo(port)
        else:
            yield finding("ok" if running else "bad", "media_tele" if running else "media_taken", port=port)


def _echo(port: int) -> Iterator[Finding]:
    from tele.media_node import own_addresses

    for address in own_addresses()[:2] or ["127.0.0.1"]:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as ear, socket.socket(family, socket.SOCK_DGRAM) as mouth:
            ear.settimeout(1.0)
            try:
                ear.bind((address, port))
                mouth.sendto(b"tele check", (address, port))
                ear.recv(64)
            except OSError:
                yield finding("bad", "media_blocked", address=address, port=port)
            else:
                yield finding("ok", "media_echo", address=address)


def _addresses(settings: Settings) -> Iterator[Finding]:
    from tele.media_node import advertised

    addresses = advertised(settings)
    if not addresses:
        yield finding("bad", "addresses_none")
        return
    yield finding("ok", "addresses", addresses=", ".join(addresses))
    numeric = [
        ipaddress.ip_address(each)
        for each in addresses
        if each.replace(".", "").replace(":", "").isalnum() and not each[-1].isalpha()
    ]
    if numeric and all(each.is_private for each in numeric):
        yield finding("warn", "addresses_private")


def _disk(settings: Settings) -> Iterator[Finding]:
    folder = settings.data_dir.resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        probe = folder / ".check"
        probe.write_bytes(b"x")
        probe.unlink()
    except OSError as error:
        yield finding("bad", "folder_bad", folder=folder, reason=error.strerror)
        return
    free = shutil.disk_usage(folder).free / 1e9
    words: dict[str, object] = {"free": f"{free:.0f}", "folder": folder, "hours": f"{free / RECORDED_HOUR:.0f}"}
    yield finding("ok" if free > LITTLE_DISK else "warn", "disk" if free > LITTLE_DISK else "disk_low", **words)


async def _database(settings: Settings) -> Finding:
    url = settings.database_url
    kind = "PostgreSQL" if url.startswith("postgresql") else "SQLite"
    if kind == "SQLite" and not Path(url.split("///", 1)[1]).exists():
        return finding("ok", "database_new", kind=kind)
    engine = create_async_engine(url)
    try:
        async with asyncio.timeout(5), engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
    except (SQLAlchemyError, OSError) as error:
        return finding("bad", "database_bad", reason=type(error).__name__)
    finally:
        await engine.dispose()
    return finding("ok", "database", kind=kind)


async def _redis(url: str) -> Finding:
    from redis.asyncio import Redis
    from redis.exceptions import RedisError

    try:
        async with Redis.from_url(url, socket_timeout=3, socket_connect_timeout=3) as client:
            await client.ping()
    except (RedisError, OSError, ValueError) as error:
        return finding("bad", "redis_bad", reason=type(error).__name__)
    return finding("ok", "redis")


def _certificate(file: Path, key: Path | None, now: datetime) -> Finding:
    import ssl

    from cryptography import x509

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(file, key)
        certificate = x509.load_pem_x509_certificate(file.read_bytes())
    except (OSError, ValueError) as error:  # an ssl.SSLError is an OSError
        return finding("bad", "certificate_bad", file=file, reason=error)
    days = (certificate.not_valid_after_utc - now).days
    if days < 0 or certificate.not_valid_before_utc > now:
        return finding("bad", "certificate_over", until=f"{certificate.not_valid_after_utc:%F}")
    soon = days < LAST_DAYS
    return finding("warn" if soon else "ok", "certificate_soon" if soon else "certificate", days=days)


def _bindable(host: str, port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind) as probe:
        if kind == socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
