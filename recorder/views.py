"""The HTTP side of replay: a recording's playlists and media under /media/, for those who may see it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web

from recorder.errors import StorageFailed
from recorder.library import Item, Library

Authorise = Callable[[web.Request, str], Awaitable[None]]
"""Called with the request and the recording's id before anything is looked up; raises the HTTP error to answer with."""

CHUNK = 256 * 1024
"""Bytes read and sent at once: little enough that a thousand viewers do not fill the memory."""


def routes(library: Library, authorise: Authorise) -> list[web.RouteDef]:
    """GET and HEAD of `/media/{recording}/{path}`, with single byte ranges and conditional requests (RFC 9110)."""

    async def media(request: web.Request) -> web.StreamResponse:
        recording, path = request.match_info["recording"], request.match_info["path"]
        await authorise(request, recording)
        item = await asyncio.to_thread(library.find, recording, path)
        if item is None:
            raise web.HTTPNotFound
        return await _answer(request, library, item)

    return [web.get("/media/{recording}/{path:.+}", media)]


async def _answer(request: web.Request, library: Library, item: Item) -> web.StreamResponse:
    headers = {
        "Content-Type": item.content_type,
        "ETag": f'"{item.etag}"',
        "Accept-Ranges": "bytes",
        "X-Content-Type-Options": "nosniff",
        # What one viewer may see is nobody else's, and may be withdrawn tomorrow: a browser asks each time whether what
        # it keeps may still be shown, which costs it an empty answer.
        "Cache-Control": "private, no-cache",
    }
    if any(tag.value in (item.etag, "*") for tag in request.if_none_match or ()):
        return web.Response(status=304, headers=headers)
    start, end, status = 0, item.size, 200
    if (wanted := _range(request, item)) is not None:
        start, end = wanted
        if start >= end:
            headers = {"Content-Range": f"bytes */{item.size}"}
            return web.Response(status=416, headers=headers)
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{item.size}"
        status = 206
    response = web.StreamResponse(status=status, headers=headers)
    response.content_length = end - start
    if request.method == "HEAD":
        await response.prepare(request)
        return response
    return await _send(request, response, library, item, start, end)


async def _send(
    request: web.Request, response: web.StreamResponse, library: Library, item: Item, start: int, end: int
) -> web.StreamResponse:
    try:
        chunk = await asyncio.to_thread(library.read_item, item, start, min(end, start + CHUNK))
    except StorageFailed as error:
        # Listed but no longer there, as when retention has removed it this moment.
        raise web.HTTPNotFound from error
    await response.prepare(request)
    while chunk:
        await response.write(chunk)
        start += len(chunk)
        if start >= end:
            break
        chunk = await asyncio.to_thread(library.read_item, item, start, min(end, start + CHUNK))
    await response.write_eof()
    return response


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


__all__ = ["Authorise", "Library", "routes"]
