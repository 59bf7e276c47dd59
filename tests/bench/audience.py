"""Whether an audience delays a call: viewers replay a recording while two people talk on the same server.

Without anybody, with a part of the viewers, with more, with all, and without again. The media worker has the first
core; the front, the viewers (at a lower priority) and the two have the others. Each sound carries the time at which it
was sent, and when it arrived is the kernel's time stamp: how busy the program is that measures plays no part.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from signaling.media.counters import Counters
from signaling.media.tasks import Tasks
from tele.offline import services
from tele.services.sign_in import hash_token
from tele.settings import load
from tele.store.tables import SignInSession
from tests.bench.audience_call import Call, Heard, call
from tests.bench.crowd import make_accounts
from tests.bench.ending import conclude, leave_a_core
from tests.bench.load import server_cpu
from tests.bench.pairing import settings_of
from tests.bench.process import percentile
from tests.server import REPOSITORY, Server, running_server

QUANTILES: Final = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "most": 1.0}
LATE: Final = 20.0
"""Milliseconds beyond which a sound comes late."""
NOTHING: Final = 0.3
"""Milliseconds at the median that count as nothing, beyond what two windows without viewers differ by."""
NONE_LATE: Final = 0.002
"""Share of late sounds that counts as nothing, beyond that of the windows without viewers."""
ASKED_WITHIN: Final = 1.0
"""Seconds from when a segment is due until it is asked for, at 99 %: else the viewers' process is what is measured."""
SAID: Final = 0.95
"""Share of the sounds that must have been said in time: else they were measured at other times than it seems."""
SETTLE: Final = 8.0
"""Seconds from the call's beginning, and from the viewers' end, until it is measured."""
RESTLESS: Final = 0.01
"""Share of late sounds without any viewers from which on the machine is too busy for a verdict."""


async def cookies(server: Server, person: str, count: int) -> list[str]:
    """So many sessions of that person, written down: to sign in as often would measure Argon2."""
    with settings_of(server):
        settings = load()
    tokens = [secrets.token_urlsafe(32) for _ in range(count)]
    now = datetime.now(UTC)
    async with services(settings) as house, house.database.transaction() as tx:
        tx.add_all(
            SignInSession(
                id=house.new_id(), token_hash=hash_token(token), practitioner=person, created_at=now, last_seen_at=now,
                expires_at=now + timedelta(days=1), revoked_at=None, user_agent="bench",
            )
            for token in tokens
        )  # fmt: skip
    return [f"tele_session={token}" for token in tokens]


class Audience:
    """The other process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def ask(self, line: str, within: float) -> str:
        """One line, and the answer."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(line.encode() + b"\n")
        answer = await asyncio.wait_for(self._process.stdout.readline(), within)
        if not answer:
            raise RuntimeError("the viewers' process ended")
        return answer.decode()


