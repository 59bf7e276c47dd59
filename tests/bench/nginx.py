"""nginx beside ours: one process that gives the files of a folder away, for as long as a `with` lasts."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.peers import accepts, end, free_port, wait_until

_CONFIGURATION = """
daemon off; master_process off; pid {run}/pid; error_log {run}/log;
user {user};
events {{ worker_connections 4096; }}
http {{
    access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000; types {{ video/mp4 m4s; }}
    client_body_temp_path {run}; proxy_temp_path {run};
    fastcgi_temp_path {run}; uwsgi_temp_path {run}; scgi_temp_path {run};
    server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ root {folder}; }} }}
}}
"""


def installed() -> str | None:
    """Where nginx is."""
    return shutil.which("nginx")


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[tuple[int, int]]:
    """Its port and its process."""
    program, port = installed(), free_port()
    assert program is not None
    with tempfile.TemporaryDirectory() as run:
        file = Path(run) / "nginx.conf"
        user = "root" if os.geteuid() == 0 else "nobody"
        file.write_text(_CONFIGURATION.format(run=run, user=user, port=port, folder=folder), encoding="utf-8")
        process = subprocess.Popen([program, "-p", run, "-e", f"{run}/log", "-c", str(file)])
        try:
            wait_until(lambda: accepts(port), process, "nginx")
            yield port, process.pid
        finally:
            end(process)
