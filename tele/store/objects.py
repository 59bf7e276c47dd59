"""The object store: attachments and other whole files, in a local directory or in S3, by URL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import obstore
from obstore.store import LocalStore, S3Store

CHUNK = 256 * 1024
"""Bytes handed over at a time when an object is read."""


class ObjectStore:
    """Keeps bytes under keys such as `attachments/ab/abc…`. Keys are made by us, never from a person's text."""

    def __init__(self, store: Any) -> None:
        self._store = store

    @classmethod
    def open(cls, url: str) -> ObjectStore:
        """From `file:///folder`, a plain path, or `s3://bucket/prefix?endpoint=…&region=…`.

        Access keys of S3 come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, as everywhere.
        """
        parts = urlsplit(url)
        if parts.scheme == "s3":
            options: dict[str, Any] = dict(parse_qsl(parts.query))
            plain = str(options.get("endpoint", "")).startswith("http://")
            return cls(
                S3Store(
                    parts.netloc,
                    prefix=parts.path.strip("/") or None,
                    client_options={"allow_http": plain, "timeout": "60s"},
                    **options,
                )
            )
        if parts.scheme not in ("", "file"):
            raise ValueError(f"objects can be kept in file:// and s3://, not in {parts.scheme}://")
        folder = Path(parts.path if parts.scheme else url).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        return cls(LocalStore(folder))

    async def put(self, key: str, content: bytes | Path) -> None:
        """Store bytes or a file's content; it is there whole or not at all."""
        await obstore.put_async(self._store, key, content)

    async def get(self, key: str) -> bytes:
        """All bytes of one object. Raises FileNotFoundError."""
        result = await obstore.get_async(self._store, key)
        return bytes(await result.bytes_async())

    async def stream(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        """Bytes `start` (inclusive) to `end` (exclusive), in bounded pieces. Raises FileNotFoundError."""
        result = await obstore.get_async(self._store, key, options={"range": (start, end)})
        async for piece in result.stream(min_chunk_size=CHUNK):
            yield bytes(piece)

    async def delete(self, key: str) -> None:
        """Forget an object; one that is not there is forgotten already."""
        try:
            await obstore.delete_async(self._store, key)
        except FileNotFoundError:
            return
