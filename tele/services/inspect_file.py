"""Looking into an uploaded file before it is kept, and making the picture that stands for it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import structlog
from PIL import Image, ImageOps, UnidentifiedImageError
from pydicom.errors import InvalidDicomError
from pydicom.pixels.processing import apply_voi_lut
from pydicom.pixels.utils import pixel_array

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
        _check_dicom(path)
    elif found.media_type == "application/pdf":
        _check_pdf(path)
    return found


def preview(path: Path, media_type: str, pixels: int) -> bytes:
    """A JPEG (of a picture, turned upright, without its metadata) or a PNG (of a DICOM's middle frame). Blocks.

    Raises Unknown("no-preview") when the content cannot be drawn.
    """
    try:
        if media_type == "application/dicom":
            return _encode(_dicom_frame(path, pixels), "PNG")
        with Image.open(path, formats=[_FORMATS[media_type]]) as image:
            if image.width * image.height > pixels:
                raise Unknown("no-preview")
            image.draft("RGB", (PREVIEW_SIDE, PREVIEW_SIDE))
            return _encode(_flat(ImageOps.exif_transpose(image)), "JPEG")
    except (*_BROKEN, InvalidDicomError, AttributeError, RuntimeError, NotImplementedError, TypeError) as error:
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


def _check_dicom(path: Path) -> None:
    try:
        dataset = pydicom.dcmread(path, stop_before_pixels=True)
        if "SOPClassUID" not in dataset:
            raise WrongType("file-broken")
    except (InvalidDicomError, *_BROKEN, AttributeError, TypeError, NotImplementedError, RecursionError) as error:
        raise WrongType("file-broken") from error


def _check_pdf(path: Path) -> None:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 4096))
        if b"%%EOF" not in file.read():
            raise WrongType("file-broken")


def _dicom_frame(path: Path, pixels: int) -> Image.Image:
    dataset = pydicom.dcmread(path, defer_size=1 << 16)
    if int(dataset.Rows) * int(dataset.Columns) > pixels:
        raise Unknown("no-preview")
    frames = int(dataset.get("NumberOfFrames") or 1)
    frame: Any = pixel_array(path, index=frames // 2)
    if frame.ndim == 3:
        return Image.fromarray(_to_bytes(frame) if frame.dtype != np.uint8 else frame).convert("RGB")
    # The window that the modality proposes (DICOM PS3.3 §C.11.2.1.2), else the values' own range.
    windowed = apply_voi_lut(
        frame * float(dataset.get("RescaleSlope", 1)) + float(dataset.get("RescaleIntercept", 0)), dataset
    )
    picture = _to_bytes(windowed)
    if dataset.get("PhotometricInterpretation") == "MONOCHROME1":  # the smallest value is white
        picture = 255 - picture
    return Image.fromarray(picture)


def _to_bytes(values: Any) -> Any:
    low, high = float(values.min()), float(values.max())
    return ((values - low) * (255.0 / (high - low or 1.0))).astype(np.uint8)


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
