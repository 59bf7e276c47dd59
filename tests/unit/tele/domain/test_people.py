"""Languages of people and browsers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tele.domain.ids import is_id, new_id
from tele.domain.people import LANGUAGES, choose_language, name_in


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh-CN"),
        ("zh-Hant-TW", "zh-CN"),
        ("de,fr;q=0.9", "en"),
        ("en-GB,zh;q=0.2", "en"),
        ("en;q=0.1, zh;q=0.5", "zh-CN"),
        ("zh;q=0", "en"),
        ("zh;q=nonsense,en", "en"),
    ],
)
def test_the_browsers_wish(header: str, language: str) -> None:
    assert choose_language(header) == language


@given(st.text())
def test_any_header_gets_a_language(header: str) -> None:
    assert choose_language(header) in LANGUAGES


def test_names_follow_the_reader() -> None:
    assert name_in("zh-CN", "Li Na", "李娜") == "李娜"
    assert name_in("en", "Li Na", "李娜") == name_in("zh-CN", "Li Na", None) == "Li Na"


def test_ids_are_long_and_unlike() -> None:
    made = {new_id() for _ in range(1000)}
    assert len(made) == 1000 and all(is_id(one) and len(one) == 22 for one in made)
    assert not any(is_id(wrong) for wrong in ("", "a b", "../x", "é", "x" * 33, "a/b", "a\n"))
