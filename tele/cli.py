"""Where the program begins: serves, becomes one of the server's own processes, or hands over to the command line."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tele.settings import Settings


def main() -> None:
    """Entry point of `tele` and of `python3 -m tele`."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name in ("_front", "_media"):
        _child(name, sys.argv[2:])  # started by the supervisor: no need for the command line's own machinery
    elif name == "serve" and len(sys.argv) == 2:
        serve()
    else:
        from tele.commands import commands

        commands()()


def serve() -> None:
    """Start everything on one web port and one media port, until Ctrl-C."""
    from tele.settings import load
    from tele.supervisor import Supervisor

    settings = load()
    _refuse_unsafe_demo(settings)
    raise SystemExit(Supervisor(settings).run())


def _refuse_unsafe_demo(settings: Settings) -> None:
    """The demo's printed password must not open a server that others can reach."""
    if settings.demo.enabled and not settings.http.on_loopback and "TELE_DEMO__PASSWORD" not in os.environ:
        database = settings.data_dir / "tele.sqlite3"
        if not settings.database.url and database.exists():
            return  # the accounts of a server that has been set up are as they are
        raise SystemExit(
            f"tele: http.host is {settings.http.host}, so other machines can reach this server, and the demo accounts"
            " have a password that everybody knows.\n"
            "  For real use:  TELE_DEMO__ENABLED=false, then `tele admin create` makes the first account.\n"
            "  For a demo:    set TELE_DEMO__PASSWORD to a password of your own."
        )


def _child(name: str, arguments: list[str]) -> None:
    import asyncio

    from tele.process import configure_logging, run_until_told, start_without_collector

    start_without_collector()
    from tele.settings import load

    settings = load()
    configure_logging(settings.log)
    if name == "_front":
        from tele.front import run_front

        asyncio.run(run_until_told(lambda ending: run_front(settings, ending, dict(os.environ))))
    else:
        from tele.media_node import run_worker

        number = int(arguments[0])
        asyncio.run(run_until_told(lambda ending: run_worker(settings, number, ending, dict(os.environ))))
