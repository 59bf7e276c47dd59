"""`tele bench NAME`: runs a benchmark of tests/bench; each prints a table and, last, one JSON object."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path


def names(checkout: Path) -> dict[str, str]:
    """Benchmarks that there are, each with the first line of its file."""
    found = {}
    for path in sorted((checkout / "tests" / "bench").glob("[!_]*.py")):
        first = path.read_text(encoding="utf-8").split("\n", 1)[0].strip('" ')
        if "def main(" in path.read_text(encoding="utf-8"):
            found[path.stem.replace("_", "-")] = first
    return found


def run(name: str, arguments: list[str], checkout: Path) -> int:
    """Run one benchmark with its own arguments; without a name, list them. Returns the exit code."""
    known = names(checkout)
    if name not in known:
        for each, what in known.items():
            print(f"  {each:16} {what}")
        if not known:
            print("The benchmarks are part of a checkout, not of the installed package.")
        return 0 if not name else 2
    sys.path.insert(0, str(checkout))
    importlib.import_module(f"tests.bench.{name.replace('-', '_')}").main(arguments)
    return 0
