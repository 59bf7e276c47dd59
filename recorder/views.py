"""The HTTP side of replay and live: playlists and media under /media/, for those who may see them."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable

from aiohttp import web

from recorder.aac_format import recorded_name
from recorder.broadcast import Broadcast, Overdue, Shown
from recorder.directives import BadDirective, parse
from recorder.downloads import Downloads, NotYet
from recorder.errors import StorageFailed, UnknownRecording
from recorder.library import PLAYLIST_TYPE, Item, Library
from recorder.memory import LARGEST, Held, Memory
from recorder.progressive import PICTURES
from recorder.ready import is_plain
from recorder.transcoder import Busy, Transcoder

Authorise = Callable[[web.Request, str], Awaitable[None]]
"""Called with the request and the recording's id before anything is looked up, and again after each wait; raises the
error to answer with."""

Shares = Callable[[web.Request, str], bool]
"""Called with a request that was given leave and the recording's id: whether a cache in front may keep the answer."""

Release = Callable[[str], Awaitable[str]]
"""Called with a recording's id before it is given away as a file: the Content-Disposition, or the error to answer with.
"""

CHUNK = 256 * 1024
"""Bytes read and sent at once: little enough that a thousand viewers do not fill the memory."""

MEMORY = 96 * 1024 * 1024
"""Bytes that are kept in memory of what many watch: a minute of a hundred tracks at 1 Mbit/s."""

PLAYLIST_FRESH = 1
BLOCKED_FRESH = 36
MEDIA_FRESH = 3600
"""Seconds that a cache in front may keep a playlist that was asked for without and with directives, and media."""

SHARED_LATE = 0.5
"""Seconds after which a cache in front looks again whether what many wait for has come (nginx's proxy_cache_lock)."""

_INDEX = re.compile(r"([A-Za-z0-9_-]{1,64})/index\.m3u8")
_PART = re.compile(r"([A-Za-z0-9_-]{1,64})/part-([0-9]{6,9})\.m4s")


