"""`python3 -m tele …`: sets up on first use with the standard library alone, then runs the real command line."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
OLDEST_PYTHON = (3, 11)


def say(text: str) -> None:
    """One line of progress, on stderr so that stdout stays the command's own."""
    print(f"tele: {text}", file=sys.stderr, flush=True)


def run(what: str, *command: str | Path) -> None:
    """Run one set-up step; on failure show its output and stop with a sentence that says what to do."""
    began = time.monotonic()
    say(f"{what} …")
    step = subprocess.run([str(part) for part in command], check=False, cwd=ROOT, capture_output=True, text=True)
    if step.returncode:
        sys.stderr.write(step.stdout + step.stderr)
        raise SystemExit(
            f"tele: set-up stopped while {what}. The lines above say why. If they speak of a network, check that this"
            " machine reaches its Python and npm package registries (or the proxy set for pip), then run the same"
            " command again: it goes on where it stopped."
        )
    say(f"{what}: done in {time.monotonic() - began:.0f} s")


def inputs_digest() -> str:
    """What the environment was made from: dependencies, the build hook and every source of the web client."""
    digest = hashlib.sha256()
    client = ROOT / "web_client"
    skipped = {"node_modules", "dist"}
    sources = [
        Path(folder) / name
        for folder, folders, names in os.walk(client)
        for name in names
        if not skipped & set(Path(folder).relative_to(client).parts)
    ]
    for path in [ROOT / "pyproject.toml", ROOT / "constraints.txt", ROOT / "hatch_build.py", *sorted(sources)]:
        digest.update(str(path.relative_to(ROOT)).encode())
        digest.update(path.read_bytes())
    digest.update(str(ROOT).encode())  # an editable install points at this folder: a moved checkout installs again
    return digest.hexdigest()


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Two commands started together must not set up the same folder at once."""
    VENV.mkdir(exist_ok=True)
    with (VENV / ".setting-up").open("w") as lock:  # not ".lock": that one is the installer's own
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def ensure_environment(extra: str) -> None:
    """Make .venv with the pinned dependencies and the built web client, unless it already is as it should be.

    `extra` is "" or "[test]"; the test set includes the plain one.
    """
    digest = inputs_digest()
    stamps = [VENV / name for name in ((".ready[test]",) if extra else (".ready", ".ready[test]"))]

    def ready() -> bool:
        return any(stamp.is_file() and stamp.read_text() == digest for stamp in stamps)

    if ready():
        return
    with one_at_a_time():
        if ready():
            return
        if not (PYTHON.exists() and (VENV / "bin" / "pip").exists()):
            say("making .venv …")
            try:
                venv.create(VENV, with_pip=True)
            except subprocess.CalledProcessError:
                raise SystemExit(
                    "tele: Python's venv module is incomplete here. On Debian or Ubuntu run"
                    " `apt-get install python3-venv` as root, then run the same command again."
                ) from None
        if not (VENV / "bin" / "uv").exists():
            run("installing the installer", PYTHON, "-m", "pip", "install", "-q", "-c", "constraints.txt", "uv")
        if not extra and any(stamp.is_file() for stamp in [VENV / ".ready[test]"]):
            extra = "[test]"
        run(
            "installing dependencies and building the web client",
            *(VENV / "bin" / "uv", "pip", "install", "-q", "--python", PYTHON),
            *("-c", "constraints.txt", "--reinstall-package", "tele", "-e", f".{extra}"),
        )
        # Bytecode now, also where the environment forbids writing it later: a start is three times as fast.
        compiler = (PYTHON, "-m", "compileall", "-q", "-j", "0")
        run("preparing a fast start", *compiler, "tele", "signaling", "recorder", VENV / "lib")
        (VENV / f".ready{extra}").write_text(digest)


def main() -> None:
    """Set up if need be, then become the real command line."""
    if sys.version_info < OLDEST_PYTHON:
        wanted = ".".join(map(str, OLDEST_PYTHON))
        raise SystemExit(f"tele: Python {wanted} or newer is needed; this is {sys.version.split()[0]}.")
    is_checkout = (ROOT / "pyproject.toml").is_file()
    if is_checkout and Path(sys.prefix).resolve() != VENV.resolve():
        command = sys.argv[1] if len(sys.argv) > 1 else "serve"
        ensure_environment("[test]" if command in ("test", "bench") else "")
        os.execv(PYTHON, [str(PYTHON), "-m", "tele", *sys.argv[1:]])
    from tele.cli import main as command_line

    command_line()


if __name__ == "__main__":
    main()
