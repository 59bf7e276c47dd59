"""A process that makes pictures of a PDF's pages: `python -m tele.services.lectures.render_deck IN OUT PAGES`.

It holds nothing but the file, and is bounded in memory and time, whatever the file makes the renderer do.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

LONG_SIDE = 1920
"""Pixels: a slide is read on a desktop's full screen."""
MEMORY = 2 << 30
"""Bytes of address space."""
SECONDS = 240
QUALITY = 80


def main(source: str, folder: str, most: int) -> None:
    """Write `0001.webp`, `0002.webp`, … into the folder."""
    with contextlib.suppress(ImportError):  # other systems bound it by time alone
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    import pypdfium2

    document = pypdfium2.PdfDocument(source)
    for number in range(min(len(document), most)):
        page = document[number]
        width, height = page.get_size()
        picture = page.render(scale=LONG_SIDE / max(width, height, 1)).to_pil()
        picture.convert("RGB").save(Path(folder) / f"{number + 1:04d}.webp", quality=QUALITY, method=4)
        page.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
