"""What every process of the server does: logging, ending with its supervisor, ending gently on SIGTERM."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog

from tele.settings import Log

PARENT_FD = "TELE_PARENT_FD"
RUN_DIR = "TELE_RUN_DIR"
LISTEN_FD = "TELE_LISTEN_FD"
HARD_LIMIT = 8.0
"""Seconds from the wish to end until the process ends in any case."""
COLLECT_AFTER = (700, 10, 60)
"""New objects until the youngest are looked at, and how often until those that survived it are (`gc.set_threshold`)."""
ORPHAN_LIMIT = 0.8
"""Seconds a process may take to end after it lost its supervisor: another start must find the ports free."""


def socket_path(run_dir: str, number: int) -> Path:
    """Where media worker `number` listens for the front."""
    return Path(run_dir) / f"media-{number}.sock"


def holdings() -> dict[str, int]:
    """What this process holds at the moment, for /metrics: all of it comes back to where it was when a day is over."""
    return {
        "tasks": len(asyncio.all_tasks()),
        "open_files": sum(1 for _ in Path("/proc/self/fd").iterdir()),
        "resident_bytes": int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"),
    }


def start_without_collector() -> None:
    """Look for no garbage while the process starts: what a start makes is none, and looking costs a sixth of it."""
    gc.disable()


def calm_collector() -> None:
    """The start is over: have the garbage collector stop this process seldom and for little.

    A full collection looks at every object there is, and nothing is forwarded or answered meanwhile: 90 ms in a worker
    with two hundred people, 110 ms in the front. What starting made is never garbage, so it is looked at no more; the
    rest after so many new objects as two hundred people do not bring with them at once.
    """
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
    gc.enable()


def configure_logging(settings: Log) -> None:
    """One line an event on stderr; secrets and personal data are never passed to a log call in the first place."""
    renderer = (
        structlog.processors.JSONRenderer()
        if settings.format == "json"
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    level = logging.getLevelName(settings.level.upper())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    logging.basicConfig(
        level=max(level, logging.WARNING), format="%(levelname)s %(name)s %(message)s", stream=sys.stderr
    )


def _is_news(record: logging.LogRecord) -> bool:
    """A browser that went away before its answer is no error of ours: pages close and lines drop all day."""
    return not (record.exc_info and isinstance(record.exc_info[1], ConnectionError))


async def run_until_told(serve: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Run `serve(ending)` until SIGTERM, SIGINT or the loss of the supervisor sets `ending`.

    The supervisor holds the only writing end of a pipe; when it dies, however it dies, the pipe ends.
    """
    loop = asyncio.get_running_loop()
    ending = asyncio.Event()

    def end(limit: float) -> None:
        if not ending.is_set():
            ending.set()
        loop.call_later(limit, os._exit, 1)

    loop.add_signal_handler(signal.SIGTERM, end, HARD_LIMIT)
    supervised = os.environ.get(PARENT_FD)
    if supervised is None:
        loop.add_signal_handler(signal.SIGINT, end, HARD_LIMIT)
    else:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the supervisor ends us in order
        pipe = int(supervised)

        def parent_gone() -> None:
            loop.remove_reader(pipe)
            end(ORPHAN_LIMIT)

        loop.add_reader(pipe, parent_gone)
    await serve(ending)
