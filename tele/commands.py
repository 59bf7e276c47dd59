"""The command line: serve, test, check, bench, admin."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import typer

from tele import admin, bench, checkup, cli
from tele.paths import CHECKOUT
from tele.settings import load

PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
"""Everything that follows is for pytest or the benchmark, `--help` too."""


TEST_FILES_AT_ONCE = 4
"""At most: each may run browsers and servers of its own."""


def run_tests(arguments: list[str]) -> int:
    """The whole suite, static checks included, with pytest's own summary line at the end; returns its exit code.

    As many processes as there are cores share the files; tests/conftest.py says what keeps together, in which order.
    `-n 0` is one process for all.
    """
    if not (CHECKOUT / "tests").is_dir():
        raise SystemExit("tele: the tests are not part of the installed package; run this in a checkout.")
    processes = min(TEST_FILES_AT_ONCE, len(os.sched_getaffinity(0)))
    together = ["-n", str(processes), "--dist", "loadscope", "--no-loadscope-reorder"]
    command = [sys.executable, "-m", "pytest", *together, *arguments]
    return subprocess.run(command, cwd=CHECKOUT, check=False).returncode


def test(context: typer.Context) -> None:
    """Run the whole suite against real peers; arguments go to pytest."""
    raise SystemExit(run_tests(list(context.args)))


def check(
    server: str = typer.Argument("", help="at a site: the address that people type, to try the way to it"),
    user: str = typer.Option("", help="with a server: somebody's user name, to try pictures and sound too"),
    password: str = typer.Option("", help="asked for when it is left out"),
) -> None:
    """Look at this machine, or at the way to a server, and say in plain words what to do about it."""
    if not server:
        raise SystemExit(checkup.run(load()))
    if user and not password:
        password = typer.prompt(f"{user}", hide_input=True)
    raise SystemExit(checkup.run_far(server, user, password))


def run_bench(context: typer.Context, name: str = typer.Argument("", help="which one; empty lists them")) -> None:
    """Measure something and print a table and, last, one JSON object."""
    raise SystemExit(bench.run(name, list(context.args), Path(CHECKOUT)))


def commands() -> typer.Typer:
    """All commands."""
    made = typer.Typer(
        help="Tele: consultations, lectures and replay for medical consortia.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
    )
    made.command("serve")(cli.serve)
    made.command("test", context_settings=PASSED_ON)(test)
    made.command("check")(check)
    made.command("bench", context_settings=PASSED_ON)(run_bench)
    made.add_typer(admin.commands(), name="admin")
    return made
