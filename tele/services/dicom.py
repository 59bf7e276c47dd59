"""DICOM files: whether one is whole enough to keep, and the picture of its middle frame."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import structlog
from PIL import Image
from pydicom.errors import InvalidDicomError
from pydicom.pixels.processing import apply_voi_lut
from pydicom.pixels.utils import pixel_array

from tele.domain.refusals import Unknown, WrongType

log = structlog.get_logger(__name__)

BROKEN = (
    InvalidDicomError, OSError, SyntaxError, ValueError, EOFError, LookupError, AttributeError, TypeError, MemoryError,
    RuntimeError,
)  # fmt: skip
"""What pydicom raises on damaged input and on compressions that it cannot read (RuntimeError, NotImplementedError)."""


def check(path: Path) -> None:
    """Raise WrongType("file-broken") unless the file parses as DICOM and says what it is. Blocks."""
    try:
        dataset = pydicom.dcmread(path, stop_before_pixels=True)
        if "SOPClassUID" not in dataset:
            raise WrongType("file-broken")
    except BROKEN as error:
        raise WrongType("file-broken") from error


def draw(path: Path, pixels: int) -> Image.Image:
    """The middle frame as a picture. Raises Unknown("no-preview") when it cannot be drawn. Blocks."""
    try:
        return _frame(path, pixels)
    except BROKEN as error:
        log.warning("preview.failed", media_type="application/dicom", error=type(error).__name__)
        raise Unknown("no-preview") from error


def _frame(path: Path, pixels: int) -> Image.Image:
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
