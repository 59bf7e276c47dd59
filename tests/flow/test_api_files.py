"""Files: taken by their content, shown to who may see them, refused and swept otherwise."""

from __future__ import annotations

import io
import os
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from tele.services import attach_file
from tests.flow.house import House


def picture(form: str = "PNG", size: tuple[int, int] = (40, 20), **options: Any) -> bytes:
    image = Image.new("RGB", size, "white")
    image.paste("black", (0, 0, size[0] // 2, size[1]))
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def dicom(rows: int = 64, columns: int = 48, frames: int = 1) -> bytes:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = pydicom.uid.SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel, dataset.NumberOfFrames = rows, columns, 1, frames
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation, dataset.PhotometricInterpretation = 15, 0, "MONOCHROME1"
    dataset.WindowCenter, dataset.WindowWidth = "500", "1000"
    gradient = np.tile(np.linspace(0, 4000, columns, dtype=np.uint16), (frames, rows, 1))
    dataset.PixelData = gradient.tobytes()
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


SCP = (lambda size: b"\0\0" + size.to_bytes(4, "little") + b"\0" * 10 + b"SCPECG" + b"\0" * (size - 22))(200)
AECG = b'<?xml version="1.0"?>\n<!-- made by hand -->\n<AnnotatedECG xmlns="urn:hl7-org:v3"></AnnotatedECG>'
PDF = b"%PDF-1.7\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"
HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 40


async def upload(house: House, content: bytes, name: str = "a.png", kind: str = "", who: str = "gp") -> Any:
    client = await house.client(who)
    return await client.post("/api/files", params={"name": name, "kind": kind}, data=content)


@pytest.mark.parametrize(
    ("content", "kind", "expected"),
    [
        (picture(), "", ("image/png", "image", True)),
        (picture("JPEG"), "", ("image/jpeg", "image", True)),
        (picture("WEBP"), "", ("image/webp", "image", True)),
        (picture(), "ecg", ("image/png", "ecg", True)),
        (picture(), "dicom", ("image/png", "image", True)),
        (PDF, "", ("application/pdf", "pdf", False)),
        (PDF, "ecg", ("application/pdf", "ecg", False)),
        (dicom(), "", ("application/dicom", "dicom", True)),
        (SCP, "", ("application/x-scp-ecg", "ecg", False)),
        (AECG, "", ("application/xml", "ecg", False)),
        (HEIC, "", ("image/heic", "image", False)),
    ],
)
async def test_the_content_tells_the_type(
    house: House, content: bytes, kind: str, expected: tuple[str, str, bool]
) -> None:
    reply = await upload(house, content, "whatever.exe", kind)
    assert reply.status == 201, await reply.text()
    file = await reply.json()
    assert (file["type"], file["kind"], file["preview"]) == expected
    assert file["size"] == len(content) and file["uploaded_by"]["name"] == "Dr Li Na"
    got = await (await house.client("gp")).get(f"/api/files/{file['id']}")
    assert await got.read() == content and got.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (os.urandom(1000), "file-type"),
        (b"", "file-type"),
        (b"<html><script>alert(1)</script>", "file-type"),
        (b"GIF89a" + b"\0" * 50, "file-type"),
        (b"MZ" + b"\0" * 500, "file-type"),
        (b"PK\x03\x04" + b"\0" * 500, "file-type"),
        (b"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY y SYSTEM 'file:///etc/passwd'>]><AnnotatedECG/>", "file-type"),
        (picture()[:-20], "file-broken"),
        (b"\x89PNG\r\n\x1a\n" + os.urandom(4000), "file-broken"),
        (b"\xff\xd8\xff" + os.urandom(4000), "file-broken"),
        (b"%PDF-1.7\n" + os.urandom(4000), "file-broken"),
        (b"\0" * 128 + b"DICM" + os.urandom(4000), "file-broken"),
        (b"RIFF\x10\0\0\0WEBP" + os.urandom(100), "file-broken"),
    ],
)
async def test_what_is_no_clinical_file_is_refused_in_words(house: House, content: bytes, code: str) -> None:
    reply = await upload(house, content)
    problem = await reply.json()
    assert (reply.status, problem["code"]) == (415, code)
    assert problem["detail"].endswith(".")


async def test_twenty_random_megabytes_named_png(house: House) -> None:
    reply = await upload(house, os.urandom(20 * 1024 * 1024), "xray.png")
    assert reply.status == 415
    assert (await reply.json())["detail"] == "Send a picture (JPEG, PNG, WebP, HEIC), a PDF, a DICOM file or an ECG."