class Views:
    """What one process serves of its recordings; `close` ends it."""

    def __init__(
        self,
        library: Library,
        authorise: Authorise,
        *,
        downloads: Downloads | None = None,
        release: Release | None = None,
        shares: Shares | None = None,
    ) -> None:
        """Nothing can be downloaded without `release`, which says what may be. `shares`: a cache stands in front that
        asks for leave for each request before it answers."""
        self.memory = Memory(MEMORY, time.monotonic)
        self.broadcast = Broadcast(library, self.memory, late=SHARED_LATE if shares else 0.0)
        self.transcoder = Transcoder(library, self.memory)
        self._library = library
        self._authorise = authorise
        self._downloads, self._release = downloads, release
        self._shares = shares

    async def media(self, request: web.Request) -> web.StreamResponse:
        recording, path = request.match_info["recording"], request.match_info["path"]
        await self._authorise(request, recording)
        try:
            if (match := _INDEX.fullmatch(path)) is not None:
                asked = parse(request.query)
                shown = await self.broadcast.playlist(recording, match[1], asked)
                if shown is not None:
                    await self._authorise(request, recording)  # it may have been waited for, and leave have ended
                    return self._playlist(request, shown, blocked=asked.msn is not None, skip=asked.skip)
            elif (match := _PART.fullmatch(path)) is not None:
                held = await self.broadcast.part(recording, match[1], int(match[2]))
                if held is not None:
                    await self._authorise(request, recording)
                    return self._held(request, held)
        except BadDirective as error:
            raise web.HTTPBadRequest(text=str(error)) from error
        except Overdue as error:
            raise web.HTTPServiceUnavailable(headers={"Retry-After": "1"}) from error
        if path.endswith(".m3u8"):
            return await self._stored(request, recording, path)
        try:
            held = await self.memory.load((recording, path), lambda: self._read(recording, path))
        except Busy as error:
            raise web.HTTPServiceUnavailable(headers={"Retry-After": "1"}) from error
        if held is not None and recorded_name(path) is not None:
            await self._authorise(request, recording)  # it may have had to be made
        return self._held(request, held) if held is not None else await self._stored(request, recording, path)

    async def download(self, request: web.Request) -> web.StreamResponse:
        """One file of a sealed recording; `?track=` camera or screen. 503 with Retry-After while it is being made."""
        recording, wanted = request.match_info["recording"], request.query.get("track")
        await self._authorise(request, recording)
        if self._downloads is None or self._release is None:
            raise web.HTTPNotFound
        disposition = await self._release(recording)
        picture = next((each for each in PICTURES if each == wanted), None)
        if wanted is not None and picture is None:
            raise web.HTTPBadRequest(text=f"track is one of {', '.join(PICTURES)}")
        try:
            item = await self._downloads.get(recording, picture)
        except UnknownRecording as error:
            raise web.HTTPNotFound from error
        except NotYet as error:
            raise web.HTTPServiceUnavailable(headers={"Retry-After": "3"}) from error
        except StorageFailed as error:
            raise web.HTTPInsufficientStorage from error
        headers = {**_headers(item.content_type, 0), "Content-Disposition": disposition}
        answer = _begin(request, item, headers)
        if isinstance(answer, web.Response):
            return answer
        response, start, end = answer
        return await self._send(request, recording, response, item, start, end)

    def routes(self) -> list[web.RouteDef]:
        """GET and HEAD of `/media/{recording}/{path}`, with byte ranges and conditional requests (RFC 9110)."""
        return [
            web.get("/media/{recording}/download.mp4", self.download),
            web.get("/media/{recording}/{path:.+}", self.media),
        ]

    async def close(self) -> None:
        """Let go of whoever waits."""
        self.broadcast.close()
        if self._downloads is not None:
            await self._downloads.close()

    async def _read(self, recording: str, path: str) -> tuple[Item, bytes] | None:
        """A file that fits into memory, or what is made because somebody asks."""

        def read() -> tuple[Item, bytes] | None:
            item = self._library.find(recording, path)
            if item is None or item.size > LARGEST:
                return None
            try:
                return item, self._library.read_item(item, 0, item.size)
            except StorageFailed:
                return None

        return await asyncio.to_thread(read) or await self.transcoder.find(recording, path)

    async def _stored(self, request: web.Request, recording: str, path: str) -> web.StreamResponse:
        item = await asyncio.to_thread(self._library.find, recording, path)
        if item is None:
            raise web.HTTPNotFound
        fresh = PLAYLIST_FRESH if path.endswith(".m3u8") else MEDIA_FRESH
        headers = _headers(item.content_type, self._fresh(request, fresh))
        answer = _begin(request, item, headers)
        if isinstance(answer, web.Response):
            return answer
        response, start, end = answer
        return await self._send(request, recording, response, item, start, end)

    async def _send(
        self, request: web.Request, recording: str, response: web.StreamResponse, item: Item, start: int, end: int
    ) -> web.StreamResponse:
        response.content_length = end - start
        if request.method == "HEAD":
            await response.prepare(request)
            return response
        try:
            chunk = await asyncio.to_thread(self._library.read_item, item, start, min(end, start + CHUNK))
        except StorageFailed as error:
            # Listed but no longer there, as when retention has removed it this moment.
            raise web.HTTPNotFound from error
        await response.prepare(request)
        while chunk:
            await response.write(chunk)
            start += len(chunk)
            if start >= end:
                break
            try:
                chunk = await asyncio.to_thread(self._library.read_item, item, start, min(end, start + CHUNK))
                await self._authorise(request, recording)  # a long file ends with the leave to fetch it
            except Exception as error:
                # Half an answer is told by its end alone: nothing else may follow what was said of its length.
                if request.transport is not None:
                    request.transport.abort()
                raise ConnectionAbortedError("there is no more of it to be had") from error
        await response.write_eof()
        return response

    def _held(self, request: web.Request, held: Held) -> web.StreamResponse:
        fresh = self._fresh(request, MEDIA_FRESH)
        if is_plain(request):
            whole = {"ETag": f'"{held.item.etag}"', "Accept-Ranges": "bytes"}
            return held.answers.to(request, fresh, held.data, lambda: _headers(held.item.content_type, fresh) | whole)
        answer = _begin(request, held.item, _headers(held.item.content_type, fresh))
        if isinstance(answer, web.Response):
            return answer
        response, start, end = answer
        data = held.data if end - start == len(held.data) else held.data[start:end]
        return web.Response(body=data, status=response.status, headers=response.headers)

    def _playlist(self, request: web.Request, shown: Shown, *, blocked: bool, skip: bool) -> web.StreamResponse:
        """A playlist of a live recording: the same bytes for everyone who asks the same."""
        fresh = self._fresh(request, BLOCKED_FRESH if blocked else PLAYLIST_FRESH)
        body = shown.delta if skip else shown.full
        packed = "gzip" in request.headers.get("Accept-Encoding", "")
        coding = {"Content-Encoding": "gzip"} if packed else {}
        return body.answers.to(
            request, (fresh, packed), body.gzip if packed else body.plain,
            lambda: _headers(PLAYLIST_TYPE, fresh) | {"Vary": "Accept-Encoding"} | coding,
        )  # fmt: skip

    def _fresh(self, request: web.Request, fresh: int) -> int:
        """Seconds that a cache in front may keep the answer, 0 where there is none or it may not."""
        shares = self._shares is not None and self._shares(request, request.match_info["recording"])
        return fresh if shares else 0


