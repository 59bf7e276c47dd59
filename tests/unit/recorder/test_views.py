"""Replay over HTTP: what is served, with which headers, to whom; and that nothing else can be reached."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientSession, web
from yarl import URL

from recorder.library import Library
from recorder.recorder import Recorder
from recorder.vault import PlainVault
from recorder.views import routes
from tests.unit.recorder.synthetic import Publisher, World

ALICE = "alice-000001"
CAMERA = f"/media/visit/cam-{ALICE}"


class ToyVault(PlainVault):
    """Turns each byte by its place and its file: reading at a wrong offset or under a wrong name gives noise."""

    def seal(self, track: str, offset: int, data: bytes) -> bytes:
        mask = sum(track.encode())
        return bytes(byte ^ (mask + offset + at) & 0xFF for at, byte in enumerate(data))

    open = seal


@pytest.fixture
async def address(tmp_path: Path) -> AsyncIterator[str]:
    world = World()
    recorder = Recorder(tmp_path / "media", world.feed, lambda _: None, vault=ToyVault(), clock=lambda: world.now)
    world.microphone(Publisher(ALICE, "microphone", "opus"), world.now, world.now + 13)
    world.camera(Publisher(ALICE, "camera", "H264"), world.now + 2, world.now + 13)
    await recorder.start("visit", "room", {})
    world.run(world.now + 13, recorder.tick)
    await recorder.seal("visit")
    await recorder.stop()
    (tmp_path / "secret").write_text("nobody's business")

    async def authorise(request: web.Request, recording: str) -> None:
        if request.headers.get("X-Who") != "friend" or recording != "visit":
            raise web.HTTPNotFound

    app = web.Application()
    app.add_routes(routes(Library(tmp_path / "media", ToyVault()), authorise))
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.fixture
async def friend() -> AsyncIterator[ClientSession]:
    async with ClientSession(headers={"X-Who": "friend"}) as session:
        yield session


async def test_playlists_and_media_have_their_types_and_caching(address: str, friend: ClientSession) -> None:
    expected = {
        "/media/visit/index.m3u8": ("application/vnd.apple.mpegurl", "private, no-cache"),
        f"/media/visit/p/{ALICE}.m3u8": ("application/vnd.apple.mpegurl", "private, no-cache"),
        f"{CAMERA}/index.m3u8": ("application/vnd.apple.mpegurl", "private, no-cache"),
        f"{CAMERA}/init-0.mp4": ("video/mp4", "private, no-cache"),
        f"{CAMERA}/seg-000001.m4s": ("video/mp4", "private, no-cache"),
        f"{CAMERA}/gap-000000.m4s": ("video/mp4", "private, no-cache"),
        f"{CAMERA}/gap-init-h264.mp4": ("video/mp4", "private, no-cache"),
        f"/media/visit/audio-{ALICE}/seg-000000.m4s": ("audio/mp4", "private, no-cache"),
    }
    for path, (content_type, caching) in expected.items():
        async with friend.get(address + path) as answer:
            body = await answer.read()
            assert (answer.status, answer.content_type) == (200, content_type), path
            assert answer.headers["Cache-Control"] == caching
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            tag = answer.headers["ETag"]
        async with friend.head(address + path) as answer:
            assert (answer.status, int(answer.headers["Content-Length"])) == (200, len(body))
        async with friend.get(address + path, headers={"If-None-Match": tag}) as answer:
            assert answer.status == 304
        if path.endswith((".m4s", ".mp4")):
            assert body[4:8] in (b"moof", b"ftyp")


@pytest.mark.parametrize(
    ("wanted", "status", "slice_"),
    [
        ("bytes=0-99", 206, slice(0, 100)),
        ("bytes=100-", 206, slice(100, None)),
        ("bytes=-50", 206, slice(-50, None)),
        ("bytes=10-10", 206, slice(10, 11)),
        ("bytes=5-99999999", 206, slice(5, None)),
        ("bytes=99999999-", 416, None),
        ("bytes=20-10", 200, slice(None)),
        ("bytes=0-1,5-6", 200, slice(None)),
        ("lines=1-2", 200, slice(None)),
    ],
)
async def test_byte_ranges(address: str, friend: ClientSession, wanted: str, status: int, slice_: slice | None) -> None:
    async with friend.get(f"{address}{CAMERA}/seg-000001.m4s") as answer:
        whole, tag = await answer.read(), answer.headers["ETag"]
    async with friend.get(f"{address}{CAMERA}/seg-000001.m4s", headers={"Range": wanted}) as answer:
        assert answer.status == status
        body = await answer.read()
        if slice_ is None:
            assert answer.headers["Content-Range"] == f"bytes */{len(whole)}"
        else:
            assert body == whole[slice_]
        if status == 206:
            first = whole.index(body) if slice_ != slice(10, 11) else 10
            assert answer.headers["Content-Range"] == f"bytes {first}-{first + len(body) - 1}/{len(whole)}"
    for condition, expected in ((tag, 206), ('"other"', 200)):
        headers = {"Range": "bytes=0-9", "If-Range": condition}
        async with friend.get(f"{address}{CAMERA}/seg-000001.m4s", headers=headers) as answer:
            assert answer.status == expected


@pytest.mark.parametrize(
    "path",
    [
        "/media/visit/journal.jsonl",
        "/media/visit/manifest.json",
        "/media/visit/../../secret",
        "/media/visit/%2e%2e/%2e%2e/secret",
        "/media/visit/..%2f..%2fsecret",
        "/media/%2e%2e/secret",
        "/media/visit//etc/passwd",
        f"{CAMERA}/../../../secret",
        f"{CAMERA}/seg-000099.m4s",
        f"{CAMERA}/seg-000000.m4s",
        f"{CAMERA}/gap-000001.m4s",
        f"{CAMERA}/gap-000007.m4s",
        f"{CAMERA}/init-7.mp4",
        f"{CAMERA}/seg-000001.m4s%00.mp4",
        f"{CAMERA}/seg-000001.m4s/",
        f"{CAMERA}/gap-init-vp8.mp4",
        "/media/visit/cam-nobody-0000/index.m3u8",
        "/media/visit/p/nobody-0000.m3u8",
        f"/media/visit/p/{ALICE}-screen.m3u8",
        "/media/other/index.m3u8",
    ],
)
async def test_nothing_else_is_found(address: str, friend: ClientSession, path: str) -> None:
    async with friend.get(URL(address + path, encoded=True)) as answer:
        assert answer.status in (400, 404)
        assert "nobody's business" not in await answer.text()


async def test_whoever_is_not_let_in_learns_nothing(address: str) -> None:
    async with ClientSession() as stranger:
        found = []
        for path in ("/media/visit/index.m3u8", "/media/other/index.m3u8", f"{CAMERA}/seg-000001.m4s"):
            async with stranger.get(address + path) as answer:
                found.append((answer.status, await answer.text()))
        assert found == [found[0]] * 3 and found[0][0] == 404
