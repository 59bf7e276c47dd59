"""The real peers start, answer and refuse what they should."""

from __future__ import annotations

import asyncpg
import obstore
from obstore.store import S3Store
from playwright.async_api import Browser
from redis.asyncio import Redis


async def test_redis_answers(redis_url: str) -> None:
    async with Redis.from_url(redis_url, socket_timeout=5) as client:
        assert await client.ping()


async def test_postgres_answers(postgres_url: str) -> None:
    connection = await asyncpg.connect(postgres_url.replace("+asyncpg", ""))
    try:
        assert (await connection.fetchval("show server_version")).startswith("18")
    finally:
        await connection.close()


async def test_s3_answers(s3: dict[str, str]) -> None:
    store = S3Store(
        s3["bucket"], endpoint=s3["endpoint"], access_key_id=s3["access_key_id"], region="us-east-1",
        secret_access_key=s3["secret_access_key"], client_options={"allow_http": True},
    )  # fmt: skip
    await obstore.put_async(store, "a/b", b"kept")
    assert bytes(await (await obstore.get_async(store, "a/b")).bytes_async()) == b"kept"


async def test_chromium_encodes_h264_and_vp9(browser: Browser) -> None:
    page = await (await browser.new_context()).new_page()
    codecs = await page.evaluate("RTCRtpSender.getCapabilities('video').codecs.map(codec => codec.mimeType)")
    assert {"video/H264", "video/VP9"} <= set(codecs)