async def test_too_large_is_refused_while_it_comes(house: House) -> None:
    client = await house.client("gp")
    limit = house.services.limits.upload_bytes

    async def endless() -> Any:
        piece = b"\xff\xd8\xff" + b"\0" * 1024 * 1024
        for _ in range(limit // len(piece) + 20):
            yield piece

    reply = await client.post("/api/files", data=endless())
    assert (reply.status, (await reply.json())["code"]) == (413, "too-large")


async def test_a_pixel_bomb_is_refused_unopened(house: House) -> None:
    bomb = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(bomb, "PNG")
    reply = await upload(house, bomb.getvalue())
    assert (reply.status, (await reply.json())["code"]) == (413, "image-too-large")


async def test_names_are_only_names(house: House) -> None:
    for name, kept in (
        ("../../etc/passwd", "passwd"),
        ("C:\\evil\\x.png", "x.png"),
        ('a"b\r\nSet-Cookie: x=1.png', "a_b Set-Cookie_ x=1.png"),
        ("心电图 2026.png", "心电图 2026.png"),
        ("", None),
    ):
        file = await (await upload(house, picture(), name)).json()
        assert file["name"] == kept if kept else file["name"].startswith("file-")
        got = await (await house.client("gp")).get(f"/api/files/{file['id']}")
        assert got.status == 200 and "x=1" not in got.cookies


async def test_previews_are_small_upright_and_clean(house: House) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by 90 degrees
    exif[0x010F] = "Secret Phone"
    large = picture("JPEG", (4000, 1000), exif=exif)
    file = await (await upload(house, large)).json()
    client = await house.client("gp")
    reply = await client.get(f"/api/files/{file['id']}/preview")
    content = await reply.read()
    assert reply.content_type == "image/jpeg" and b"Secret" not in content
    shown = Image.open(io.BytesIO(content))
    assert shown.size == (400, 1600)
    again = await client.get(f"/api/files/{file['id']}/preview", headers={"If-None-Match": reply.headers["ETag"]})
    assert again.status == 304


async def test_a_dicom_frame_is_windowed_and_inverted(house: House) -> None:
    file = await (await upload(house, dicom(frames=3), "ct.dcm")).json()
    reply = await (await house.client("gp")).get(f"/api/files/{file['id']}/preview")
    assert (reply.status, reply.content_type) == (200, "image/png")
    shown = np.asarray(Image.open(io.BytesIO(await reply.read())))
    assert shown.shape == (64, 48)
    assert shown[0, 0] == 255 and shown[0, -1] == 0  # MONOCHROME1: small is white
    assert (shown[0, 20:] == 0).all()  # above the window all is the same


async def test_what_cannot_be_drawn_says_so(house: House) -> None:
    file = await (await upload(house, PDF)).json()
    reply = await (await house.client("gp")).get(f"/api/files/{file['id']}/preview")
    assert (reply.status, (await reply.json())["code"]) == (404, "no-preview")


async def test_ranges(house: House) -> None:
    content = picture()
    file = await (await upload(house, content)).json()
    client = await house.client("gp")
    part = await client.get(f"/api/files/{file['id']}", headers={"Range": "bytes=4-9"})
    assert part.status == 206 and await part.read() == content[4:10]
    assert part.headers["Content-Range"] == f"bytes 4-9/{len(content)}"
    tail = await client.get(f"/api/files/{file['id']}", headers={"Range": "bytes=-5"})
    assert await tail.read() == content[-5:]
    beyond = await client.get(f"/api/files/{file['id']}", headers={"Range": f"bytes={len(content)}-"})
    assert beyond.status == 416
    stale = await client.get(f"/api/files/{file['id']}", headers={"Range": "bytes=0-1", "If-Range": '"other"'})
    assert stale.status == 200


async def test_uploaded_files_run_nothing(house: House) -> None:
    client = await house.client("gp")
    image = await (await upload(house, picture())).json()
    shown = await client.get(f"/api/files/{image['id']}")
    assert "sandbox" in shown.headers["Content-Security-Policy"]
    assert shown.headers["Content-Disposition"].startswith("inline")
    xml = await (await upload(house, AECG)).json()
    assert (await client.get(f"/api/files/{xml['id']}")).headers["Content-Disposition"].startswith("attachment")


async def test_files_follow_the_case(house: House) -> None:
    file = (await (await upload(house, picture())).json())["id"]
    spec, gp2 = await house.client("spec"), await house.client("gp2")
    for path in (f"/api/files/{file}", f"/api/files/{file}/preview"):
        assert (await spec.get(path)).status == 404
    stolen = await gp2.post("/api/consultations", json=house.question(files=[file]))
    assert (stolen.status, (await stolen.json())["code"]) == (422, "unknown-file")
    case = await house.ask(files=[file])
    assert [each["id"] for each in case["files"]] == [file]
    await house.ring(case["id"], "spec")
    assert (await spec.get(f"/api/files/{file}")).status == 200
    assert (await gp2.get(f"/api/files/{file}")).status == 404
    gp = await house.client("gp")
    kept = await gp.delete(f"/api/files/{file}")
    assert (kept.status, (await kept.json())["code"]) == (409, "file-sent")
    assert (await gp2.delete(f"/api/files/{file}")).status == 404
    assert ("read", await house.person("spec")) in await house.audited(file)


async def test_a_still_is_added_during_the_call(house: House) -> None:
    case = (await house.ask())["id"]
    await house.accept(case, "spec")
    still = (await (await upload(house, picture("JPEG"), "still.jpg", who="spec")).json())["id"]
    spec = await house.client("spec")
    for _ in range(2):  # a retry is no mistake
        reply = await spec.post(f"/api/consultations/{case}/files", json={"file": still})
        assert reply.status == 200 and [each["id"] for each in (await reply.json())["files"]] == [still]
    assert (await house.see("gp", case))["files"][0]["uploaded_by"]["name"] == "Dr Zhang Wei"


async def test_deleted_and_unsent_files_leave_nothing(house: House) -> None:
    client = await house.client("gp")
    gone = (await (await upload(house, picture())).json())["id"]
    assert (await client.delete(f"/api/files/{gone}")).status == 204
    assert (await client.get(f"/api/files/{gone}")).status == 404
    with pytest.raises(FileNotFoundError):
        await house.services.objects.get(attach_file.object_key(gone))
    old, sent = [(await (await upload(house, picture())).json())["id"] for _ in range(2)]
    await house.ask(files=[sent])
    house.clock.forward(hours=25)
    fresh = (await (await upload(house, picture(), who="gp2")).json())["id"]
    assert await attach_file.sweep(house.services) == 1
    with pytest.raises(FileNotFoundError):
        await house.services.objects.get(attach_file.object_key(old))
    for kept in (sent, fresh):
        assert await house.services.objects.get(attach_file.object_key(kept)) == picture()
