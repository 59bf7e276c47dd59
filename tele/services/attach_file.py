"""Files of a case: taken in as a stream, looked into, kept in the object store, given out, and swept when unsent."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import func, select, update

from tele.domain.access import NO_RELATION, Action, Actor, allows
from tele.domain.consultation import possible
from tele.domain.documents import WITH_PREVIEW, Sniffed
from tele.domain.refusals import Conflict, Forbidden, TooLarge, Unknown, WrongType
from tele.domain.text import clean_file_name
from tele.services import inspect_file
from tele.services.announce import changed
from tele.services.case_content import attach
from tele.services.case_rows import load, load_people
from tele.services.cases import find, relation_to, touch
from tele.services.context import Services
from tele.services.lectures.found import relate
from tele.services.view_consultation import file_view, situation
from tele.services.views import FileView
from tele.store import audit
from tele.store.tables import DocumentReference, Lecture, ServiceRequest

_WRITE = 1024 * 1024
"""Bytes that are gathered before a thread writes them to disk."""
_UNSENT = 100
"""Files that one person may keep without sending them."""


async def receive(services: Services, actor: Actor, name: str, declared: str, body: AsyncIterator[bytes]) -> FileView:
    """Take one file; it is the uploader's own until it is sent with a case.

    Raises TooLarge("too-large"), WrongType("file-type", "file-broken"), Conflict("too-many-unsent").
    """
    async with services.database.reading() as tx:
        unsent = select(func.count()).select_from(DocumentReference).where(
            DocumentReference.uploader == actor.id, DocumentReference.request.is_(None),
            DocumentReference.lecture.is_(None),
            DocumentReference.deleted_at.is_(None),
        )  # fmt: skip
        if (await tx.scalar(unsent) or 0) >= _UNSENT:
            raise Conflict("too-many-unsent")
    now, file_id = services.clock(), services.new_id()
    key = object_key(file_id)
    with tempfile.TemporaryDirectory(prefix="tele-upload-") as folder:
        path = Path(folder) / "upload"
        size, digest = await _spool(path, body, services.limits.upload_bytes)
        async with services.heavy:
            found: Sniffed = await asyncio.to_thread(
                inspect_file.inspect, path, declared, services.limits.image_pixels
            )  # fmt: skip
        await services.objects.put(key, path)
    row = DocumentReference(
        id=file_id, request=None, lecture=None, pages=None, uploader=actor.id,
        name=clean_file_name(name, f"file-{file_id[:6]}"), media_type=found.media_type, kind=found.kind, size=size,
        sha256=digest, object_key=key, created_at=now, deleted_at=None,
    )  # fmt: skip
    async with services.database.transaction() as tx:
        tx.add(row)
        audit.record(
            tx, actor=actor, action="file.upload", subject_type="file", subject_id=file_id, at=now,
            id=services.new_id(), details={"type": found.media_type, "size": size, "sha256": digest},
        )  # fmt: skip
        people = await load_people(tx, actor.language, [actor.id])
    return file_view(row, people)


async def add_to_case(services: Services, actor: Actor, consultation_id: str, file_id: str) -> None:
    """Give an unsent file to a case that is under way. Raises Unknown, Forbidden, Invalid, Conflict("not-now")."""
    now = services.clock()
    async with services.database.transaction() as tx:
        case = await find(tx, actor, consultation_id, Action.ADD_FILE, lock=True)
        (rows,) = await load(tx, [case.row])
        if not possible(Action.ADD_FILE, situation(rows)):
            raise Conflict("not-now")
        mine = select(func.count()).select_from(DocumentReference).where(DocumentReference.request == consultation_id)
        if (await tx.scalar(mine) or 0) >= services.limits.files_per_case:
            raise Conflict("too-many-files")
        already = await tx.get(DocumentReference, file_id)
        if already and already.request == consultation_id:
            return  # a retry
        await attach(tx, actor, consultation_id, [file_id], 1)
        touch(case.row, now)
        audit.record(
            tx, actor=actor, action="consultation.add-file", subject_type="consultation", subject_id=consultation_id,
            at=now, id=services.new_id(), details={"file": file_id},
        )  # fmt: skip
    await changed(services, case.row, "file")


async def open_file(services: Services, actor: Actor, file_id: str) -> DocumentReference:
    """The row of a file that this person may read; the reading is audited. Raises Unknown."""
    async with services.database.reading() as tx:
        row = await tx.get(DocumentReference, file_id)
        if row is None or row.deleted_at:
            raise Unknown
        request = await tx.get(ServiceRequest, row.request) if row.request else None
        lecture = await tx.get(Lecture, row.lecture) if row.lecture else None
        rule = Action.SEE_FILE
        if request is not None:
            relation = await relation_to(tx, actor, request)
        elif lecture is not None:
            rule, relation = Action.SEE_LECTURE, (await relate(tx, actor, [lecture]))[0].relation
        else:
            relation = frozenset({"own"}) if row.uploader == actor.id else NO_RELATION
        if not allows(actor, rule, relation):
            raise Unknown
    await audit.record_read(
        services.database, actor=actor, subject_type="file", subject_id=file_id, at=services.clock(),
        new_id=services.new_id,
    )  # fmt: skip
    return row


async def preview(services: Services, actor: Actor, file_id: str) -> tuple[str, bytes]:
    """Media type and bytes of a file's picture, made once and then kept. Raises Unknown, Unknown("no-preview")."""
    return await picture_of(services, await open_file(services, actor, file_id))


