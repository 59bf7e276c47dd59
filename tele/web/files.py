"""Files: uploaded as a raw body, shown, downloaded, thrown away while unsent."""

from __future__ import annotations

import hashlib
from typing import Annotated
from urllib.parse import quote

from aiohttp import web
from pydantic import Field

from tele.domain.access import Action
from tele.domain.documents import INLINE
from tele.domain.refusals import TooLarge
from tele.services import attach_file
from tele.services.views import FileView
from tele.web.api import Call, Model, pieces, route
from tele.web.ranges import parse_range
from tele.web.security import FILE_POLICY, PDF_POLICY

PRIVATE = "private, no-cache"
"""The browser may keep it but asks each time whether it still may be seen."""


class Upload(Model):
    """What the sender says of the file; the type is told from its content."""

    name: Annotated[str, Field(max_length=500)] = ""
    kind: Annotated[str, Field(max_length=16)] = ""


@route("POST", "/api/files", rule=Action.UPLOAD, status=201, raw_body="application/octet-stream")
async def post_file(call: Call, *, query: Upload) -> FileView:
    """Upload one file; it belongs to nobody else until it is sent with a case."""
    limit = call.services.limits.upload_bytes
    if (call.request.content_length or 0) > limit:
        raise TooLarge("too-large", megabytes=limit // (1024 * 1024))
    return await attach_file.receive(call.services, call.actor, query.name, query.kind, pieces(call.request))


@route("GET", "/api/files/{file}", rule=Action.SEE_FILE)
async def get_file(call: Call, file: str) -> web.StreamResponse:
    """A file's content; byte ranges are served."""
    row = await attach_file.open_file(call.services, call.actor, file)
    etag = f'"{row.sha256[:32]}"'
    inline = row.media_type in INLINE and "download" not in call.request.query
    headers = {
        "Content-Disposition": disposition("inline" if inline else "attachment", row.name),
        "Content-Security-Policy": PDF_POLICY if row.media_type == "application/pdf" else FILE_POLICY,
        "Cache-Control": PRIVATE,
        "Accept-Ranges": "bytes",
        "ETag": etag,
    }
    if call.request.headers.get("If-None-Match") == etag:
        return web.Response(status=304, headers=headers)
    fresh = call.request.headers.get("If-Range") in (None, etag)
    wanted = parse_range(call.request.headers.get("Range") if fresh else None, row.size)
    start, end = wanted or (0, row.size)
    response = web.StreamResponse(status=206 if wanted else 200, headers=headers)
    response.content_type = row.media_type
    response.content_length = end - start
    if wanted:
        response.headers["Content-Range"] = f"bytes {start}-{end - 1}/{row.size}"
    await response.prepare(call.request)
    async for piece in call.services.objects.stream(row.object_key, start, end):
        await response.write(piece)
    await response.write_eof()
    return response


@route("GET", "/api/files/{file}/preview", rule=Action.SEE_FILE)
async def get_preview(call: Call, file: str) -> web.Response:
    """A picture of at most 1600 pixels a side: the image turned upright, or a frame of the DICOM."""
    media_type, picture = await attach_file.preview(call.services, call.actor, file)
    etag = f'"{hashlib.sha256(picture).hexdigest()[:32]}"'
    headers = {"Content-Security-Policy": FILE_POLICY, "Cache-Control": PRIVATE, "ETag": etag}
    if call.request.headers.get("If-None-Match") == etag:
        return web.Response(status=304, headers=headers)
    return web.Response(body=picture, content_type=media_type, headers=headers)


@route("DELETE", "/api/files/{file}", rule=Action.DELETE_FILE)
async def delete_file(call: Call, file: str) -> None:
    """Throw away an own file that was not sent."""
    await attach_file.delete_file(call.services, call.actor, file)


def disposition(way: str, name: str) -> str:
    """RFC 6266: an ASCII name for old programs, and the real one in UTF-8."""
    plain = "".join(
        letter if letter.isascii() and letter.isprintable() and letter not in '"\\' else "_" for letter in name
    )
    return f"{way}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
