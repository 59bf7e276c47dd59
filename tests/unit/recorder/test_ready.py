"""Answers that are put together once: whoever asks the same gets the same bytes, whoever asks for more gets more."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime

import pytest
from aiohttp import web

from recorder import ready

BODY = b"#EXTM3U\n" * 500


class Asked:
    """A server of one answer, and connections to it that show what goes over the wire."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.put_together = 0

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def get(self, line: str = "GET / HTTP/1.1", *fields: str) -> bytes:
        """All that comes for one request, on a connection of its own that is closed afterwards."""
        reader, writer = await self.connect()
        writer.write("\r\n".join([line, "Host: localhost", *fields, "", ""]).encode())
        whole = await _answer(reader, head_only=line.startswith("HEAD"))
        writer.close()
        return whole


async def _answer(reader: asyncio.StreamReader, *, head_only: bool = False) -> bytes:
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    return head + (b"" if head_only else await reader.readexactly(length))


@pytest.fixture
async def asked() -> AsyncIterator[Asked]:
    answers = ready.Answers()

    def headers() -> dict[str, str]:
        made.put_together += 1
        return {"Content-Type": "application/vnd.apple.mpegurl", "ETag": '"e"'}

    async def answer(request: web.Request) -> web.StreamResponse:
        return answers.to(request, request.query.get("variant"), BODY, headers)

    async def protect(_: web.Request, response: web.StreamResponse) -> None:
        response.headers["Content-Security-Policy"] = "default-src 'none'"

    app = web.Application()
    app.router.add_get("/", answer)
    app.on_response_prepare.append(protect)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made = Asked(runner.addresses[0][1])
    yield made
    await runner.cleanup()


async def test_everybody_gets_what_the_first_one_got(asked: Asked) -> None:
    first = await asked.get()
    assert first.startswith(b"HTTP/1.1 200 OK\r\n")
    assert first.endswith(b"\r\n\r\n" + BODY)
    assert b"Content-Security-Policy: default-src 'none'\r\n" in first
    assert [await asked.get() for _ in range(3)] == [first] * 3
    assert asked.put_together == 1


async def test_a_connection_goes_on_after_it(asked: Asked) -> None:
    first = await asked.get()
    reader, writer = await asked.connect()
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 5)
    assert [await _answer(reader) for _ in range(5)] == [first] * 5
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert b"Connection: close\r\n" in await _answer(reader)
    assert await reader.read() == b""
    writer.close()


@pytest.mark.parametrize(
    ("line", "field", "has"),
    [
        ("HEAD / HTTP/1.1", "Accept: */*", b"200 OK"),
        ("GET / HTTP/1.0", "Connection: keep-alive", b"Connection: keep-alive"),
        ("GET / HTTP/1.1", "Connection: close", b"Connection: close"),
        ("GET / HTTP/1.1", 'If-None-Match: "e"', b"200 OK"),
        ("GET / HTTP/1.1", "Range: bytes=0-1", b"200 OK"),
    ],
)
async def test_who_asks_otherwise_is_answered_by_itself(asked: Asked, line: str, field: str, has: bytes) -> None:
    await asked.get()
    assert has in await asked.get(line, field)
    assert asked.put_together == 2


async def test_variants_are_kept_apart(asked: Asked) -> None:
    await asked.get("GET /?variant=a HTTP/1.1")
    await asked.get("GET /?variant=b HTTP/1.1")
    await asked.get("GET /?variant=a HTTP/1.1")
    assert asked.put_together == 2


async def test_the_date_of_an_answer_is_never_old(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    await asked.get()
    later = time.monotonic() + ready.FRESH
    monkeypatch.setattr(ready, "monotonic", lambda: later)
    whole = await asked.get()
    assert asked.put_together == 2
    date = whole.split(b"Date: ")[1].split(b"\r\n")[0].decode()
    assert abs(parsedate_to_datetime(date).timestamp() - time.time()) < 3


async def test_who_has_gone_is_sent_nothing(asked: Asked) -> None:
    await asked.get()
    answers: list[web.StreamResponse] = []

    async def keep(request: web.Request) -> web.StreamResponse:
        shared = ready.Ready(b"", b"")
        assert request.transport is not None
        request.transport.abort()
        with pytest.raises(ConnectionResetError):
            await shared.prepare(request)
        answers.append(shared)
        return shared

    app = web.Application()
    app.router.add_get("/", keep)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    gone = Asked(runner.addresses[0][1])
    with pytest.raises(asyncio.IncompleteReadError):
        await gone.get()
    assert len(answers) == 1
    await runner.cleanup()
