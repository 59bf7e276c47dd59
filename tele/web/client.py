"""The built web client: its files from memory, compressed once, and its first page for every address of its own."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

WORTH_COMPRESSING = frozenset(
    {"text/html", "text/css", "text/javascript", "application/json", "image/svg+xml", "application/manifest+json"}
)
SMALLEST_COMPRESSED = 512
NOT_PAGES = ("api/", "media/", "socket.io/", "whip/", "whep/", "assets/", "fonts/")
"""Prefixes under which an unknown address is an error, not a page of the client."""


@dataclass(frozen=True, slots=True)
class File:
    """One file as it is sent."""

    body: bytes
    compressed: bytes | None
    media_type: str
    etag: str
    forever: bool
    """Whether its name changes with its content, so that browsers never ask again."""


class WebClient:
    """All files of the client. They are a few hundred kilobytes: memory is the fastest disk."""

    def __init__(self, folder: Path) -> None:
        self._files = {
            str(path.relative_to(folder)): _load(path, path.parent.name == "assets")
            for path in sorted(folder.rglob("*"))
            if path.is_file() and not path.name.startswith(".") and "fonts" not in path.relative_to(folder).parts[:1]
        }

    async def serve(self, request: web.Request) -> web.Response:
        """A file, or the client's first page: it reads the address itself and says so when there is nothing there."""
        path = request.match_info["path"]
        file = self._files.get(path)
        if file is None:
            if path.startswith(NOT_PAGES) or "." in path.rsplit("/", 1)[-1]:
                raise web.HTTPNotFound
            file = self._files.get("index.html")
            if file is None:
                return web.Response(
                    status=503, text="The web client is not built. Run `python3 -m tele serve` once: it builds it.\n"
                )
        headers = {
            "ETag": file.etag,
            "Cache-Control": "public, max-age=31536000, immutable" if file.forever else "no-cache",
            "Vary": "Accept-Encoding",
        }
        if file.etag in request.headers.get("If-None-Match", ""):
            return web.Response(status=304, headers=headers)
        if file.compressed is not None and "gzip" in request.headers.get("Accept-Encoding", ""):
            headers["Content-Encoding"] = "gzip"
            return web.Response(body=file.compressed, content_type=file.media_type, headers=headers)
        return web.Response(body=file.body, content_type=file.media_type, headers=headers)


def _load(path: Path, forever: bool) -> File:
    body = path.read_bytes()
    media_type = "text/javascript" if path.suffix in (".js", ".mjs") else mimetypes.guess_type(path.name)[0]
    media_type = "application/manifest+json" if path.suffix == ".webmanifest" else media_type
    worth = media_type in WORTH_COMPRESSING and len(body) >= SMALLEST_COMPRESSED
    return File(
        body=body,
        compressed=gzip.compress(body, 6, mtime=0) if worth else None,
        media_type=media_type or "application/octet-stream",
        etag=f'"{hashlib.sha256(body).hexdigest()[:20]}"',
        forever=forever,
    )
