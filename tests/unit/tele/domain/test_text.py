"""Texts: nothing that deceives or breaks survives, and all else does."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tele.domain.text import clean_file_name, clean_line, clean_text, excerpt


@given(st.text())
def test_cleaning_is_done_once(text: str) -> None:
    once = clean_text(text)
    assert clean_text(once) == once and clean_line(clean_line(text)) == clean_line(text)
    assert all(letter == "\n" or unicodedata.category(letter) not in ("Cc", "Cs") for letter in once)
    once.encode()  # no lone surrogate is left


@given(st.text(alphabet=st.characters(codec="utf-8", categories=("L", "N", "P"))))
def test_ordinary_letters_stay(text: str) -> None:
    assert clean_text(text) == unicodedata.normalize("NFC", text)


@given(st.text(), st.integers(2, 200))
def test_an_excerpt_fits(text: str, limit: int) -> None:
    assert len(excerpt(text, limit)) <= limit and "\n" not in excerpt(text, limit)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd"),
        ("a\tb", "a b"),
        ("\u202egnp.exe", "gnp.exe"),
        ("e\u0301", "é"),
        ("\ud800x\x00y\x1b[31m", "xy[31m"),
        ("  心电图 \n ", "心电图"),
    ],
)
def test_examples(written: str, kept: str) -> None:
    assert clean_text(written) == kept


@given(st.text())
def test_file_names_have_no_folder_and_no_end(name: str) -> None:
    kept = clean_file_name(name)
    assert kept and len(kept) <= 130
    assert not set(kept) & set('/\\:"<>|?*\n\r') and not kept.startswith(".")


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [("/etc/passwd", "passwd"), ("..", "file"), (".bashrc", "bashrc"), ("x" * 300 + ".png", "x" * 117 + ".png")],
)
def test_file_name_examples(given_name: str, kept: str) -> None:
    assert clean_file_name(given_name) == kept
