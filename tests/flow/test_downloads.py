"""A lecture's replay as one file: for whom its hosts let it, in ranges, whole; a consultation's never."""

from __future__ import annotations

import asyncio
import io
import json
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import av
import pytest
from aiohttp import ClientError, web
from aiohttp.test_utils import TestClient, TestServer

from recorder import views
from recorder.downloads import Downloads, NotYet
from recorder.errors import StorageFailed, UnknownRecording
from recorder.library import Library
from recorder.vault import PlainVault
from tests.flow.test_recorder_progressive import root as root  # a fixture
from tests.people import Caller, caller
from tests.server import running_server


@pytest.fixture
def library(root: Path) -> Library:
    return Library(root, PlainVault())


async def test_it_is_made_once_and_again_when_it_had_to_go(root: Path, library: Library) -> None:
    downloads = Downloads(library, root, spare=0)
    one, two = await asyncio.gather(downloads.get("lecture", None, 30), downloads.get("lecture", "camera", 30))
    assert one == two and one.file == "lecture/download-camera.mp4" and (root / one.file).stat().st_size == one.size
    before = (root / one.file).stat().st_ino
    assert (await downloads.get("lecture", "camera")).etag == one.etag
    assert (root / one.file).stat().st_ino == before
    other = await downloads.get("lecture", "screen", 30)
    assert other.file is not None
    (root / other.file).unlink()
    room_for_one = Downloads(library, root, kept=one.size + other.size - 1, spare=0)
    await room_for_one.get("lecture", "screen", 30)
    assert not (root / one.file).exists(), "the one asked for longest ago makes room"
    with pytest.raises(StorageFailed):
        await Downloads(library, root, kept=10_000, spare=0).get("lecture", "camera", 30)
    with pytest.raises(StorageFailed):
        await Downloads(library, root, spare=2**62).get("lecture", "camera", 30)


async def test_two_are_made_at_a_time_and_nobody_waits_for_ever(root: Path, library: Library) -> None:
    downloads = Downloads(library, root, spare=0)
    for picture in ("camera", "screen"):
        with pytest.raises(NotYet):
            await downloads.get("lecture", picture, 0)  # type: ignore[arg-type]
    assert await downloads.get("lecture", "camera", 30) and await downloads.get("lecture", "screen", 30)
    with pytest.raises(UnknownRecording):
        await downloads.get("none", None)
    for each in root.glob("lecture/download-*"):
        each.unlink()
    with pytest.raises(NotYet):
        await downloads.get("lecture", "camera", 0)
    await downloads.close()
    assert not (root / "lecture" / "download-camera.mp4").exists()


async def test_a_long_answer_ends_with_the_leave_or_the_file(
    root: Path, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "CHUNK", 4096)
    asked = 0
    then: list[Callable[[], object]] = []

    async def authorise(request: web.Request, recording: str) -> None:
        nonlocal asked
        asked += 1
        if asked == 4:
            then.pop()()

    async def release(recording: str) -> str:
        return "attachment"

    downloads = Downloads(library, root, spare=0)
    whole = await downloads.get("lecture", "camera", 30)
    assert whole.file is not None and whole.size > 10 * 4096
    app = web.Application()
    app.add_routes(views.Views(library, authorise, downloads=downloads, release=release).routes())

    def refuse() -> None:
        raise web.HTTPUnauthorized

    async with TestClient(TestServer(app)) as client:
        for happens in (refuse, lambda: [each.unlink() for each in root.glob("lecture/download-*")]):
            asked, then = 0, [happens]
            with pytest.raises(ClientError):
                async with client.get("/media/lecture/download.mp4?track=camera") as answer:
                    assert answer.status == 200 and answer.content_length == whole.size
                    await answer.read()
            assert asked < 8


async def given(who: Caller, address: str, **headers: str) -> tuple[int, Mapping[str, str], bytes]:
    async with who.http.get(who.url + address, headers=headers) as answer:
        return answer.status, answer.headers, await answer.read()


