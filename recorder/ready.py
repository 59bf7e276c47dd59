"""Answers that are put together once and sent to everybody who asks the same: a thousand viewers wait for one part."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from time import monotonic

from aiohttp import HttpVersion11, hdrs, web
from aiohttp.abc import AbstractStreamWriter

FRESH = 1.0
"""Seconds for which a head is sent again: its Date is as old as that at most (RFC 9110 §6.6.1)."""

_SPECIAL = (hdrs.RANGE, hdrs.IF_RANGE, hdrs.IF_NONE_MATCH)


def is_plain(request: web.BaseRequest) -> bool:
    """Whether the whole is asked for, whatever the caller has, on a connection that stays."""
    if request.method != hdrs.METH_GET or request.version != HttpVersion11 or not request.keep_alive:
        return False
    headers = request.headers
    return not any(name in headers for name in _SPECIAL)


class Ready(web.StreamResponse):
    """An answer as it goes over the wire. One object answers many requests, at the same time too: it keeps nothing of
    any of them."""

    def __init__(self, head: bytes, body: bytes) -> None:
        super().__init__()
        self._pieces = (head, body)

    @property
    def keep_alive(self) -> bool:
        """The connection stays: others are not answered so."""
        return True

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Send everything at once. Raises ConnectionResetError when the caller has gone."""
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the caller has gone")
        transport.writelines(self._pieces)
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing is left to send."""


class Answers:
    """The answers about one thing that does not change, each with what else it depends on."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[Hashable, tuple[Ready, float]] = {}

    def to(
        self, request: web.Request, variant: Hashable, body: bytes, headers: Callable[[], dict[str, str]]
    ) -> web.StreamResponse:
        """200 with `body`; `headers` is asked when the head has to be put together.

        All who ask for the same `variant` must be meant to get the same headers.
        """
        if not is_plain(request):
            return web.Response(body=body, headers=headers())
        known = self._known.get(variant)
        if known is not None and monotonic() < known[1]:
            return known[0]
        return _First(self._known, variant, body, headers())


class _First(web.Response):
    """Put together by aiohttp and by whoever adds to every answer; what comes out is what the others are sent."""

    def __init__(
        self, known: dict[Hashable, tuple[Ready, float]], variant: Hashable, body: bytes, headers: dict[str, str]
    ) -> None:
        super().__init__(body=body, headers=headers)
        self._known_by = known
        self._variant = variant
        self._whole = body

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        writer = await super().prepare(request)
        fields = self.headers
        if fields.get(hdrs.CONTENT_LENGTH) == str(len(self._whole)) and hdrs.SET_COOKIE not in fields:
            lines = [f"HTTP/1.1 {self.status} {self.reason}", *(f"{name}: {value}" for name, value in fields.items())]
            ready = Ready(("\r\n".join(lines) + "\r\n\r\n").encode(), self._whole)
            self._known_by[self._variant] = (ready, monotonic() + FRESH)
        return writer
