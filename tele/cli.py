"""The command line: serve, test, check, bench, admin; and the hidden commands that the supervisor starts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tele.paths import CHECKOUT

if TYPE_CHECKING:
    import typer

    from tele.settings import Settings


def main() -> None:
    """Entry point of `tele` and of `python3 -m tele`."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name in ("_front", "_media"):
        _child(name, sys.argv[2:])  # started by the supervisor: no need for the command line's own machinery
    elif name == "serve" and len(sys.argv) == 2:
        serve()
    else:
        _commands()()


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

    from tele.process import configure_logging, run_until_told
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


def run_tests(arguments: list[str]) -> int:
    """The whole suite, static checks included, with pytest's own summary line at the end; returns its exit code."""
    if not (CHECKOUT / "tests").is_dir():
        raise SystemExit("tele: the tests are not part of the installed package; run this in a checkout.")
    return subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=CHECKOUT, check=False).returncode


def _commands() -> typer.Typer:
    """Build the command line; kept out of the way of processes that do not need it."""
    import typer

    from tele import admin, bench, checkup

    commands = typer.Typer(help="Tele: consultations, lectures and replay for medical consortia.", no_args_is_help=True)
    commands.command("serve")(serve)

    @commands.command(
        "test", context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
    )
    def test(context: typer.Context) -> None:
        """Run the whole suite against real peers; arguments go to pytest."""
        raise SystemExit(run_tests(list(context.args)))

    @commands.command("check")
    def check() -> None:
        """Look at this machine and say in plain words what works and what to do about the rest."""
        from tele.settings import load

        raise SystemExit(checkup.run(load()))

    @commands.command("bench", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
    def run_bench(context: typer.Context, name: str = typer.Argument("", help="which one; empty lists them")) -> None:
        """Measure something and print a table and, last, one JSON object."""
        raise SystemExit(bench.run(name, list(context.args), Path(CHECKOUT)))

    commands.add_typer(admin.commands(), name="admin")
    return commands
