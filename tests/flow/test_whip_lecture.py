"""OBS's way into a lecture (RFC 9725): FFmpeg waits, the host goes live, learners play it by HLS; who is put out."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import pytest

from tests import peers
from tests.device_call import FRAGMENT_BODY, SDP_BODY, Json, attribute, device_call, http, orange, pushing
from tests.flow.test_whip_http import client, enter, fragment, offer_of
from tests.people import Caller, caller
from tests.server import Server, running_server

CONSENT = {"consent": "2026-1"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("whip")
    with running_server(folder / "data") as server:
        yield server


@dataclass
class Hall:
    """A lecture of spec's, whose page hears what hosts hear; gp is in the audience."""

    spec: Caller
    gp: Caller
    lecture: str

    @property
    def path(self) -> str:
        return f"/api/lectures/{self.lecture}"

    async def token(self, label: str = "OBS") -> Json:
        made: Json = await self.spec.ok("POST", f"{self.path}/ingest-tokens", {"label": label})
        return made

    async def live(self) -> None:
        await self.spec.ok("POST", f"{self.path}/go-live", CONSENT)

    async def devices(self, wanted: list[tuple[str, bool]]) -> None:
        """Wait until the host's page is told that these encoders are there, and whether they are connected."""

        def now() -> list[tuple[str, bool]] | None:
            told = [payload for event, payload in self.spec.events if event == "lecture.devices"]
            return [(each["name"], each["connected"]) for each in told[-1]["devices"]] if told else None

        async with asyncio.timeout(8):
            while now() != wanted:
                await asyncio.sleep(0.02)


@asynccontextmanager
async def hall(server: Server) -> AsyncIterator[Hall]:
    async with caller(server.url, "spec") as spec, caller(server.url, "gp") as gp:
        lecture = (await spec.ok("POST", "/api/lectures", {"title": "Echo, live from the lab"}))["id"]
        for each in (spec, gp):
            assert (await each.send("lecture.watch", {"lecture": lecture}))["ok"]
        yield Hall(spec, gp, lecture)
        await spec.call("POST", f"/api/lectures/{lecture}/end")


async def recording(hall: Hall, wanted: set[str]) -> Json:
    """The lecture's recording as a learner sees it, as soon as it has tracks of these sources."""
    async with asyncio.timeout(15):
        while True:
            items = (await hall.gp.ok("GET", "/api/recordings"))["items"]
            found = next((each for each in items if each["lecture"] == hall.lecture), None)
            if found is not None and {track["source"] for track in found["tracks"]} == wanted:
                seen: Json = found
                return seen
            await asyncio.sleep(0.1)


async def play(learner: Caller, address: str, segments: int) -> list[av.VideoFrame]:
    """Decode a video rendition as a player reads it: the init section and its first whole segments that are no gap."""
    async with asyncio.timeout(25):
        while True:
            status, playlist = await learner.call("GET", address)
            files = re.findall(r"^seg-\d+\.m4s$", playlist, re.MULTILINE) if status == 200 else []
            if len(files) >= segments:
                break
            await asyncio.sleep(0.2)
    init = re.search(r'#EXT-X-MAP:URI="(init-[^"]+)"', playlist)
    assert init is not None, playlist
    media = b""
    for name in (init[1], *files[:segments]):
        async with learner.http.get(learner.url + address.rsplit("/", 1)[0] + "/" + name) as answer:
            assert answer.status == 200, name
            media += await answer.read()
    with av.open(BytesIO(media), "r") as opened:
        return [frame for frame in opened.decode(video=0) if isinstance(frame, av.VideoFrame)]


