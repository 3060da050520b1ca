"""Certificates (reliability A19): a bad one ends the call before anything was said; nothing falls back."""

from __future__ import annotations

import asyncio
import datetime as dt
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from syncd.domain.outcome import Answer, Unclear
from syncd.errors import BadConfiguration
from syncd.linkedin.transport import Transport
from tests.component.linkedin.serving import endpoint, transport


def _certificate(folder: Path, *, days: int, host: str = "localhost") -> Path:
    """A self-signed certificate and its key in one PEM file; `days` from now it ends."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=30))
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{host}{days}.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path


@asynccontextmanager
async def _serving(pem: Path) -> AsyncIterator[tuple[str, list[bytes]]]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    seen: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            seen.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"https://localhost:{server.sockets[0].getsockname()[1]}/rest", seen
    await asyncio.sleep(0.02)


async def test_a_configured_authority_is_trusted(tmp_path: Path) -> None:
    pem = _certificate(tmp_path, days=30)
    async with _serving(pem) as (base, _), transport(base, ca_file=pem, request_timeout=3) as client:
        assert isinstance(await client.call("GET", "/x", token="t"), Answer)


@pytest.mark.parametrize(
    ("days", "host", "trusted", "words"),
    [
        (-1, "localhost", True, "certificate has expired"),
        (30, "other.example", True, "Hostname mismatch"),
        (30, "localhost", False, "self-signed certificate"),
    ],
)
async def test_a_bad_certificate_gets_no_request(
    tmp_path: Path, days: int, host: str, trusted: bool, words: str
) -> None:
    pem = _certificate(tmp_path, days=days, host=host)
    ca_file = pem if trusted else _certificate(tmp_path, days=10)
    async with _serving(pem) as (base, seen), transport(base, ca_file=ca_file, request_timeout=3) as client:
        answer = await client.call("POST", "/x", token="t", body=b"{}")
    assert isinstance(answer, Unclear)
    assert words in answer.words
    assert not answer.lingering
    assert seen == []


async def test_a_server_without_tls_gets_no_request() -> None:
    heard: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(1000))
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    base = f"https://localhost:{server.sockets[0].getsockname()[1]}/rest"
    async with server, transport(base, request_timeout=3) as client:
        answer = await client.call("POST", "/x", token="t0ken", body=b"{}")
    assert isinstance(answer, Unclear)
    assert not answer.lingering
    assert b"t0ken" not in b"".join(heard)


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_an_unreadable_authority_is_a_bad_configuration(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(BadConfiguration):
        Transport(endpoint("https://localhost/rest", ca_file=path))
