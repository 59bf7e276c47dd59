"""WHIP and WHEP as HTTP: what RFC 9725 §4 and the WHEP draft §4 ask of each request, and who is let in or put out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from yarl import URL

from tests import peers
from tests.device_call import (
    FRAGMENT_BODY,
    SDP_BODY,
    DeviceCall,
    Json,
    attribute,
    device_call,
    devices,
    http,
)
from tests.flow.test_console import tele
from tests.media_client import MediaClient
from tests.people import caller
from tests.server import Server, running_server

PUBLIC = "https://tele.hospital.example"
TURN = {"TELE_TURN__URLS": "turns:turn.example:443,turn:turn.example:3478?transport=udp", "TELE_TURN__SECRET": "s" * 32}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("whip")
    with running_server(folder / "data") as server:
        yield server


@asynccontextmanager
async def client() -> AsyncIterator[MediaClient]:
    made = MediaClient()
    try:
        yield made
    finally:
        await made.close()


def offer_of(client: MediaClient, direction: str = "sendonly") -> str:
    text = client.offer(("audio", "opus", 0x0A000000), ("video", "H264", 0x0B000000))
    return text.replace("a=sendonly", f"a={direction}")


async def enter(made: Json, client: MediaClient, **headers: str) -> tuple[Any, str]:
    """A device that is connected: the headers of the answer, and the answer."""
    status, answered, sdp = await http("POST", made["url"], made["token"], offer_of(client), **SDP_BODY, **headers)
    assert status == 201, sdp
    await client.connect(sdp)
    return answered, sdp


def fragment(ufrag: str = "", password: str = "", candidate: bool = True) -> str:
    lines = ["a=group:BUNDLE 0 1", "m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=mid:0"]
    lines += [f"a=ice-ufrag:{ufrag}", f"a=ice-pwd:{password}"] if ufrag else []
    lines += ["a=candidate:1 1 udp 2122260223 192.0.2.1 61764 typ host"] if candidate else []
    return "".join(f"{line}\r\n" for line in lines)


async def test_what_an_endpoint_answers(server: Server) -> None:
    async with device_call(server.url) as call, client() as peer:
        made, play = await call.token(), await call.token("play", "Wall")
        offer = offer_of(peer)
        for each in (made, play):
            url, token = each["url"], each["token"]
            status, headers, _ = await http("OPTIONS", url)
            assert (status, headers["Accept-Post"]) == (200, "application/sdp")
            assert not any(name.lower().startswith("access-control") for name in headers)
            status, headers, body = await http("GET", url, token)
            assert (status, body) == (204, "")  # RFC 9725 §4.1: no representation
            status, headers, _ = await http("HEAD", url, token)
            assert (status, headers["Content-Type"]) == (200, "application/sdp")
            for method in ("PUT", "PATCH", "DELETE"):
                status, headers, _ = await http(method, url, token, "x")
                assert (status, headers["Allow"]) == (405, "GET,HEAD,OPTIONS,POST")
            for wrong in (None, "x" * 43, play["token"] + "x", "a b", ""):
                status, headers, body = await http("POST", url, wrong, offer, **SDP_BODY)
                assert status == 401 and headers["WWW-Authenticate"].startswith("Bearer"), body
                assert headers["Content-Type"].startswith("application/problem+json")
            status, headers, _ = await http("POST", url, token, offer, Content_Type="application/json")
            assert (status, headers["Accept-Post"]) == (415, "application/sdp")
            for malformed in ("", "v=0", "no sdp", offer.replace("a=ice-pwd", "a=x"), "v=0\r\n" + "a=x\r\n" * 20_000):
                status, _, body = await http("POST", url, token, malformed, **SDP_BODY)
                assert status in (400, 413), body
            wrong_way = offer_of(peer, "recvonly" if each is made else "sendonly")
            for unfit in (wrong_way, offer.replace("opus/48000", "PCMU/8000"), offer.replace("H264/90", "VP8/90")):
                text = unfit if each is made else unfit.replace("a=sendonly", "a=recvonly")
                text = wrong_way if unfit is wrong_way else text
                status, _, body = await http("POST", url, token, text, **SDP_BODY)
                assert status == 422, body
            other = url.replace(call.room, "q3P0vJ2d8xk1aTn5mC7rLw")
            assert (await http("POST", other, token, offer, **SDP_BODY))[0] == 404
        # A token is for its own direction alone, and never in the address.
        assert (await http("POST", made["url"], play["token"], offer, **SDP_BODY))[0] == 404
        assert (await http("POST", f"{made['url']}?access_token={made['token']}", None, offer, **SDP_BODY))[0] == 401
        cookies = call.gp.http.cookie_jar.filter_cookies(URL(server.url))
        named = "; ".join(f"{name}={morsel.value}" for name, morsel in cookies.items())
        assert (await http("POST", made["url"], None, offer, Cookie=named, **SDP_BODY))[0] == 401
        assert not devices(await call.people(lambda people: True))


async def test_a_session_takes_ice_changes_and_ends(server: Server) -> None:
    async with device_call(server.url) as call, client() as peer:
        made = await call.token()
        headers, sdp = await enter(made, peer, Origin="https://elsewhere.example")  # no cookie counts here
        location, etag, token = headers["Location"], headers["ETag"], made["token"]
        assert headers["Content-Type"] == "application/sdp" and location.startswith(made["url"] + "/")
        assert headers["Accept-Patch"] == "application/trickle-ice-sdpfrag"
        assert len(location.rsplit("/", 1)[1]) >= 22 and "a=recvonly" in sdp and "a=rtcp-mux-only" in sdp

        async def patch(body: str, tag: str | None, **more: str) -> tuple[int, Any, str]:
            tags = {"If_Match": tag} if tag is not None else {}
            return await http("PATCH", location, token, body, **{**FRAGMENT_BODY, **tags, **more})

        status, answered, body = await patch(fragment(peer.ufrag, peer.password), etag)
        assert (status, body) == (204, "") and "ETag" not in answered
        assert (await patch(fragment(), etag))[0] == 204
        assert (await patch(fragment(), None))[0] == 428
        assert (await patch(fragment(), '"another"'))[0] == 412
        assert (await patch(fragment(), etag, Content_Type="application/sdp"))[0] == 415
        for malformed in ("", "nonsense", fragment(candidate=False), fragment("ab", "short"), "a=ice-ufrag:abcdef\r\n"):
            assert (await patch(malformed, etag))[0] == 400, malformed
        assert (await http("PATCH", location, None, fragment(), **FRAGMENT_BODY, If_Match="*"))[0] == 401
        assert (await http("PATCH", location[:-3] + "xxx", token, fragment(), **FRAGMENT_BODY, If_Match="*"))[0] == 404

        status, answered, body = await patch(fragment("newufrag", "p" * 24), "*")
        assert status == 200 and answered["ETag"] != etag, body
        assert answered["Content-Type"] == "application/trickle-ice-sdpfrag"
        assert attribute(body, "ice-ufrag") != attribute(sdp, "ice-ufrag") and body.startswith("a=ice-lite\r\n")
        assert "a=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n" in body
        assert (await patch(fragment(), etag))[0] == 412
        peer.ufrag, before = "newufrag", peer.checks_answered
        peer.read_transport(body)
        peer.check()
        async with asyncio.timeout(5):
            while peer.checks_answered == before:
                await asyncio.sleep(0.02)

        for method in ("POST", "PUT"):
            assert (await http(method, location, token, "x"))[0] == 405
        assert (await http("GET", location, token))[0] == 204
        assert (await http("DELETE", location))[0] == 401
        assert (await http("DELETE", location, token, If_Match='"whatever"'))[0] == 200
        async with asyncio.timeout(5):
            await peer.said_goodbye.wait()
        await call.people(lambda people: not devices(people))
        assert (await http("DELETE", location, token))[0] == 404


async def test_a_client_that_starts_again_takes_its_own_place(server: Server) -> None:
    async with device_call(server.url) as call, client() as first, client() as second:
        made = await call.token()
        one, _ = await enter(made, first)
        two, _ = await enter(made, second)
        async with asyncio.timeout(5):
            await first.said_goodbye.wait()
        assert (await http("DELETE", one["Location"], made["token"]))[0] == 404
        (device,) = devices(await call.people(devices))
        assert device["connected"] and not second.said_goodbye.is_set()
        assert (await http("DELETE", two["Location"], made["token"]))[0] == 200


async def test_what_is_revoked_expired_or_over_is_out_within_a_second(server: Server) -> None:
    async with device_call(server.url) as call, client() as revoked, client() as ended:
        made, other = await call.token(), await call.token(label="Other")
        await enter(made, revoked)
        await enter(other, ended)
        path = f"/api/consultations/{call.case}/ingest-tokens"
        listed = (await call.gp.ok("GET", path))["items"]
        assert {each["id"] for each in listed} >= {made["id"], other["id"]}
        assert not any("token" in each or made["token"] in str(each) for each in listed)
        await call.specialist.ok("DELETE", f"{path}/{made['id']}")
        async with asyncio.timeout(1):
            await revoked.said_goodbye.wait()
        assert (await http("POST", made["url"], made["token"], offer_of(revoked), **SDP_BODY))[0] == 401
        assert (await call.gp.call("DELETE", f"{path}/{made['id']}"))[0] == 404
        await call.gp.ok("POST", f"/api/consultations/{call.case}/hang-up")
        async with asyncio.timeout(1):
            await ended.said_goodbye.wait()
        assert (await http("POST", other["url"], other["token"], offer_of(ended), **SDP_BODY))[0] == 404
        assert (await call.gp.call("POST", path, {"direction": "publish", "label": "x"}))[0] == 409


async def test_a_closed_account_takes_its_devices_with_it(server: Server) -> None:
    async with device_call(server.url) as call, client() as peer:
        body = {"direction": "publish", "label": "Dermatoscope"}
        made = await call.specialist.ok("POST", f"/api/consultations/{call.case}/ingest-tokens", body)
        await enter(made, peer)
        closed = await asyncio.to_thread(tele, server.data_dir, "admin", "disable", "spec")
        assert closed.returncode == 0, closed.stderr
        async with asyncio.timeout(5):
            await peer.said_goodbye.wait()


async def test_a_device_goes_on_while_the_front_starts_again(tmp_path: Path) -> None:
    with running_server(tmp_path / "data") as server:
        async with client() as peer, device_call(server.url) as call:
            made = await call.token(label="Ultrasound")
            headers, _ = await enter(made, peer)
            server.kill("_front")
            async with peer.staying(), back_again(server, call) as people:
                (device,) = devices(people)
                assert (device["name"], device["connected"], device["id"]) == ("Ultrasound", True, made["id"])
            assert not peer.said_goodbye.is_set()
            assert (await http("DELETE", headers["Location"], made["token"]))[0] == 200


@asynccontextmanager
async def back_again(server: Server, call: DeviceCall) -> AsyncIterator[list[Json]]:
    """The GP comes back to the call: who is in it."""
    async with caller(server.url, "gp") as gp:
        joined = await gp.send("room.join", {"room": call.room, "codecs": ["H264"]})
        assert joined["ok"], joined
        yield joined["people"]


async def test_the_public_address_and_the_turn_server_are_told(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", **TURN) as server:
        async with device_call(server.url) as call, client() as peer:
            headers, _ = await enter(await call.token(), peer)
            links = headers.getall("Link")
            assert links[0].startswith('<turns:turn.example:443>; rel="ice-server"; username="')
            assert links[1].startswith("<turn:turn.example:3478?transport=udp>;")
            assert all('credential-type="password"' in link and '; credential="' in link for link in links)


async def test_a_device_enters_by_the_node_that_does_not_have_the_call(tmp_path: Path) -> None:
    with peers.redis_server(tmp_path) as redis:
        shared = {
            "TELE_REDIS__URL": redis,
            "TELE_DATABASE__URL": f"sqlite+aiosqlite:///{tmp_path / 'shared.sqlite3'}",
            "TELE_MEDIA__WORKERS": "0",
        }
        with (
            running_server(tmp_path / "data", TELE_NODE="a", **shared) as first,
            running_server(tmp_path / "data", TELE_NODE="b", **shared) as second,
        ):
            async with device_call(first.url, second.url) as call, client() as peer:
                made = await call.token()
                made["url"] = made["url"].replace(first.url, second.url)
                headers, _ = await enter(made, peer)
                assert headers["Location"].startswith(second.url)
                (device,) = devices(await call.people(devices))
                assert device["name"] == "Ultrasound"
                status, _, body = await http(
                    "PATCH", headers["Location"], made["token"], fragment("newufrag", "p" * 24), **FRAGMENT_BODY,
                    If_Match="*",
                )  # fmt: skip
                assert status == 200, body
                path = f"/api/consultations/{call.case}/ingest-tokens/{made['id']}"
                await call.specialist.ok("DELETE", path)
                async with asyncio.timeout(2):
                    await peer.said_goodbye.wait()
