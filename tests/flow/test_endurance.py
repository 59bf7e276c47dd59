"""The long benchmarks in short: a call under fire, people who come and go, and what the figures are made of."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import pytest

from tests.bench import joins, packets, soak
from tests.bench.fuzz import read
from tests.bench.process import open_files, percentile, resident, slope, threads

HEALTHY: dict[str, Any] = {"megabytes": 90.0, "files": 13, "threads": 3, "tasks": 6.0}


async def test_a_call_survives_twenty_thousand_damaged_packets() -> None:
    result = await packets.measure(20_000, 5_000, 7, min(os.sched_getaffinity(0)))
    assert (result["ended_calls"], result["crashes"]) == (0, 0)
    assert result["grown_megabytes"] <= packets.GROWTH
    assert result["own address"] >= 10_000
    assert result["under_fire"]["received"] > 0.9 * result["under_fire"]["sent"]
    reasons = result["reasons"]
    for reason in ("empty", "oversize", "wrong_range", "unknown_source", "stun_unknown", "not_authentic"):
        assert reasons[f"dropped_{reason}"] > 0, reason


@pytest.mark.timeout(300)
async def test_whoever_comes_and_goes_leaves_nothing_behind() -> None:
    result = await joins.measure(48)
    assert joins.kept(result) == []
    assert result["after"]["tables"]["tele_media_port_paths"] == 0


def test_a_growing_process_is_found() -> None:
    before = {"front": HEALTHY}
    grown = {"front": {**HEALTHY, "files": 30}}
    result = {"megabytes_an_hour": {"front": 0.4}, "before": before, "after": before, "failed": 0, "restarted": False}
    assert soak.kept(result) == []
    assert soak.kept({**result, "after": grown}) == ["front holds more files"]
    assert soak.kept({**result, "megabytes_an_hour": {"front": 1.5}}) == ["front grows by 1.5 MB an hour"]
    tables = {"before": {"tables": {"paths": 0.0}}, "after": {"tables": {"paths": 2.0}}}
    assert joins.kept({**tables, "failed": 0, "restarted": False}) == ["paths is not empty"]


def test_a_call_that_suffered_is_found() -> None:
    quiet = {"sent": 500, "received": 500, "delay_ms_p50": 2.0}
    fine = {
        "quiet": quiet,
        "under_fire": quiet,
        "ended_calls": 0,
        "crashes": 0,
        "grown_megabytes": 0.2,
        "packets": 10,
        "own address": 6,
    }
    assert packets.kept(fine) == []
    assert packets.kept({**fine, "ended_calls": 1, "grown_megabytes": 6.0}) == ["a call ended", "the server grew"]
    assert packets.kept({**fine, "under_fire": {**quiet, "received": 400}}) == ["media was lost"]


def test_figures_of_a_process_and_of_samples() -> None:
    assert resident(os.getpid()) > 1_000_000
    assert open_files(os.getpid()) > 2
    assert threads(os.getpid()) >= 1
    assert slope([(0.0, 5.0), (1.0, 7.0), (2.0, 9.0)]) == pytest.approx(2.0)
    assert slope([(1.0, 5.0)]) == 0.0
    assert (percentile([3, 1, 2], 0.5), percentile([], 0.5), percentile([1, 2], 1.0)) == (2, 0.0, 2)


def test_what_libfuzzer_says_is_read() -> None:
    said = (
        "#8 pulse cov: 12 ft: 40 corp: 31/1735b lim: 4096 exec/s: 87381 rss: 41Mb\n"
        "#9 DONE cov: 21 ft: 90 corp: 33/1725b lim: 4096 exec/s: 79765 rss: 42Mb\n"
        "Done 558357 runs in 7 second(s)\nstat::number_of_executed_units: 558357\nstat::peak_rss_mb: 45\n"
    )
    result = read("rtp", said, [])
    assert (result.inputs, result.seconds, result.paths, result.corpus) == (558_357, 7, 21, 33)
    assert result.peak_megabytes == 45
    assert read("rtp", "", ["x"]).inputs == 0


async def test_without_atheris_it_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.bench import fuzz

    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SystemExit) as ended:
        await asyncio.to_thread(fuzz.main, ["--seconds", "1"])
    assert ended.value.code == 2
    assert "[fuzz]" in capsys.readouterr().err
