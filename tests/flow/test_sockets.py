"""The socket at its edges: who gets in, what a bad message earns, and that it harms nobody else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
import socketio
from socketio.exceptions import ConnectionError as Refused

from tests.people import Caller, caller
from tests.server import Server, running_server

BAD_OFFERS = [
    "",
    "v=0",
    "v=0\r\nm=video",
    "x" * 60_000,
    "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n" + "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n" * 200,
    "\x00\xff\r\n" * 10,
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("tele") / "data", TELE_MEDIA__WORKERS="0") as server:
        yield server


@asynccontextmanager
async def in_a_room(server: Server) -> AsyncIterator[tuple[Caller, Caller, str, str]]:
    """A GP and a specialist in a call; ends it at the end."""
    async with caller(server.url, "gp") as gp, caller(server.url, "spec") as specialist:
        await specialist.ok("PUT", "/api/on-call", {"on": True})
        made = await gp.ask()
        await specialist.hears("ring", consultation=made["id"])
        await specialist.ok("POST", f"/api/consultations/{made['id']}/accept")
        room = (await gp.ok("GET", f"/api/consultations/{made['id']}"))["encounter"]["room"]
        for each in (gp, specialist):
            assert (await each.send("room.join", {"room": room, "codecs": ["H264", "VP9"]}))["ok"]
        try:
            yield gp, specialist, room, made["id"]
        finally:
            await gp.ok("POST", f"/api/consultations/{made['id']}/hang-up")
            await specialist.ok("PUT", "/api/on-call", {"on": False})


async def test_nobody_gets_in_without_a_session(server: Server) -> None:
    client = socketio.AsyncClient(reconnection=False)
    with pytest.raises(Refused):
        await client.connect(server.url, transports=["websocket"])


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
async def test_another_sites_page_gets_nowhere_with_our_cookie(server: Server, origin: str) -> None:
    async with caller(server.url, "gp", page=False) as gp:
        client = socketio.AsyncClient(http_session=gp.http, reconnection=False)
        with pytest.raises(Refused):
            await client.connect(server.url, transports=["websocket"], headers={"Origin": origin})


async def test_long_polling_is_not_offered(server: Server) -> None:
    async with caller(server.url, "gp", page=False) as gp:
        answer = await gp.http.get(f"{server.url}/socket.io/?EIO=4&transport=polling")
        assert answer.status == 400


async def test_bad_messages_earn_a_typed_error_and_change_nothing(server: Server) -> None:
    async with in_a_room(server) as (gp, specialist, room, _):
        wrong = [
            ("room.burn", {}, "unknown-event"),
            ("room.join", {"room": 7, "codecs": []}, "malformed"),
            ("chat.send", ["not", "an", "object"], "malformed"),
            ("chat.send", {"room": room, "text": "x" * 5_000, "client_id": "c_12345678"}, "malformed"),
            ("media.state", {"room": room, "mic": "perhaps", "camera": True}, "malformed"),
            ("stage.show", {"room": room, "file": "no-such-file-anywhere"}, "not-found"),
            ("room.join", {"room": "r" * 22, "codecs": []}, "not-found"),
            ("chat.send", {"room": "r" * 22, "text": "hello", "client_id": "c_12345678"}, "not-in-room"),
        ]
        for event, payload, code in wrong:
            answer = await gp.send(event, payload)  # type: ignore[arg-type]
            assert (answer["ok"], answer["error"]["code"]) == (False, code), (event, payload)
        for offer in BAD_OFFERS:
            publish = {"room": room, "session": "s_12345678", "sdp": offer, "sources": {"0": "camera"}}
            answer = await gp.send("media.publish", publish)
            assert answer["error"]["code"] in ("bad-sdp", "malformed"), offer[:40]
        assert (await specialist.send("chat.send", {"room": room, "text": "still here", "client_id": "c_12345678"}))[
            "ok"
        ]
        assert (await gp.hears("chat.message", room=room))["message"]["text"] == "still here"


async def test_a_flood_is_slowed_and_the_others_are_heard(server: Server) -> None:
    async with in_a_room(server) as (gp, specialist, room, _):
        answers = [await gp.send("media.state", {"room": room, "mic": True, "camera": True}) for _ in range(150)]
        refused = [answer for answer in answers if not answer["ok"]]
        assert {answer["error"]["code"] for answer in refused} <= {"too-many"}
        assert (await specialist.send("chat.send", {"room": room, "text": "hello", "client_id": "c_87654321"}))["ok"]


async def test_a_stranger_cannot_enter_a_call_whose_id_they_know(server: Server) -> None:
    async with in_a_room(server) as (_, __, room, consultation):
        for username in ("gp2", "spec2", "derm", "learner", "coord", "admin", "auditor"):
            async with caller(server.url, username) as stranger:
                answer = await stranger.send("room.join", {"room": room, "codecs": ["H264"]})
                assert answer["error"]["code"] == "not-found", username
                status, _ = await stranger.call("POST", f"/api/consultations/{consultation}/hang-up")
                assert status in (403, 404), username


async def test_a_message_that_is_too_large_ends_that_connection_alone(server: Server) -> None:
    async with in_a_room(server) as (gp, specialist, room, _):
        async with gp.http.ws_connect(f"{server.url}/socket.io/?EIO=4&transport=websocket") as raw:
            await raw.receive()
            await raw.send_str("4" + "x" * 1_000_000)
            closed = await raw.receive(timeout=10)
            assert closed.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
        assert (await specialist.send("chat.send", {"room": room, "text": "fine", "client_id": "c_11223344"}))["ok"]


async def test_signing_out_everywhere_closes_every_page_at_once(server: Server) -> None:
    async with caller(server.url, "gp2") as here, caller(server.url, "gp2") as there:
        await here.call("DELETE", "/api/session?everywhere=1")
        await there.hears("session.ended")
        assert (await there.call("GET", "/api/session"))[0] == 401
