"""What a file really is: told from its first bytes, never from its name or from what the sender says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FileKind = Literal["image", "pdf", "dicom", "ecg", "other"]

HEAD = 4096
"""How many bytes of a file `sniff` wants to see."""


@dataclass(frozen=True, slots=True)
class Sniffed:
    """A file type that is taken: its media type, and what it is to a clinician."""

    media_type: str
    kind: FileKind


_HEIF_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"})
"""ISO/IEC 23008-12 brands of still pictures."""
INLINE = frozenset({"image/jpeg", "image/png", "image/webp", "application/pdf"})
"""What a browser may show by itself; all else is downloaded."""
WITH_PREVIEW = frozenset({"image/jpeg", "image/png", "image/webp", "application/dicom"})


def sniff(head: bytes, size: int, declared: str = "") -> Sniffed | None:
    """The type of a file of `size` bytes that begins with `head`; None when it is none that is taken.

    `declared` is what the sender calls it and matters in one case alone: a picture or a PDF of an ECG.
    """
    found = _by_magic(head, size)
    if found and declared == "ecg" and found.kind in ("image", "pdf"):
        return Sniffed(found.media_type, "ecg")
    return found


def _by_magic(head: bytes, size: int) -> Sniffed | None:
    if head.startswith(b"\xff\xd8\xff"):
        return Sniffed("image/jpeg", "image")
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return Sniffed("image/png", "image")
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return Sniffed("image/webp", "image")
    if head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS:
        return Sniffed("image/heic", "image")
    if head.startswith(b"%PDF-"):
        return Sniffed("application/pdf", "pdf")
    if head[128:132] == b"DICM":  # DICOM PS3.10 §7.1
        return Sniffed("application/dicom", "dicom")
    if head[16:22] == b"SCPECG" and int.from_bytes(head[2:6], "little") == size:  # EN 1064 §5.3: record, section 0
        return Sniffed("application/x-scp-ecg", "ecg")
    if _is_annotated_ecg(head):
        return Sniffed("application/xml", "ecg")
    return None


def _is_annotated_ecg(head: bytes) -> bool:
    """HL7 aECG: an XML document whose first element is AnnotatedECG. A DTD is never needed and never taken."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not text.startswith((b"<?xml", b"<AnnotatedECG")) or b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        return False
    at = 0
    while (at := text.find(b"<", at)) >= 0:
        if text[at + 1 : at + 2] == b"?":
            at += 1
            continue
        if text.startswith(b"<!--", at):
            at = text.find(b"-->", at)
            if at < 0:
                return False
            continue
        name = text[at + 1 : at + 80].split(b">")[0].split()
        return bool(name) and name[0].split(b":")[-1] == b"AnnotatedECG"
    return False
