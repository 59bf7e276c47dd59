"""`tele check https://server` at sites whose networks let through everything, TCP alone, nothing, or something else."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from aiohttp import web

from tele import checkup_far
from tele.checkup_far import Account
from tests.flow.test_console import tele
from tests.peers import free_port
from tests.server import Server, running_server

GP = Account("gp", "demo-only")
NEAR, FAR = "127.0.0.1", "127.0.0.2"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Its media is at one address and is said to be at another: what passes between them is up to each test."""
    settings = {"TELE_MEDIA__WORKERS": "0", "TELE_MEDIA__BIND": FAR, "TELE_MEDIA__HOST": NEAR}
    with running_server(tmp_path_factory.mktemp("tele") / "data", **settings) as server:
        yield server


async def said(url: str, account: Account | None = GP) -> list[str]:
    return [each.sentence for each in await checkup_far.look(url, account)]


@contextlib.asynccontextmanager
async def tcp_passes(port: int) -> AsyncIterator[None]:
    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(4096):
            sink.write(data)

    async def passed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        onward, back = await asyncio.open_connection(FAR, port)
        with contextlib.closing(writer), contextlib.closing(back):
            await asyncio.gather(pump(reader, back), pump(onward, writer))

    async with await asyncio.start_server(passed, NEAR, port):
        yield


@contextlib.asynccontextmanager
async def udp_passes(port: int) -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()

    class Relay(asyncio.DatagramProtocol):
        client: tuple[str, int]

        def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
            if address == (FAR, port):
                transport.sendto(data, self.client)
            else:
                self.client = address
                transport.sendto(data, (FAR, port))

    transport, _ = await loop.create_datagram_endpoint(Relay, local_addr=(NEAR, port))
    with contextlib.closing(transport):
        yield


@contextlib.asynccontextmanager
async def site(health: web.Response) -> AsyncIterator[str]:
    """Something that answers at an address; no WebSocket passes it."""

    async def answer(request: web.Request) -> web.Response:
        return health if request.path == "/healthz" else web.Response(status=400)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, NEAR, port).start()
    try:
        yield f"http://{NEAR}:{port}"
    finally:
        await runner.cleanup()


async def test_a_network_that_lets_everything_through(server: Server) -> None:
    async with udp_passes(server.media_port), tcp_passes(server.media_port):
        assert await said(server.url) == ["far_http", "far_socket", "far_udp", "far_tcp", "verdict_udp"]


async def test_a_network_that_blocks_udp(server: Server) -> None:
    async with tcp_passes(server.media_port):
        assert await said(server.url) == ["far_http", "far_socket", "far_udp_bad", "far_tcp", "verdict_tcp"]


async def test_a_network_that_lets_no_media_through_names_what_to_ask_for(server: Server) -> None:
    found = await checkup_far.look(server.url, GP)
    assert [each.sentence for each in found][2:] == ["far_udp_bad", "far_tcp_bad", "verdict_none"]
    assert found[-1].level == "bad"
    assert found[-1].words["where"] == f"{NEAR} : {server.media_port}"


async def test_without_an_account_media_is_not_tried(server: Server) -> None:
    assert await said(server.url, None) == ["far_http", "far_socket", "far_no_user"]
    assert (await said(server.url, Account("gp", "wrong")))[2:] == ["far_sign_in"]


async def test_what_is_in_the_way_is_named() -> None:
    assert await said("tele.example") == ["far_address"]
    assert await said(f"http://{NEAR}:{free_port()}") == ["far_refused"]
    assert await said("https://no-such-name.invalid") == ["far_name"]
    async with site(web.Response(text="<h1>Guest network</h1>", content_type="text/html")) as url:
        assert await said(url) == ["far_other"]
    async with site(web.json_response({"ok": True}, headers={"Date": "Sat, 01 Jan 2022 00:00:00 GMT"})) as url:
        assert await said(url, None) == ["far_http", "far_clock", "far_socket_bad", "far_no_user"]


def test_the_command_speaks_the_language_of_the_terminal(server: Server, tmp_path: Path) -> None:
    told = tele(tmp_path, "check", server.url, LC_ALL="zh_CN.UTF-8")
    assert told.returncode == 0, told.stderr
    assert "WebSocket 畅通" in told.stdout
