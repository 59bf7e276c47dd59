"""The object store: the same words for a local directory and for S3."""

from __future__ import annotations

from pathlib import Path

import pytest

from tele.store.objects import ObjectStore


@pytest.fixture(params=["local", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    if request.param == "local":
        return ObjectStore.open(f"file://{tmp_path}/objects")
    s3: dict[str, str] = request.getfixturevalue("s3")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3["access_key_id"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3["secret_access_key"])
    return ObjectStore.open(f"s3://{s3['bucket']}/attachments?endpoint={s3['endpoint']}&region=us-east-1")


async def test_bytes_and_files_come_back_whole_and_in_part(store: ObjectStore, tmp_path: Path) -> None:
    content = bytes(range(256)) * 4096
    path = tmp_path / "content"
    path.write_bytes(content)
    await store.put("ab/small", b"kept")
    await store.put("ab/large", path)
    assert await store.get("ab/small") == b"kept"
    assert b"".join([piece async for piece in store.stream("ab/large", 0, len(content))]) == content
    assert b"".join([piece async for piece in store.stream("ab/large", 1000, 300_000)]) == content[1000:300_000]


async def test_what_is_not_there_is_said(store: ObjectStore) -> None:
    with pytest.raises(FileNotFoundError):
        await store.get("no/such")
    await store.delete("no/such")
    await store.put("a/b", b"x")
    await store.delete("a/b")
    with pytest.raises(FileNotFoundError):
        await store.get("a/b")


def test_other_places_are_refused() -> None:
    with pytest.raises(ValueError, match="ftp"):
        ObjectStore.open("ftp://example.org/x")
