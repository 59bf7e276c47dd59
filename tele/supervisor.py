"""Starts the front and the media workers, starts again what dies, and ends them in order."""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tele.process import LISTEN_FD, PARENT_FD, RUN_DIR
from tele.settings import Settings

STABLE_AFTER = 5.0
"""Seconds after which a child counts as well started, and its next death is answered at once."""
LONGEST_PAUSE = 5.0
GIVE_UP_AFTER = 6
"""Quick deaths in a row of a child that has never been stable: the cause is then not a passing one."""
FRONT_ENDS_IN = 6.0
WORKERS_END_IN = 3.0


def say(text: str) -> None:
    """One line for the operator."""
    print(f"tele: {text}", file=sys.stderr, flush=True)


@dataclass
class Child:
    """One process that should run: `role` is the hidden command of the command line that it runs."""

    role: tuple[str, ...]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    quick_deaths: int = 0
    start_at: float = 0.0
    was_stable: bool = field(default=False)

    @property
    def name(self) -> str:
        return " ".join(self.role).lstrip("_")


def listening_socket(settings: Settings) -> socket.socket:
    """Bind the web port here, so that a front that starts again loses no connection: they wait in the backlog."""
    host, port = settings.http.host, settings.http.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(1024)
    except OSError as error:
        raise SystemExit(
            f"tele: cannot listen on {host} port {port}: {error.strerror or error}. Another program (perhaps another"
            " Tele) may use it: end that one, or choose another with TELE_HTTP__PORT."
        ) from None
    return listener


def check_certificate(settings: Settings) -> None:
    """A certificate that cannot be used stops the start with a sentence, not the first visitor with a blank page."""
    if settings.http.tls_cert is None or settings.http.tls_key is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(settings.http.tls_cert, settings.http.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise SystemExit(f"tele: http.tls_cert and http.tls_key cannot be used: {error}") from None


class Supervisor:
    """Owns the children. It is small and does nothing else, so that it has no reason to die."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._children = [Child(("_media", str(number))) for number in range(settings.media.workers)]
        self._children.append(Child(("_front",)))
        self._ending = False

    def run(self) -> int:
        """Until Ctrl-C or SIGTERM; returns the exit code: 0 after an orderly end, 1 when a child cannot run."""
        check_certificate(self._settings)
        self._settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        alive_read, alive_write = os.pipe()  # children see its end when this process is gone
        run_dir = Path(tempfile.mkdtemp(prefix="tele-"))  # short: a Unix socket's path has 107 bytes at most
        listener = listening_socket(self._settings)
        self._inherited = (alive_read, listener.fileno())
        self._environment = {
            # One heap for all threads: each database connection has its thread, and glibc would give each a heap of its
            # own, with holes of its own that only grow.
            "MALLOC_ARENA_MAX": "1",
            **os.environ,
            PARENT_FD: str(alive_read),
            LISTEN_FD: str(listener.fileno()),
            RUN_DIR: str(run_dir),
            "PYTHONUNBUFFERED": "1",
        }
        try:
            with self._signals() as wakeups:
                return self._watch(wakeups)
        finally:
            os.close(alive_write)
            listener.close()
            shutil.rmtree(run_dir, ignore_errors=True)

    @contextlib.contextmanager
    def _signals(self) -> Iterator[selectors.BaseSelector]:
        """Signals as something to select on: SIGCHLD for a death, SIGTERM and SIGINT for the wish to end."""
        reader, writer = socket.socketpair()
        reader.setblocking(False)
        writer.setblocking(False)
        signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)

        def end(number: int, frame: object) -> None:
            self._ending = True

        signal.signal(signal.SIGTERM, end)
        signal.signal(signal.SIGINT, end)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        selector = selectors.DefaultSelector()
        selector.register(reader, selectors.EVENT_READ, reader)
        try:
            yield selector
        finally:
            selector.close()
            reader.close()
            writer.close()

    def _watch(self, wakeups: selectors.BaseSelector) -> int:
        while not self._ending:
            now = time.monotonic()
            for child in self._children:
                if child.process is not None and (code := child.process.poll()) is not None:
                    self._died(child, code, now)
                    if child.quick_deaths >= GIVE_UP_AFTER and not child.was_stable:
                        say(f"{child.name} cannot start (exit code {code}); the lines above say why")
                        self._end_all()
                        return 1
                if child.process is None and now >= child.start_at:
                    self._start(child, now)
            pauses = [child.start_at - now for child in self._children if child.process is None]
            for key, _ in wakeups.select(max(0.0, min(pauses)) if pauses else None):
                with contextlib.suppress(BlockingIOError):
                    key.data.recv(4096)
        self._end_all()
        return 0

    def _start(self, child: Child, now: float) -> None:
        child.process = subprocess.Popen(
            [sys.executable, "-m", "tele", *child.role], pass_fds=self._inherited, env=self._environment
        )
        child.started = now

    def _died(self, child: Child, code: int, now: float) -> None:
        child.process = None
        stable = now - child.started >= STABLE_AFTER
        child.was_stable |= stable
        child.quick_deaths = 0 if stable else child.quick_deaths + 1
        pause = 0.0 if child.quick_deaths <= 1 else min(LONGEST_PAUSE, 0.25 * 2 ** (child.quick_deaths - 2))
        child.start_at = now + pause
        say(f"{child.name} ended with code {code}; starting it again" + (f" in {pause:.1f} s" if pause else ""))

    def _end_all(self) -> None:
        """The front first: it takes no more sessions and has recordings sealed while the workers still run."""
        fronts = [child for child in self._children if child.role == ("_front",)]
        workers = [child for child in self._children if child.role != ("_front",)]
        for group, limit in ((fronts, FRONT_ENDS_IN), (workers, WORKERS_END_IN)):
            running = [child.process for child in group if child.process is not None]
            for process in running:
                process.terminate()
            deadline = time.monotonic() + limit
            for process in running:
                try:
                    process.wait(max(0.05, deadline - time.monotonic()))
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
