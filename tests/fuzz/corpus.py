"""The inputs kept for each target: `corpus/NAME`, made from real packets, and `regressions/NAME`, which once failed."""

from __future__ import annotations

from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent
CORPUS: Final = HERE / "corpus"
REGRESSIONS: Final = HERE / "regressions"


def inputs(name: str) -> list[Path]:
    """All files of a target, the same order each time."""
    return sorted(path for folder in (CORPUS, REGRESSIONS) for path in (folder / name).glob("*") if path.is_file())
