"""File types are told from content; nothing that is not one of them is taken."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tele.domain.documents import sniff

MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF", b"%PDF-", b"<?xml", b"<AnnotatedECG")


@given(st.binary(max_size=300), st.text(max_size=5))
def test_any_bytes_are_judged_without_an_accident(head: bytes, declared: str) -> None:
    sniff(head, len(head), declared)


@given(st.binary(max_size=100).filter(lambda head: not head.lstrip(b"\xef\xbb\xbf \t\r\n\f\v").startswith(MAGIC)))
def test_what_begins_as_nothing_known_is_nothing(head: bytes) -> None:
    if head[4:8] != b"ftyp" and head[16:22] != b"SCPECG":
        assert sniff(head, len(head)) is None


def test_the_declared_kind_makes_an_ecg_of_pictures_and_pdf_alone() -> None:
    assert sniff(b"%PDF-1.7", 8, "ecg") and sniff(b"%PDF-1.7", 8, "ecg").kind == "ecg"  # type: ignore[union-attr]
    assert sniff(b"\0" * 128 + b"DICM", 132, "ecg").kind == "dicom"  # type: ignore[union-attr]
    assert sniff(b"MZ\x90", 3, "ecg") is None and sniff(b"MZ\x90", 3, "image") is None


def test_annotated_ecg_is_an_xml_of_that_name_without_a_dtd() -> None:
    for taken in (
        b"<AnnotatedECG xmlns='urn:hl7-org:v3'>",
        b'\xef\xbb\xbf<?xml version="1.0"?><AnnotatedECG>',
        b"<?xml version='1.0'?><?style x?>\n<!-- a < b --><hl7:AnnotatedECG>",
    ):
        assert sniff(taken, len(taken)), taken
    for refused in (
        b"<?xml version='1.0'?><svg onload='x'/>",
        b"<?xml version='1.0'?><html/><AnnotatedECG>",
        b"<?xml version='1.0'?><!DOCTYPE AnnotatedECG SYSTEM 'http://x/'><AnnotatedECG>",
        b"<?xml version='1.0'?><!-- <AnnotatedECG> ",
        b"<?xml version='1.0'?>",
    ):
        assert sniff(refused, len(refused)) is None, refused


def test_scp_ecg_says_its_own_length() -> None:
    record = b"\0\0" + (64).to_bytes(4, "little") + b"\0" * 10 + b"SCPECG" + b"\0" * 42
    assert sniff(record, 64) and not sniff(record, 65)
