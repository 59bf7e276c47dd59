"""Every kept input goes through its target again, and a thousand damaged ones: what a fuzzer found stays mended."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.corpus import CORPUS, REGRESSIONS, inputs
from tests.fuzz.mutate import Mutator
from tests.fuzz.targets import TARGETS

DAMAGED = 400


def test_every_target_has_a_corpus_and_every_folder_a_target() -> None:
    assert {path.name for path in CORPUS.iterdir()} == TARGETS.keys()
    assert {path.name for path in REGRESSIONS.glob("*") if path.is_dir()} <= TARGETS.keys()


@pytest.mark.parametrize("path", [pytest.param((n, p), id=f"{n}-{p.name[:24]}") for n in TARGETS for p in inputs(n)])
def test_kept_inputs(path: tuple[str, Path]) -> None:
    name, file = path
    TARGETS[name].check(file.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_inputs(name: str) -> None:
    target = TARGETS[name]
    mutator = Mutator([path.read_bytes() for path in inputs(name)], seed=8, max_size=target.max_size)
    for size in range(20):
        target.check(bytes(size))
    for _ in range(DAMAGED):
        data = mutator.next()
        try:
            target.check(data)
        except Exception as error:
            raise AssertionError(f"{name} fails on bytes.fromhex({data.hex()!r})") from error


def test_damage_repeats_with_its_seed_and_keeps_the_bound() -> None:
    first, same, other = (Mutator([b"abcdef" * 20, b"xyz"], seed, 100) for seed in (1, 1, 2))
    made = [first.next() for _ in range(200)]
    assert made == [same.next() for _ in range(200)]
    assert made != [other.next() for _ in range(200)]
    assert max(map(len, made)) <= 100
    assert len(set(made)) > 150
