"""A whole Tele for tests: `python -m tele serve` with its own data, ports and processes, ended by id."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.peers import free_port, wait_until

REPOSITORY = Path(__file__).resolve().parent.parent


@dataclass
class Server:
    """One running server; `restart` and `kill` leave its data where they are."""

    data_dir: Path
    environment: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    media_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """What all its processes printed so far."""
        return (self.data_dir.parent / f"{self.data_dir.name}.log").read_text(encoding="utf-8", errors="replace")

    def start(self) -> None:
        """Start and wait until people can work."""
        settings = {
            "TELE_DATA_DIR": str(self.data_dir),
            "TELE_HTTP__PORT": str(self.port),
            "TELE_MEDIA__PORT": str(self.media_port),
            "TELE_MEDIA__HOST": "127.0.0.1",
        }
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("TELE_")}
        with (self.data_dir.parent / f"{self.data_dir.name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tele", "serve"],
                cwd=REPOSITORY, env={**inherited, **settings, **self.environment}, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        wait_until(self.is_ready, self.process, "Tele")

    def is_ready(self) -> bool:
        """Whether /readyz says yes."""
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def children(self, role: str | None = None) -> dict[str, int]:
        """Process ids by role: `_front`, `_media 0`, …"""
        assert self.process is not None
        found = {}
        for folder in Path("/proc").iterdir():
            if not folder.name.isdigit():
                continue
            with contextlib.suppress(OSError):
                parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
                if parent == self.process.pid:
                    words = (folder / "cmdline").read_text().split("\0")
                    if "tele" in words:  # between fork and exec it has no words of its own yet
                        name = " ".join(words[words.index("tele") + 1 :]).strip()
                        if role is None or name.startswith(role):
                            found[name] = int(folder.name)
        return found

    def kill(self, role: str) -> None:
        """SIGKILL one of its processes."""
        for process in self.children(role).values():
            os.kill(process, signal.SIGKILL)

    def kill_all(self) -> None:
        """SIGKILL the whole group at once."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> int:
        """Ask it to end; returns its exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(12)
            except subprocess.TimeoutExpired:
                self.kill_all()
        return self.process.returncode


@contextlib.contextmanager
def running_server(data_dir: Path, **environment: str) -> Iterator[Server]:
    """A server for the length of a `with`; its log is printed, so that a failing test shows it."""
    server = Server(data_dir, environment)
    server.start()
    try:
        yield server
    finally:
        server.stop()
        print(server.log[-6000:])


def is_running(process: int) -> bool:
    """Whether a process still does anything; one that ended and waits to be reaped does not."""
    try:
        return (Path("/proc") / str(process) / "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def eventually(condition: object, limit: float = 10.0, what: str = "") -> None:
    """Poll a condition of the outside world (a process, a port) until it holds."""
    assert callable(condition)
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline, what or "it did not happen in time"
        time.sleep(0.05)