@asynccontextmanager
async def audience(server: Server, index: str, sessions: Sequence[str]) -> AsyncIterator[tuple[Audience, int]]:
    """It runs and nobody watches yet; the number of tracks."""
    process = await asyncio.create_subprocess_exec(
        *("nice", "-n", "5", sys.executable, "-m", "tests.bench.audience_viewers", server.url, index),
        cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    made = Audience(process)
    try:
        yield made, int(await made.ask(json.dumps(sessions), 60))
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def measure(server: Server, steps: Sequence[int], seconds: float, core: int) -> dict[str, Any]:
    """The delay of a call before the audience comes, while more and more of it is there, and after it has gone."""
    tasks = Tasks(Counters())
    async with call(server, tasks) as two:
        try:
            index = await two.record(tasks)
            for pid in server.children("_media").values():
                for thread in Path(f"/proc/{pid}/task").iterdir():
                    os.sched_setaffinity(int(thread.name), {core})
            sessions = await cookies(server, two.gp.caller.me["id"], max(steps))
            await two.begin(asyncio.Lock())
            await two.join()
            tasks.spawn(two.talk(), "talking")
            await asyncio.sleep(SETTLE)
            before = await two.listen(seconds)
            async with audience(server, index, sessions) as (viewers, tracks):
                rows = [await _step(server, two, viewers, step, seconds) for step in steps]
            await asyncio.sleep(SETTLE)
            after = await two.listen(seconds)
            await two.end()
        finally:
            await tasks.stop()
    return outcome(before, after, rows, tracks, seconds)


Step = tuple[dict[str, float], Heard]
"""What the viewers did, and what the two heard meanwhile."""


async def _step(server: Server, two: Call, viewers: Audience, count: int, seconds: float) -> Step:
    await viewers.ask(str(count), 60 + count / 10)
    (front,) = server.children("_front").values()
    used = server_cpu(front)
    heard = await two.listen(seconds)
    watched = json.loads(await viewers.ask("", 30))
    return {**watched, "front_core": round((server_cpu(front) - used) / seconds, 2)}, heard


def outcome(before: Heard, after: Heard, rows: Sequence[Step], tracks: int, seconds: float) -> dict[str, Any]:
    """What is printed last: the highest number of viewers of which something can be said, and what is said of it."""
    windows = [_window({"viewers": 0}, before, seconds)]
    windows += [_window(watched, heard, seconds) for watched, heard in rows]
    windows.append(_window({"viewers": 0}, after, seconds))
    alone = (windows[0], windows[-1])
    medians, late = [each["delay_ms"]["p50"] for each in alone], [each["late"] for each in alone]
    for each in windows:
        each["added_ms_p50"] = round(each["delay_ms"]["p50"] - max(medians), 3)
        each["nothing_added"] = (
            each["added_ms_p50"] <= abs(medians[0] - medians[1]) + NOTHING and each["late"] <= max(late) + NONE_LATE
        )
        if each in alone and each["late"] > RESTLESS:
            each["says_nothing_because"].append("the machine is busy with something else")
    quiet = not any(each["says_nothing_because"] for each in alone)
    valid = [each for each in windows[1:-1] if quiet and not each["says_nothing_because"]]
    best = max(valid, key=lambda each: int(each["viewers"]), default=None)
    return {
        "benchmark": "audience",
        "tracks": tracks,
        "windows": windows,
        "viewers_measured": best["viewers"] if best else 0,
        "added_ms_p50": best["added_ms_p50"] if best else None,
        "nothing_added": best["nothing_added"] if best else None,
    }


def _window(watched: dict[str, float], heard: Heard, seconds: float) -> dict[str, Any]:
    reasons = []
    if heard.said < SAID * 2 * seconds * 50:
        reasons.append("the two could not speak in time")
    if len(heard.delays) < SAID * heard.said:
        reasons.append("sounds were lost")
    if watched.get("failed", 0):
        reasons.append("viewers were refused or cut off")
    if watched.get("asked_late_s_p99", 0.0) > ASKED_WITHIN or watched.get("overdue", 0):
        reasons.append("viewers came behind")
    return {
        **watched,
        "sounds": len(heard.delays),
        "delay_ms": {name: round(percentile(heard.delays, part) * 1e3, 3) for name, part in QUANTILES.items()},
        "late": round(sum(delay * 1e3 > LATE for delay in heard.delays) / max(1, len(heard.delays)), 5),
        "says_nothing_because": reasons,
    }


def table(result: dict[str, Any]) -> str:
    """The windows for people."""
    lines = ["viewers  requests/s  answer p99  front core  delay ms: p50    p90    p99    late  says"]
    for row in result["windows"]:
        delay, said = row["delay_ms"], "; ".join(row["says_nothing_because"])
        lines.append(
            f"{row['viewers']:>7}  {row.get('requests_per_second', 0):>10}  {row.get('answer_ms_p99', 0):>10}"
            f"  {row.get('front_core', 0):>10}  {delay['p50']:>13.2f}  {delay['p90']:>5.2f}  {delay['p99']:>5.2f}"
            f"  {row['late']:>6.2%}  {said or ('nothing added' if row['nothing_added'] else 'more')}"
        )
    return "\n".join(lines)


def main(argv: Sequence[str] = ()) -> dict[str, Any]:
    """Run the benchmark; print a table and, as the last line, the JSON object that is returned."""
    parser = argparse.ArgumentParser(prog="tele bench audience", description=__doc__)
    parser.add_argument("--viewers", default="250,500,1000", help="one number after the other (default 250,500,1000)")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each measurement")
    options = parser.parse_args(list(argv))
    steps = sorted({max(1, int(each)) for each in options.viewers.split(",")})
    core = leave_a_core()
    with (
        tempfile.TemporaryDirectory(prefix="bench-audience-") as folder,
        # AAC of the recording would be made in the first window.
        running_server(Path(folder) / "data", TELE_RECORDING__AAC="false") as server,
    ):
        make_accounts(server.data_dir, 1)
        result = asyncio.run(measure(server, steps, options.seconds, core))
    print(table(result))
    broken = {
        True: [],
        False: ["viewers add to a call's delay"],
        None: ["nothing can be said on this machine now; the last column says why"],
    }
    return conclude(result, broken[result["nothing_added"]])


if __name__ == "__main__":
    main(sys.argv[1:])
