"""Slides: a PDF made into one sharp picture a page, in a process of its own, since a PDF may be anybody's."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

import structlog
from sqlalchemy import select

from tele.domain.access import Action, Actor
from tele.domain.refusals import Unknown
from tele.services import attach_file
from tele.services.context import Services
from tele.services.lectures.found import changed, find
from tele.services.tasks import Tasks
from tele.store.tables import DocumentReference, Lecture

log = structlog.get_logger(__name__)

PAGES = 300
"""Most pages of a deck; the rest is left out, and said."""
PATIENCE = 300.0
"""Seconds for a whole deck: beyond it the file is not what it says."""
BROKEN = 0
"""`pages` of a deck that cannot be shown."""


class Decks:
    """Makes the pictures of decks as they come, one deck at a time, and of those that an earlier run left."""

    def __init__(self) -> None:
        self._tasks = Tasks("decks")
        self._wanted = asyncio.Event()

    def start(self, services: Services) -> None:
        """Begin with whatever is not ready."""
        self._tasks.spawn(self._run(services), "decks")

    async def stop(self) -> None:
        """End at once; what was under way is begun again at the next start."""
        await self._tasks.close()

    def wake(self) -> None:
        """There is a new deck."""
        self._wanted.set()

    async def _run(self, services: Services) -> None:
        while True:
            self._wanted.clear()
            waiting = select(DocumentReference).where(
                DocumentReference.kind == "deck", DocumentReference.pages.is_(None),
                DocumentReference.lecture.is_not(None), DocumentReference.deleted_at.is_(None),
            )  # fmt: skip
            async with services.database.reading() as tx:
                rows = list(await tx.scalars(waiting.order_by(DocumentReference.created_at)))
            for row in rows:
                try:
                    await make(services, row)
                except Exception:
                    log.exception("deck.failed", file=row.id)
                    await _ready(services, row, BROKEN)
            await self._wanted.wait()


async def make(services: Services, row: DocumentReference) -> None:
    """Make the pictures of one deck and say that it is ready."""
    with tempfile.TemporaryDirectory(prefix="tele-deck-") as folder:
        content, out = Path(folder) / "deck.pdf", Path(folder) / "pages"
        out.mkdir()
        with content.open("wb") as file:
            async for piece in services.objects.stream(row.object_key, 0, row.size):
                await asyncio.to_thread(file.write, piece)
        async with services.heavy:
            worker = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tele.services.lectures.render_deck", str(content), str(out), str(PAGES),
                stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
            try:
                async with asyncio.timeout(PATIENCE):
                    failed = await worker.wait()
            except BaseException:
                worker.kill()
                await worker.wait()
                raise
        pictures = sorted(out.iterdir()) if not failed else []
        for number, picture in enumerate(pictures, 1):
            await services.objects.put(page_key(row.id, number), picture)
    await _ready(services, row, len(pictures) or BROKEN)


async def page(services: Services, actor: Actor, lecture_id: str, file: str, number: int) -> bytes:
    """The picture of one page (WebP). Raises Unknown."""
    async with services.database.reading() as tx:
        await find(tx, services, actor, lecture_id, Action.SEE_LECTURE)
        row = await tx.get(DocumentReference, file)
        if row is None or row.lecture != lecture_id or row.kind != "deck" or not 1 <= number <= (row.pages or 0):
            raise Unknown
    return await services.objects.get(page_key(file, number))


async def cover(services: Services, actor: Actor, lecture_id: str) -> tuple[str, bytes]:
    """Media type and bytes of the cover picture, made small enough for a list. Raises Unknown."""
    async with services.database.reading() as tx:
        await find(tx, services, actor, lecture_id, Action.SEE_LECTURE)
        row = await tx.scalar(
            select(DocumentReference).where(
                DocumentReference.lecture == lecture_id, DocumentReference.kind == "cover",
                DocumentReference.deleted_at.is_(None),
            )
        )  # fmt: skip
    if row is None:
        raise Unknown
    return await attach_file.picture_of(services, row)


def page_key(file: str, number: int) -> str:
    """Where a page's picture is kept. Slides that were replaced stay: the replay shows them."""
    return f"decks/{file[:2]}/{file}/{number:04d}"


async def _ready(services: Services, row: DocumentReference, pages: int) -> None:
    async with services.database.transaction() as tx:
        kept = await tx.get_one(DocumentReference, row.id, with_for_update=True)
        kept.pages = pages
        lecture = await tx.get_one(Lecture, row.lecture or "")
    await changed(services, lecture, "deck")
