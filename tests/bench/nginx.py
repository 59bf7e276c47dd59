"""nginx beside ours and in front of it: one process of a configuration of its own, for as long as a `with` lasts."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.peers import accepts, end, free_port, wait_until

EXAMPLE: Final = Path(__file__).resolve().parents[2] / "config/nginx.conf"
"""What sites copy."""

_MAIN = """
daemon off; master_process off; pid {run}/pid; error_log {run}/log;
user {user};
worker_rlimit_nofile 16384;
events {{ worker_connections 8192; }}
http {{
    access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000; types {{ video/mp4 m4s; }}
    client_body_temp_path {run}; proxy_temp_path {run};
    fastcgi_temp_path {run}; uwsgi_temp_path {run}; scgi_temp_path {run};
    {rest}
}}
"""


def installed() -> str | None:
    """Where nginx is."""
    return shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[tuple[int, int]]:
    """It gives the files of a folder away: its port and its process."""
    port = free_port()
    with tempfile.TemporaryDirectory() as run:
        rest = f"server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ root {folder}; }} }}"
        with _running(Path(run), rest, port) as process:
            yield port, process


@contextlib.contextmanager
def caching(origin: int) -> Iterator[tuple[int, int]]:
    """The example of config/ in front of a Tele at that port: its port and its process."""
    port = free_port()
    with (
        tempfile.TemporaryDirectory() as run,
        _running(Path(run), example(Path(run), port, origin), port) as process,
    ):
        yield port, process


def example(run: Path, port: int, origin: int) -> str:
    """The example with ports and folders of its own, and without TLS. Raises ValueError when it is not what it was."""
    text = EXAMPLE.read_text(encoding="utf-8")
    for line, instead in (
        ("server 127.0.0.1:8080;", f"server 127.0.0.1:{origin};"),
        ("listen 443 ssl http2;", f"listen 127.0.0.1:{port} backlog=4096;"),
        ("ssl_certificate /etc/tele/tele.crt;", ""),
        ("ssl_certificate_key /etc/tele/tele.key;", ""),
        ("proxy_cache_path /var/cache/nginx/tele-media ", f"proxy_cache_path {run}/media "),
        ("proxy_cache_path /run/tele-leave ", f"proxy_cache_path {run}/leave "),
    ):
        if text.count(line) != 1:
            raise ValueError(f"{EXAMPLE.name} has {line!r} {text.count(line)} times")
        text = text.replace(line, instead)
    return text


@contextlib.contextmanager
def _running(run: Path, rest: str, port: int) -> Iterator[int]:
    program = installed()
    assert program is not None
    user = "root" if os.geteuid() == 0 else "nobody"
    file = run / "nginx.conf"
    file.write_text(_MAIN.format(run=run, user=user, rest=rest), encoding="utf-8")
    process = subprocess.Popen([program, "-p", run, "-e", f"{run}/log", "-c", str(file)])
    try:
        wait_until(lambda: accepts(port), process, "nginx")
        yield process.pid
    finally:
        end(process)
