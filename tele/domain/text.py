"""Texts that people write: what is taken out of them before they are kept or shown to others."""

from __future__ import annotations

import unicodedata

_BIDI = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u061c")
"""Marks that reorder what follows (UAX #9): harmless in prose, a disguise in a name."""
_DROPPED = frozenset({"Cc", "Cs", "Co", "Cn"})
"""Categories of the Unicode standard that no text needs: control, surrogate, private use, unassigned."""


def clean_text(text: str) -> str:
    """Prose of several lines: NFC, `\\n` as its only line end and only control character, no blanks at the ends."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    kept = (letter for letter in text.replace("\t", " ") if letter == "\n" or _is_printable(letter))
    return unicodedata.normalize("NFC", "".join(kept)).strip()


def clean_line(text: str) -> str:
    """A name or another single line: as prose, with each run of blanks and line ends made one space."""
    return " ".join(clean_text(text).split())


def clean_file_name(name: str, fallback: str = "file") -> str:
    """A name to show and to download under: no folder, nothing that a file system or a header would read."""
    base = clean_line(name.replace("\\", "/").rsplit("/", 1)[-1])
    base = "".join("_" if letter in '<>:"|?*%;' else letter for letter in base).strip(". ")
    stem, dot, ending = base.rpartition(".")
    if dot and len(ending) <= 10:
        return f"{stem[: 120 - len(ending)]}.{ending}" if stem else fallback
    return base[:120] or fallback


def excerpt(text: str, limit: int = 80) -> str:
    """The beginning of a text on one line, cut with an ellipsis where it is longer than `limit` characters."""
    line = clean_line(text)
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def _is_printable(letter: str) -> bool:
    return letter not in _BIDI and unicodedata.category(letter) not in _DROPPED