async def test_who_may_take_what_with_them(tmp_path: Path, root: Path) -> None:
    with running_server(tmp_path / "data") as server:
        async with caller(server.url, "spec", page=False) as spec, caller(server.url, "gp", page=False) as gp:
            lecture = (await spec.ok("POST", "/api/lectures", {"title": "Herzinsuffizienz 心衰"}))["id"]
            await spec.ok("POST", f"/api/lectures/{lecture}/go-live", {"consent": "2026-1"})
            recording = (await spec.ok("GET", "/api/recordings"))["items"][0]["id"]
            address = f"/media/{recording}/download.mp4"
            assert (await gp.call("GET", address))[0] == 403
            shown = await spec.ok("PATCH", f"/api/lectures/{lecture}", {"downloadable": True})
            assert shown["downloadable"] is True
            status, refused = await gp.call("GET", address)
            assert (status, refused["code"]) == (409, "still-live")
            # Somebody recorded it: the files of another lecture, under this one's name.
            await spec.ok("POST", f"/api/lectures/{lecture}/end")
            await asyncio.to_thread(pretend, root, tmp_path / "data", recording, spec.me["id"])
            assert (await gp.ok("GET", f"/api/recordings/{recording}"))["downloadable"] is True
            async with asyncio.timeout(30):
                while (answer := await given(gp, address))[0] == 503:
                    assert answer[1]["Retry-After"]
                    await asyncio.sleep(0.2)
            status, headers, whole = answer
            assert status == 200 and headers["Content-Type"] == "video/mp4"
            assert headers["Content-Disposition"].startswith("attachment;") and "Herzinsuffizienz" in str(headers)
            with av.open(io.BytesIO(whole)) as container:
                assert {stream.type for stream in container.streams} == {"video", "audio"}
            status, headers, piece = await given(gp, address, Range="bytes=1000-1999")
            assert (status, piece) == (206, whole[1000:2000])
            assert (await given(gp, address, **{"If-None-Match": headers["ETag"]}))[0] == 304
            assert (await given(gp, f"{address}?track=window"))[0] == 400
            async with gp.http.head(gp.url + address) as head:
                assert head.status == 200 and int(head.headers["Content-Length"]) == len(whole)
            await spec.ok("PATCH", f"/api/lectures/{lecture}", {"downloadable": False})
            assert (await gp.call("GET", address))[0] == 403
            await spec.ok("PATCH", f"/api/lectures/{lecture}", {"downloadable": True, "roles": ["specialist"]})
            assert (await gp.call("GET", address))[0] == 404


def pretend(root: Path, data_dir: Path, recording: str, speaker: str) -> None:
    """Let the lecture's recording be that of the fixture, sealed, and all its tracks the speaker's."""
    folder = data_dir / "recordings" / recording
    folder.parent.mkdir(exist_ok=True)
    take_the_place(root / "lecture", folder, recording)
    summary = Library(folder.parent, PlainVault()).summary(recording)
    assert summary is not None
    told = {**summary, "tracks": [{**track, "practitioner": speaker} for track in summary["tracks"]]}
    with closing(sqlite3.connect(data_dir / "tele.sqlite3", timeout=10)) as database, database:
        done = "UPDATE recording SET state = 'sealed', sealed_at = started_at, duration = 30, summary = ? WHERE id = ?"
        assert database.execute(done, (json.dumps(told), recording)).rowcount == 1


def take_the_place(source: Path, folder: Path, name: str) -> None:
    """Copy a recording under another name; the journal's first line says whose it is."""
    files: list[Any] = [path for path in source.rglob("*") if path.is_file()]
    for path in files:
        target = folder / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        data = path.read_bytes()
        if path.name == "journal.jsonl":
            data = data.replace(b'"recording":"lecture"', f'"recording":"{name}"'.encode(), 1)
        target.write_bytes(data)
