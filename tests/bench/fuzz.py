"""Every reader of bytes from outside, fuzzed under atheris: inputs tried, paths found, memory, failures."""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import os
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from tests.bench.ending import conclude
from tests.fuzz.corpus import CORPUS, HERE, REGRESSIONS
from tests.fuzz.targets import TARGETS

CHECKOUT: Final = HERE.parents[1]
FOUND: Final = CHECKOUT / ".cache" / "fuzz"
"""What was found on the way, by target: the next run begins with it."""
SLOW: Final = 30
"""Seconds for one input that count as a failure: wall time, on machines that do other things as well."""
MEMORY: Final = 1024
"""Megabytes that count as a failure."""


@dataclass(frozen=True, slots=True)
class Result:
    """One row of the table."""

    target: str
    seconds: int
    inputs: int
    """Executions of the target."""
    paths: int
    """Edges of the instrumented code that were reached."""
    corpus: int
    """Inputs that each reached something new."""
    peak_megabytes: int
    failures: list[str]
    """Files in tests/fuzz/regressions."""


def read(name: str, output: str, failures: list[str]) -> Result:
    """Make a row of what libFuzzer printed."""

    def last(pattern: str) -> int:
        found = re.findall(pattern, output)
        return int(found[-1]) if found else 0

    return Result(
        target=name,
        seconds=last(r"Done \d+ runs in (\d+) second"),
        inputs=last(r"stat::number_of_executed_units:\s*(\d+)") or last(r"Done (\d+) runs"),
        paths=last(r"cov: (\d+)"),
        corpus=last(r"corp: (\d+)/"),
        peak_megabytes=last(r"stat::peak_rss_mb:\s*(\d+)") or last(r"rss: (\d+)Mb"),
        failures=failures,
    )


async def fuzz(name: str, seconds: int, jobs: asyncio.Semaphore) -> Result:
    """Run one target in a process of its own, at the lowest priority."""
    found, failed = FOUND / name, REGRESSIONS / name
    for folder in (found, failed):
        folder.mkdir(parents=True, exist_ok=True)
    before = set(failed.iterdir())
    async with jobs:
        process = await asyncio.create_subprocess_exec(
            *("nice", "-n", "19", sys.executable, "-m", "tests.fuzz.run", name),
            *(str(found), str(CORPUS / name), str(failed)),
            f"-max_total_time={seconds}", f"-timeout={SLOW}", f"-rss_limit_mb={MEMORY}", "-print_final_stats=1",
            f"-artifact_prefix={failed}{os.sep}", *words(name),
            cwd=CHECKOUT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        output = (await process.communicate())[0].decode(errors="replace")
    failures = sorted(str(path.relative_to(HERE)) for path in set(failed.iterdir()) - before)
    if process.returncode and not failures:
        failures.append(f"ended with {process.returncode}")
    if failures:
        print(output[-4000:], file=sys.stderr)
    if not any(failed.iterdir()):
        failed.rmdir()
    result = read(name, output, failures)
    print(row(result), flush=True)
    return result


def words(name: str) -> list[str]:
    """The option that names the words of a target's format, if it is made of words."""
    file = HERE / "words" / f"{name}.txt"
    return [f"-dict={file}"] if file.is_file() else []


def row(result: Result) -> str:
    """One line of the table."""
    rate = result.inputs // max(1, result.seconds)
    return (
        f"{result.target:<10}{result.inputs:>14,}{rate:>10,}{result.paths:>8}{result.corpus:>8}"
        f"{result.peak_megabytes:>8}  {', '.join(result.failures) or 'none'}"
    )


async def run(names: Sequence[str], seconds: int, jobs: int) -> list[Result]:
    """All targets, `jobs` at a time."""
    print(f"{'target':<10}{'inputs':>14}{'a second':>10}{'paths':>8}{'corpus':>8}{'MB':>8}  failures", flush=True)
    at_once = asyncio.Semaphore(jobs)
    return list(await asyncio.gather(*(fuzz(name, seconds, at_once) for name in names)))


def main(argv: Sequence[str] = ()) -> dict[str, Any]:
    """Fuzz; exits with 1 when something failed and with 2 when atheris is missing."""
    parser = argparse.ArgumentParser(prog="tele bench fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=600, help="for each target")
    parser.add_argument("--target", action="append", choices=sorted(TARGETS), help="only this one; may be repeated")
    parser.add_argument("--jobs", type=int, default=1, help="targets at a time")
    parser.add_argument("--fresh", action="store_true", help="forget what earlier runs found on the way")
    options = parser.parse_args(list(argv))
    if importlib.util.find_spec("atheris") is None:
        print("atheris is not installed: pip install -e '.[fuzz]'", file=sys.stderr)
        raise SystemExit(2)
    if options.fresh:
        shutil.rmtree(FOUND, ignore_errors=True)
    results = asyncio.run(run(options.target or list(TARGETS), options.seconds, options.jobs))
    failures = [failure for each in results for failure in each.failures]
    outcome = {
        "benchmark": "fuzz",
        "inputs": sum(each.inputs for each in results),
        "results": [asdict(each) for each in results],
    }
    return conclude(outcome, failures)


if __name__ == "__main__":
    main(sys.argv[1:])