def routes(library: Library, authorise: Authorise) -> list[web.RouteDef]:
    """The routes of a `Views` of its own."""
    return Views(library, authorise).routes()


def _headers(content_type: str, fresh: int) -> dict[str, str]:
    headers = {
        "Content-Type": content_type,
        "X-Content-Type-Options": "nosniff",
        # What one viewer may see is nobody else's, and may be withdrawn tomorrow: a browser asks each time whether
        # what it keeps may still be shown, which costs it an empty answer.
        "Cache-Control": "private, no-cache",
    }
    if fresh:
        # For nginx in front, which asks for leave (auth_request) before it answers, and keeps this line to itself.
        headers["X-Accel-Expires"] = str(fresh)
    return headers


def _begin(
    request: web.Request, item: Item, headers: dict[str, str]
) -> web.Response | tuple[web.StreamResponse, int, int]:
    """The whole answer where it has no body; else its beginning, and from which byte to which it goes on."""
    headers["ETag"] = f'"{item.etag}"'
    headers["Accept-Ranges"] = "bytes"
    if any(tag.value in (item.etag, "*") for tag in request.if_none_match or ()):
        return web.Response(status=304, headers=headers)
    start, end, status = 0, item.size, 200
    if (wanted := _range(request, item)) is not None:
        start, end = wanted
        if start >= end:
            return web.Response(status=416, headers={"Content-Range": f"bytes */{item.size}"})
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{item.size}"
        status = 206
    response = web.StreamResponse(status=status, headers=headers)
    return response, start, end


def _range(request: web.Request, item: Item) -> tuple[int, int] | None:
    """The one byte range asked for, empty when it cannot be met; None to answer with the whole.

    A range that is malformed, or conditional on another version, is ignored (RFC 9110 §14.2, §13.1.5).
    """
    condition = request.headers.get("If-Range")
    if condition is not None and condition != f'"{item.etag}"':
        return None
    try:
        wanted = request.http_range
    except ValueError:
        return None
    if wanted.start is None and wanted.stop is None:
        return None
    start, end, _ = wanted.indices(item.size)
    if wanted.start is not None and wanted.start >= item.size:
        return (item.size, item.size)
    return start, end


__all__ = ["Authorise", "Library", "Views", "routes"]
