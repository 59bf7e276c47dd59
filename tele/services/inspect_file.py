"""Looking into an uploaded file before it is kept, and making the picture that stands for it."""

from __future__ import annotations

import io
from pathlib import Path

import structlog
from PIL import Image, ImageOps, UnidentifiedImageError

from tele.domain.documents import HEAD, Sniffed, sniff
from tele.domain.refusals import TooLarge, Unknown, WrongType

log = structlog.get_logger(__name__)

PREVIEW_SIDE = 1600
"""Longest side of a preview, in pixels."""
_FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP"}
_BROKEN = (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError, KeyError, IndexError, MemoryError)
"""What Pillow's decoders raise on damaged input."""


def inspect(path: Path, declared: str, pixels: int) -> Sniffed:
    """What the file at `path` is. Blocks: run it in a thread.

    Raises WrongType("file-type") for what is not taken, WrongType("file-broken") for what is not what it begins as, and
    TooLarge("image-too-large") for a picture of more than `pixels` pixels.
    """
    with path.open("rb") as file:
        found = sniff(file.read(HEAD), path.stat().st_size, declared)
    if found is None:
        raise WrongType("file-type")
    if found.media_type in _FORMATS:
        _check_image(path, found.media_type, pixels)
    elif found.media_type == "application/dicom":
        from tele.services.dicom import check  # its library takes half a second to load: not at every start

        check(path)
    elif found.media_type == "application/pdf":
        _check_pdf(path)
    return found


def preview(path: Path, media_type: str, pixels: int) -> bytes:
    """A JPEG (of a picture, turned upright, without its metadata) or a PNG (of a DICOM's middle frame). Blocks.

    Raises Unknown("no-preview") when the content cannot be drawn.
    """
    if media_type == "application/dicom":
        from tele.services.dicom import draw

        return _encode(draw(path, pixels), "PNG")
    try:
        with Image.open(path, formats=[_FORMATS[media_type]]) as image:
            if image.width * image.height > pixels:
                raise Unknown("no-preview")
            image.draft("RGB", (PREVIEW_SIDE, PREVIEW_SIDE))
            return _encode(_flat(ImageOps.exif_transpose(image)), "JPEG")
    except _BROKEN as error:
        log.warning("preview.failed", media_type=media_type, error=type(error).__name__)
        raise Unknown("no-preview") from error


def _check_image(path: Path, media_type: str, pixels: int) -> None:
    try:
        with Image.open(path, formats=[_FORMATS[media_type]]) as image:
            if image.width * image.height > pixels:
                raise TooLarge("image-too-large")
            image.verify()
        with Image.open(path, formats=[_FORMATS[media_type]]) as image:  # verify() looks at the structure alone
            image.draft("RGB", (64, 64))
            image.load()
    except Image.DecompressionBombError as error:
        raise TooLarge("image-too-large") from error
    except _BROKEN as error:
        raise WrongType("file-broken") from error


def _check_pdf(path: Path) -> None:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 4096))
        if b"%%EOF" not in file.read():
            raise WrongType("file-broken")


def _flat(image: Image.Image) -> Image.Image:
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        layered = image.convert("RGBA")
        white = Image.new("RGBA", layered.size, "white")
        return Image.alpha_composite(white, layered).convert("RGB")
    return image.convert("RGB")


def _encode(image: Image.Image, form: str) -> bytes:
    image.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
    clean = Image.new(image.mode, image.size)  # a copy of the pixels carries no EXIF, no ICC, no comment
    clean.paste(image)
    buffer = io.BytesIO()
    clean.save(buffer, form, quality=85, optimize=form == "PNG")
    return buffer.getvalue()