async def picture_of(services: Services, row: DocumentReference) -> tuple[str, bytes]:
    """As `preview`, of a file that somebody was already allowed to see. Raises Unknown("no-preview")."""
    if row.media_type not in WITH_PREVIEW:
        raise Unknown("no-preview")
    media_type = "image/png" if row.media_type == "application/dicom" else "image/jpeg"
    kept = f"previews/{row.id[:2]}/{row.id}"
    try:
        return media_type, await services.objects.get(kept)
    except FileNotFoundError:
        pass  # the first to ask has it made
    with tempfile.TemporaryDirectory(prefix="tele-preview-") as folder:
        path = Path(folder) / "content"
        with path.open("wb") as file:
            async for piece in services.objects.stream(row.object_key, 0, row.size):
                await asyncio.to_thread(file.write, piece)
        async with services.heavy:
            picture = await asyncio.to_thread(
                inspect_file.preview, path, row.media_type, services.limits.image_pixels
            )  # fmt: skip
    await services.objects.put(kept, picture)
    return media_type, picture


async def delete_file(services: Services, actor: Actor, file_id: str) -> None:
    """Throw away an own file that was not sent. Raises Unknown, or Conflict("file-sent") afterwards."""
    now = services.clock()
    async with services.database.transaction() as tx:
        row = await tx.get(DocumentReference, file_id, with_for_update=True)
        if row is None or row.deleted_at or row.uploader != actor.id:
            raise Unknown
        if not allows(actor, Action.DELETE_FILE, frozenset({"own"})):
            raise Forbidden
        if row.request is not None or row.lecture is not None:
            raise Conflict("file-sent")
        row.deleted_at = now
        audit.record(
            tx, actor=actor, action="file.delete", subject_type="file", subject_id=file_id, at=now,
            id=services.new_id(),
        )  # fmt: skip
    await services.objects.delete(row.object_key)
    await services.objects.delete(f"previews/{row.id[:2]}/{row.id}")


async def sweep(services: Services) -> int:
    """Throw away files that were never sent and are older than the limit; returns how many. Run it every hour."""
    now = services.clock()
    old = (
        update(DocumentReference)
        .where(
            DocumentReference.request.is_(None),
            DocumentReference.lecture.is_(None),
            DocumentReference.deleted_at.is_(None),
            DocumentReference.created_at < now - services.limits.draft_files_kept,
        )
        .values(deleted_at=now)
        .returning(DocumentReference.id, DocumentReference.object_key)
    )
    async with services.database.transaction() as tx:
        swept = (await tx.execute(old)).all()
        for file_id, _ in swept:
            audit.record(
                tx, actor=None, action="file.sweep", subject_type="file", subject_id=file_id, at=now,
                id=services.new_id(),
            )  # fmt: skip
    for file_id, key in swept:
        await services.objects.delete(key)
        await services.objects.delete(f"previews/{file_id[:2]}/{file_id}")
    return len(swept)


def object_key(file_id: str) -> str:
    """Where a file's bytes are kept."""
    return f"attachments/{file_id[:2]}/{file_id}"


async def _spool(path: Path, body: AsyncIterator[bytes], limit: int) -> tuple[int, str]:
    size, digest, pending = 0, hashlib.sha256(), bytearray()
    with path.open("wb") as file:
        async for piece in body:
            size += len(piece)
            if size > limit:
                raise TooLarge("too-large", megabytes=limit // (1024 * 1024))
            pending += piece
            if len(pending) >= _WRITE:
                await asyncio.to_thread(_write, file, digest, bytes(pending))
                pending.clear()
        await asyncio.to_thread(_write, file, digest, bytes(pending))
    if size == 0:
        raise WrongType("file-type")
    return size, digest.hexdigest()


def _write(file: BinaryIO, digest: hashlib._Hash, content: bytes) -> None:
    digest.update(content)
    file.write(content)
