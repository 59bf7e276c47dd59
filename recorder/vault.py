"""The one seam through which all media goes to disk and comes back: where encryption at rest has its place."""

from __future__ import annotations

from typing import Protocol


class Vault(Protocol):
    """Seals and opens pieces of files, each by itself and without changing its length.

    `track` names the file as "<recording>/<track>/<file>", `offset` is the place of the piece in it in bytes. Both may
    be called from several threads at once.
    """

    def seal(self, track: str, offset: int, data: bytes) -> bytes:
        """What goes to disk for `data`; raises StorageFailed when there is no key."""

    def open(self, track: str, offset: int, data: bytes) -> bytes:
        """The reverse of `seal`, for any piece of what it sealed."""


class PlainVault:
    """Leaves everything as it is."""

    def seal(self, track: str, offset: int, data: bytes) -> bytes:
        return data

    def open(self, track: str, offset: int, data: bytes) -> bytes:
        return data
