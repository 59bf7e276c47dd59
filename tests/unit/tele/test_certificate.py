"""`tele admin make-cert`: a chain that a TLS client believes, with keys that only this user can read."""

from __future__ import annotations

import asyncio
import ssl
import stat
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from tele.certificate import make


async def test_a_client_that_trusts_the_authority_connects(tmp_path: Path) -> None:
    made = make(tmp_path, ["tele.clinic.example", "127.0.0.1"], datetime.now(UTC))
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(made.certificate, made.key)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=server_side)
    port = server.sockets[0].getsockname()[1]
    trusting = ssl.create_default_context(cafile=str(made.authority))
    for name in ("tele.clinic.example", "127.0.0.1"):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting, server_hostname=name)
        assert await reader.read() == b"hello"
        writer.close()
    server.close()


def test_keys_are_private_and_the_authority_is_made_once(tmp_path: Path) -> None:
    first = make(tmp_path, ["a.example"], datetime.now(UTC))
    authority = first.authority.read_bytes()
    second = make(tmp_path, ["b.example"], datetime.now(UTC))
    assert second.authority.read_bytes() == authority
    for key in (tmp_path / "tele-ca.key", second.key):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
    leaf = x509.load_pem_x509_certificate(second.certificate.read_bytes())
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["b.example"]
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