async def test_an_encoder_waits_goes_on_the_air_and_is_watched_and_replayed(server: Server) -> None:
    async with hall(server) as here:
        made = await here.token("OBS in the lab")
        assert made["url"] == f"{server.url}/whip/{here.lecture}"
        async with pushing(made["url"], made["token"], 120.0) as process:
            await here.devices([("OBS in the lab", True)])
            (listed,) = (await here.spec.ok("GET", f"{here.path}/ingest-tokens"))["items"]
            assert listed["connected"]
            seen = await here.gp.ok("GET", here.path)  # it waits: nothing is on the air, nothing is recorded
            assert (seen["status"], seen["recording"]) == ("planned", None)
            assert not any(event == "lecture.devices" for event, _ in here.gp.events)
            await here.live()
            await here.gp.hears("lecture", id=here.lecture, what="live")

            found = await recording(here, {"camera", "microphone"})
            for track in found["tracks"]:
                assert track["participant"] == {"id": made["id"], "name": "OBS in the lab", "role": "device"}
            master = await here.gp.ok("GET", f"/media/{found['id']}/index.m3u8")
            camera = next(track["name"] for track in found["tracks"] if track["source"] == "camera")
            assert f"{camera}/index.m3u8" in master and "TYPE=AUDIO" in master
            frames = await play(here.gp, f"/media/{found['id']}/{camera}/index.m3u8", 3)
            assert len(frames) > 40 and all(frame.width == 640 for frame in frames) and orange(frames[-1])

            process.terminate()  # it has no time to delete its session: its silence is what tells
        await here.spec.ok("DELETE", f"{here.path}/ingest-tokens/{made['id']}")
        await here.devices([])
        await here.gp.hears("lecture.picture", lecture=here.lecture, state="away")
        again = await here.token("Another OBS")
        async with pushing(again["url"], again["token"], 4.0) as process:
            await here.devices([("Another OBS", True)])
            assert await asyncio.wait_for(process.wait(), 20) == 0  # it deleted its session and got 200
        await here.devices([])
        await here.spec.ok("POST", f"{here.path}/end")
        await here.gp.hears("lecture", id=here.lecture, what="recording", limit=10)
        (sealed,) = [
            each
            for each in (await here.gp.ok("GET", "/api/recordings?state=sealed"))["items"]
            if each["lecture"] == here.lecture
        ]
        assert {track["participant"]["name"] for track in sealed["tracks"]} == {"OBS in the lab", "Another OBS"}
        assert "#EXT-X-ENDLIST" in await here.gp.ok("GET", f"/media/{sealed['id']}/{camera}/index.m3u8")


async def test_a_presenter_and_an_encoder_are_on_the_air_together(server: Server) -> None:
    async with hall(server) as here, client() as peer:
        made = await here.token("Hall camera")
        await here.live()
        joined = await here.spec.send("room.join", {"room": here.lecture, "codecs": ["H264"]})
        assert joined["ok"] and joined["recording"] == "on", joined
        headers, sdp = await enter(made, peer)
        location = headers["Location"]
        assert location.startswith(f"{server.url}/whip/{here.lecture}/")
        people = await here.spec.hears("room.people", room=here.lecture)
        async with asyncio.timeout(5):
            while [each["role"] for each in people["people"]] != ["presenter", "device"]:
                await asyncio.sleep(0.02)
                people = [payload for event, payload in here.spec.events if event == "room.people"][-1]
        status, answered, body = await http(
            "PATCH", location, made["token"], fragment("newufrag", "p" * 24), **FRAGMENT_BODY, If_Match="*"
        )
        assert status == 200 and attribute(body, "ice-ufrag") != attribute(sdp, "ice-ufrag"), body
        assert (await http("DELETE", location, made["token"], If_Match=answered["ETag"]))[0] == 200
        async with asyncio.timeout(5):
            await peer.said_goodbye.wait()
        assert (await http("DELETE", location, made["token"]))[0] == 404


async def out_within_a_second(here: Hall, act: Any, status: int) -> None:
    """A connected encoder hears the end of its session ≤ 1 s after `act`, and is not let in again."""
    made = await here.token()
    async with client() as peer:
        await enter(made, peer)
        async with asyncio.timeout(1):
            await act(made)
            await peer.said_goodbye.wait()
        refused, _, body = await http("POST", made["url"], made["token"], offer_of(peer), **SDP_BODY)
        assert refused == status, body


