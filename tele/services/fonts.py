"""The fonts of printed sheets: Noto Sans SC, which holds Latin and Chinese, from the built web client."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tele.domain.refusals import Unavailable
from tele.paths import web_client


@dataclass(frozen=True, slots=True)
class Fonts:
    """Two static cuts; variable Chinese fonts come out thin in PDF."""

    regular: Path
    bold: Path


def find_fonts() -> Fonts:
    """The fonts' files. Raises Unavailable("fonts-missing") while the web client is not built."""
    folder = web_client() / "fonts"
    fonts = Fonts(folder / "NotoSansSC_400Regular.ttf", folder / "NotoSansSC_700Bold.ttf")
    if not (fonts.regular.is_file() and fonts.bold.is_file()):
        raise Unavailable("fonts-missing")
    return fonts
