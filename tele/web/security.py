"""Response headers that tell browsers what our pages may do, on every response."""

from __future__ import annotations

from aiohttp import web

from tele.web.edge import Edge

PAGE_POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' blob: data:",
        "media-src 'self' blob:",  # Media Source Extensions play from a blob URL
        "worker-src 'self' blob:",  # hls.js runs its demuxer in a worker made from a blob
        "connect-src 'self'",
        "style-src 'self' 'unsafe-inline'",  # Svelte transitions and positions are inline styles
        "frame-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
"""Content-Security-Policy of the client's own pages: scripts from our origin alone, and nothing from anywhere else."""

FILE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
"""For files that people uploaded: whatever is in them runs nothing and reaches nobody."""

PDF_POLICY = "default-src 'none'; style-src 'unsafe-inline'; object-src 'self'; frame-ancestors 'self'"
"""As FILE_POLICY; but browsers do not start their PDF viewer in a sandbox."""

API_POLICY = "default-src 'none'; frame-ancestors 'none'"

_PERMISSIONS = ", ".join(
    (
        "camera=(self)",
        "microphone=(self)",
        "display-capture=(self)",
        "screen-wake-lock=(self)",
        "autoplay=(self)",
        "fullscreen=(self)",
        "picture-in-picture=(self)",
        "geolocation=()",
        "payment=()",
        "usb=()",
    )
)


def protect(app: web.Application, edge: Edge) -> None:
    """Put the headers on whatever this application answers; a handler's own Content-Security-Policy stays."""

    async def add(request: web.Request, response: web.StreamResponse) -> None:
        headers = response.headers
        policy = API_POLICY if request.path.startswith("/api/") else PAGE_POLICY
        headers.setdefault("Content-Security-Policy", policy)
        headers.setdefault("X-Content-Type-Options", "nosniff")
        headers.setdefault("Referrer-Policy", "no-referrer")
        headers.setdefault("Permissions-Policy", _PERMISSIONS)
        headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        if edge.secure:
            headers.setdefault("Strict-Transport-Security", "max-age=31536000")
        headers["Server"] = "tele"  # aiohttp names its version and Python's

    app.on_response_prepare.append(add)
