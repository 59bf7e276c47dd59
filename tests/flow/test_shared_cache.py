"""The nginx of config/nginx.conf before a whole server: bytes come from its cache, the right to them never does."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from yarl import URL

from signaling.media.counters import Counters
from signaling.media.tasks import Tasks
from tests.bench import nginx
from tests.bench.kills_live import live_recording, sealed
from tests.bench.podium import Podium
from tests.people import Caller, caller
from tests.server import Server, running_server

pytestmark = pytest.mark.skipif(nginx.installed() is None, reason="nginx is not installed: apt-get install nginx")

PART = re.compile(r'#EXT-X-PART:[^\n]*URI="([^"]+)"')
PROMISE = 1.0
"""Seconds within which whoever may no longer watch is refused."""


@dataclass(frozen=True)
class Got:
    """One answer."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def cached(self) -> bool:
        return self.headers.get("X-Cache-Status") == "HIT"


@dataclass
class Hall:
    """A lecture that is live behind the cache at `port`."""

    host: Caller
    lecture: str
    server: Server
    port: int
    recording: str
    camera: str

    async def get(self, path: str, who: Caller | None, headers: Mapping[str, str] | None = None) -> Got:
        """Through the cache, as nobody or as somebody."""
        url = URL(f"http://127.0.0.1:{self.port}/media/{self.recording}/{path}", encoded=True)
        fields = {"Accept-Encoding": "identity", **(headers or {})}
        if who is not None:
            cookies = who.http.cookie_jar.filter_cookies(URL(self.server.url)).values()
            fields["Cookie"] = "; ".join(f"{each.key}={each.value}" for each in cookies)
        async with (
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False) as http,
            http.get(url, headers=fields) as answer,
        ):
            return Got(answer.status, await answer.read(), answer.headers)

    async def newest(self, who: Caller) -> tuple[int, int, str]:
        """Media sequence number of the segment that grows, its parts so far, and the path of the last part."""
        text = (await self.get(f"{self.camera}/index.m3u8", who)).body.decode()
        skipped = text.count("#EXTINF")
        rest = text[text.rfind("#EXTINF") :] if skipped else text
        return skipped, rest.count("#EXT-X-PART:"), f"{self.camera}/{PART.findall(text)[-1]}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("cache") / "data"
    with running_server(folder, TELE_HTTP__SHARED_CACHE="true", TELE_HTTP__TRUSTED_PROXIES="127.0.0.1") as server:
        yield server


@pytest.fixture
async def hall(server: Server) -> AsyncIterator[Hall]:
    tasks = Tasks(Counters())
    with nginx.caching(server.port) as (port, _):
        async with caller(server.url, "spec") as host:
            podium = Podium(host)
            await podium.go_live("For very many")
            tasks.spawn(podium.keep(), "keep")
            tasks.spawn(podium.speak(), "speak")
            recording, tracks = await live_recording(host)
            camera = next(name for name in tracks if name.startswith("cam-"))
            yield Hall(host, podium.lecture, server, port, recording, camera)
            await tasks.stop()
            await podium.close()
            await host.call("POST", f"/api/lectures/{podium.lecture}/end")
            await sealed(host, recording)


async def test_a_stranger_gets_nothing_of_what_is_cached(hall: Hall) -> None:
    async with caller(hall.server.url, "gp", page=False) as gp, caller(hall.server.url, "gp2", page=False) as gp2:
        _, _, part = await hall.newest(gp)
        first, again, other = [await hall.get(part, who) for who in (gp, gp, gp2)]
        assert (first.status, first.cached) == (200, False)
        assert (again.cached, other.cached) == (True, True)
        assert first.body == again.body == other.body and first.body[4:8] == b"moof"
        assert other.headers["Cache-Control"] == "private, no-cache" and "X-Accel-Expires" not in other.headers
        nobody = await hall.get(part, None)
        assert nobody.status == 401 and nobody.headers["Content-Type"].startswith("application/problem+json")
        forged = await hall.get(part, None, {"Cookie": "tele_session=" + "x" * 43})
        assert (forged.status, forged.cached) == (401, False)


async def test_other_addresses_of_the_same_bytes_are_no_way_around(hall: Hall) -> None:
    async with caller(hall.server.url, "gp", page=False) as gp:
        _, _, part = await hall.newest(gp)
        assert (await hall.get(part, gp)).status == 200
        for path in (part + "?x=1", "x/../" + part, "%2e/" + part, part.replace("part", "%70art"), "/" + part):
            assert (await hall.get(path, None)).status in (401, 404), path
        assert (await hall.get(part + "?x=1", gp)).cached  # what is no directive is no part of an address
        assert (await hall.get("../tele-leave", gp)).status == 404
        assert (await hall.get("leave", None)).status == 401


