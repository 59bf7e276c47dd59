"""The self-test's sentences: each is there in both languages, with the same blanks to fill; certificates are judged."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from tele import certificate, checkup, checkup_far

SENTENCES = yaml.safe_load((Path(checkup.__file__).parent / "locales" / "check.yaml").read_text(encoding="utf-8"))


def test_both_languages_say_the_same_things() -> None:
    english, chinese = SENTENCES["en"], SENTENCES["zh-CN"]
    assert english.keys() == chinese.keys()
    for name in english:
        assert set(re.findall(r"{\w+}", english[name])) == set(re.findall(r"{\w+}", chinese[name])), name


def test_every_sentence_that_the_code_names_is_there() -> None:
    named = set()
    for module in (checkup, checkup_far):
        text = Path(module.__file__).read_text(encoding="utf-8")
        named |= set(re.findall(r'"((?:far|verdict|media|certificate|turn|disk|database|http|redis|clock)_\w+)"', text))
    assert len(named) > 25
    assert named - SENTENCES["en"].keys() == {"certificate_error"}, "which is the name of an attribute"


@pytest.mark.parametrize(("age", "said"), [(0, "certificate"), (380, "certificate_soon"), (400, "certificate_over")])
def test_a_certificate_is_judged_by_its_days(tmp_path: Path, age: int, said: str) -> None:
    now = datetime.now(UTC)
    made = certificate.make(tmp_path, ["localhost"], now - timedelta(days=age))
    assert checkup._certificate(made.certificate, made.key, now).sentence == said


def test_a_key_of_another_certificate_is_noticed(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    one, other = (certificate.make(tmp_path / name, ["localhost"], now) for name in ("one", "other"))
    assert checkup._certificate(one.certificate, other.key, now).sentence == "certificate_bad"