async def test_revocation_end_and_cancellation_put_an_encoder_out(server: Server) -> None:
    async def revoke(made: Json) -> None:
        await here.spec.ok("DELETE", f"{here.path}/ingest-tokens/{made['id']}")

    async def end(_: Json) -> None:
        await here.spec.ok("POST", f"{here.path}/end")

    async with hall(server) as here:
        await out_within_a_second(here, revoke, 401)  # while it waits
        await here.live()
        await out_within_a_second(here, revoke, 401)
        await out_within_a_second(here, end, 404)
    async with hall(server) as here:
        made = await here.token()
        async with client() as peer:
            await enter(made, peer)
            await here.spec.ok("POST", f"{here.path}/cancel")
            async with asyncio.timeout(1):
                await peer.said_goodbye.wait()
            assert (await http("POST", made["url"], made["token"], offer_of(peer), **SDP_BODY))[0] == 404


async def test_a_token_is_for_its_own_door(server: Server) -> None:
    async with hall(server) as here, device_call(server.url) as call, client() as peer:
        made, of_call = await here.token(), await call.token()
        offer = offer_of(peer)
        assert (await http("POST", f"{server.url}/whip/{here.lecture}", of_call["token"], offer, **SDP_BODY))[0] == 404
        for elsewhere in (of_call["url"], f"{server.url}/whip/room/{here.lecture}", f"{server.url}/whip/{call.room}"):
            assert (await http("POST", elsewhere, made["token"], offer, **SDP_BODY))[0] == 404, elsewhere
        assert (await http("POST", f"{server.url}/whep/room/{here.lecture}", made["token"], offer, **SDP_BODY))[
            0
        ] == 404
        for wrong in (None, "x" * 43, made["token"] + "x"):
            status, headers, _ = await http("POST", made["url"], wrong, offer, **SDP_BODY)
            assert status == 401 and headers["WWW-Authenticate"].startswith("Bearer")
        status, headers, _ = await http("OPTIONS", made["url"])
        assert (status, headers["Accept-Post"]) == (200, "application/sdp")
        status, headers, _ = await http("PUT", made["url"], made["token"], "x")
        assert (status, headers["Allow"]) == (405, "GET,HEAD,OPTIONS,POST")
        assert (await http("POST", made["url"], made["token"], offer_of(peer, "recvonly"), **SDP_BODY))[0] == 422


async def test_an_encoder_on_one_node_and_its_host_on_another(tmp_path: Path) -> None:
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
            async with hall(first) as here, client() as peer:
                made = await here.token()
                made["url"] = made["url"].replace(first.url, second.url)
                await enter(made, peer)
                await here.devices([("OBS", True)])
                assert (await here.spec.ok("GET", f"{here.path}/ingest-tokens"))["items"][0]["connected"]
                await here.live()
                joined = await here.spec.send("room.join", {"room": here.lecture, "codecs": ["H264"]})
                assert joined["ok"] and joined["recording"] == "on", joined
                assert [each["role"] for each in joined["people"]] == ["device", "presenter"]
                await here.spec.ok("DELETE", f"{here.path}/ingest-tokens/{made['id']}")
                async with asyncio.timeout(2):
                    await peer.said_goodbye.wait()


async def test_a_lecture_goes_on_with_its_encoder_while_the_front_starts_again(tmp_path: Path) -> None:
    with running_server(tmp_path / "data") as server:
        async with client() as peer:
            async with hall_left_open(server) as here:
                made = await here.token("OBS")
                await here.live()
                headers, _ = await enter(made, peer)
                server.kill("_front")
            async with peer.staying(), caller(server.url, "spec") as spec:
                joined = await spec.send("room.join", {"room": here.lecture, "codecs": ["H264"]})
                assert [(each["name"], each["connected"]) for each in joined["people"]][:1] == [("OBS", True)], joined
            assert not peer.said_goodbye.is_set()
            assert (await http("DELETE", headers["Location"], made["token"]))[0] == 200


@asynccontextmanager
async def hall_left_open(server: Server) -> AsyncIterator[Hall]:
    """As `hall`, without the end: who held it lost the server."""
    async with caller(server.url, "spec") as spec, caller(server.url, "gp") as gp:
        lecture = (await spec.ok("POST", "/api/lectures", {"title": "Echo, live from the lab"}))["id"]
        yield Hall(spec, gp, lecture)