async def test_whoever_may_no_longer_watch_is_refused_within_a_second(hall: Hall) -> None:
    async def refused(who: Caller) -> tuple[float, int]:
        begun = last = time.monotonic()
        while (got := await hall.get(part, who)).status == 200:
            assert time.monotonic() < begun + 5
            last = time.monotonic()
            await asyncio.sleep(0.01)
        return last - begun, got.status

    async with caller(hall.server.url, "gp", page=False) as gp, caller(hall.server.url, "gp2", page=False) as gp2:
        _, _, part = await hall.newest(gp)
        for who in (gp, gp2, gp):
            assert (await hall.get(part, who)).status == 200
        fields = {each.key: each.value for each in gp2.http.cookie_jar}
        await gp2.ok("DELETE", "/api/session")
        gp2.http.cookie_jar.update_cookies(fields, URL(hall.server.url))  # whoever kept the cookie
        took, status = await refused(gp2)
        assert (status, took <= PROMISE) == (401, True), took
        assert (await hall.get(part, gp)).cached
        await hall.host.ok("PATCH", f"/api/lectures/{hall.lecture}", {"roles": ["specialist"]})
        took, status = await refused(gp)
        assert (status, took <= PROMISE) == (404, True), took


async def test_many_who_wait_for_a_part_are_few_at_the_origin(hall: Hall) -> None:
    async with caller(hall.server.url, "gp", page=False) as gp:
        msn, parts, _ = await hall.newest(gp)
        path = f"{hall.camera}/index.m3u8?_HLS_msn={msn}&_HLS_part={parts + 2}"
        answers = await asyncio.gather(*(hall.get(path, gp) for _ in range(60)))
        assert {each.status for each in answers} == {200}
        missed = sum(not each.cached for each in answers)
        assert 1 <= missed <= 15, missed  # one more in each tenth of a second
        assert len({each.body for each in answers if each.cached}) == 1
        later = (await hall.get(path + "&_HLS_skip=YES", gp, {"Accept-Encoding": "gzip, br"})).headers
        assert (later["Content-Encoding"], later["X-Cache-Status"]) == ("gzip", "MISS")
        assert (await hall.get(f"{hall.camera}/index.m3u8?_HLS_msn=nine", gp)).status == 400
        assert (await hall.get(f"{hall.camera}/part-000900.m4s", gp)).status == 404


async def test_players_stay_behind_by_as_much_as_the_cache_is_late(hall: Hall) -> None:
    async with caller(hall.server.url, "gp", page=False) as gp:
        text = (await hall.get(f"{hall.camera}/index.m3u8", gp)).body.decode()
    part = float(re.findall(r"PART-TARGET=([0-9.]+)", text)[0])
    assert float(re.findall(r"PART-HOLD-BACK=([0-9.]+)", text)[0]) == pytest.approx(3 * part + 0.5, abs=0.001)


async def test_ranges_and_questions_whether_it_is_still_the_same(hall: Hall) -> None:
    async with caller(hall.server.url, "gp", page=False) as gp:
        _, _, part = await hall.newest(gp)
        first = await hall.get(part, gp, {"Range": "bytes=4-7"})
        whole = await hall.get(part, gp)
        again = await hall.get(part, gp, {"Range": "bytes=4-7"})
        assert (first.status, first.body, again.status, again.body) == (206, b"moof", 206, b"moof")
        assert again.headers["Content-Range"] == f"bytes 4-7/{len(whole.body)}" and again.cached
        same = await hall.get(part, gp, {"If-None-Match": whole.headers["ETag"]})
        assert (same.status, same.body) == (304, b"")
        assert (await hall.get(part, None, {"If-None-Match": whole.headers["ETag"]})).status == 401


async def test_the_rest_of_tele_is_reached_through_it(hall: Hall) -> None:
    async with caller(f"http://127.0.0.1:{hall.port}", "gp") as gp:  # signs in and opens the socket
        assert (await gp.send("lecture.watch", {"lecture": hall.lecture}))["watching"] >= 1
        status, problem = await gp.call("GET", f"/media/{hall.recording}/download.mp4")
        assert (status, problem["code"]) == (403, "not-downloadable"), problem  # its host has not released it
