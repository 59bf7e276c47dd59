"""The comparison of `tele bench forward --vs`: its last line, which runs count, what it says without the rival."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bench import forward, janus, versus, worker
from tests.bench.load import Result, synthetic


def result(subscribers: int, cost: float, delivery: float = 1.0, verified: float = 1.0) -> Result:
    moved = dict.fromkeys(versus.MOVED, 1)
    return Result(
        subscribers, 1_200, delivery, verified, cost, cost * subscribers, 0.1, delivery, cost * 5, 1.0, 3, moved
    )


@pytest.fixture
def rival() -> Callable[[str], versus.Rival]:
    def make(unit: str) -> versus.Rival:
        return versus.Rival("janus", worker.Server.start, synthetic(), unit, (10, 100))

    return make


def test_the_ratio_is_our_cost_over_theirs(rival: Callable[[str], versus.Rival]) -> None:
    costs = [("tele", 10, 20.0), ("janus", 10, 40.0), ("tele", 10, 24.0), ("janus", 10, 48.0), ("tele", 100, 9.0)]
    rows = [(name, result(number, cost), True) for name, number, cost in [*costs, ("janus", 100, 36.0)]]
    said = versus.outcome(rival("packet"), rows)
    assert said["ratio_vs_janus"] == {"10": 0.5, "100": 0.25}
    assert said["cpu_us_per_packet"] == {"tele": {"10": 22.0, "100": 9.0}, "janus": {"10": 44.0, "100": 36.0}}
    assert len(said["results"]) == 6
    assert json.loads(json.dumps(said)) == said


def test_a_run_that_lost_packets_gives_no_ratio(rival: Callable[[str], versus.Rival]) -> None:
    other = rival("packet")
    assert other.counts("tele", result(10, 1.0, 0.999, 0.999))
    assert not other.counts("tele", result(10, 1.0, 0.9989))
    assert not other.counts("tele", result(10, 1.0, verified=0.5))
    said = versus.outcome(other, [("tele", result(10, 20.0), True), ("janus", result(10, 5.0, 0.5), False)])
    assert said["ratio_vs_janus"] == {"10": None}


def test_a_server_that_leaves_out_what_the_other_does_gives_no_ratio(rival: Callable[[str], versus.Rival]) -> None:
    other, idle = rival("packet"), result(10, 1.0)
    idle.counts = {"sender_reports_out": 3, "transport_feedback_in": 9}
    assert other.missing("tele", idle) == ["nacks_answered did not move"]
    assert other.counts("janus", idle)  # nobody asks for its counters: what came again is what counts
    idle.resent, idle.sender_reports = 0.5, 0
    assert other.missing("janus", idle) == [
        "only 50% of what NACKs asked for came again",
        "no sender reports came",
    ]


def test_pictures_encoded_anew_are_compared_by_frame(rival: Callable[[str], versus.Rival]) -> None:
    other = rival("frame")
    assert other.counts("tele", result(1, 1.0, verified=0.0))
    said = versus.outcome(other, [("tele", result(1, 20.0), True), ("janus", result(1, 200.0), True)])
    assert said["cpu_us_per_frame"] == {"tele": {"1": 100.0}, "janus": {"1": 1000.0}}
    assert "cpu_us_per_packet" not in said["results"][0]


def test_without_janus_it_says_so_and_exits_with_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit) as ended:
        forward.main(["--vs", "janus"])
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert not said.out
    assert "Janus is not installed" in said.err


def test_without_a_compiler_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "janus"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LookupError, match="C compiler"):
        janus.find()


async def test_janus_runs_and_ends_without_a_trace() -> None:
    try:
        installation = janus.find()
    except LookupError as missing:
        pytest.skip(str(missing))
    server = await installation.start(min(os.sched_getaffinity(0)))
    assert Path(f"/proc/{server.pid}").exists()
    folder = server.folder
    await server.stop()
    assert not Path(f"/proc/{server.pid}").exists()
    assert not folder.exists()
