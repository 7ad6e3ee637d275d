"""TLS contexts from files, and what they let through, in real handshakes."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from engine.errors import ConfigError
from engine.transport.tls import ClientTls, ServerTls, client_context, peer_subject, server_context, subject_fits


async def handshake(server: ssl.SSLContext, client: ssl.SSLContext | None, host: str = "127.0.0.1") -> str:
    """What the server calls its client, said to the client over the connection."""

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"[{peer_subject(writer.transport)}]".encode())
        writer.close()

    listening = await asyncio.start_server(greet, "127.0.0.1", 0, ssl=server)
    try:
        port = listening.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=client, server_hostname=host if client else None
        )
        text = (await asyncio.wait_for(reader.read(), 5)).decode()
        writer.close()
        if not text:
            raise ConnectionResetError("closed without a word")
        return text
    finally:
        listening.close()


@pytest.fixture
def server(authority):
    pair = authority.issue("engine")
    return ServerTls(cert=pair.cert, key=pair.key)


async def test_a_client_that_trusts_the_authority_is_served(authority, server):
    assert await handshake(server_context(server), client_context(ClientTls(ca=authority.file))) == "[]"


async def test_a_client_certificate_is_known_by_its_subject(authority, server):
    pair = authority.issue("ehr-ward.eksempel.no", organization="Ward, north")
    listens = server_context(ServerTls(server.cert, server.key, authority.file, require_client_cert=True))
    calls = client_context(ClientTls(ca=authority.file, client_cert=pair.cert, client_key=pair.key))
    assert await handshake(listens, calls) == "[CN=ehr-ward.eksempel.no,O=Ward\\, north,C=NO]"


async def test_a_client_certificate_may_be_optional(authority, server):
    listens = server_context(ServerTls(server.cert, server.key, authority.file))
    assert await handshake(listens, client_context(ClientTls(ca=authority.file))) == "[]"


async def test_a_client_without_the_required_certificate_is_refused(authority, server):
    listens = server_context(ServerTls(server.cert, server.key, authority.file, require_client_cert=True))
    with pytest.raises(OSError):
        await handshake(listens, client_context(ClientTls(ca=authority.file)))


async def test_a_client_with_a_strangers_certificate_is_refused(authority, stranger, server):
    pair = stranger.issue("ehr")
    listens = server_context(ServerTls(server.cert, server.key, authority.file, require_client_cert=True))
    with pytest.raises(OSError):
        await handshake(listens, client_context(ClientTls(authority.file, pair.cert, pair.key)))


async def test_a_server_with_a_strangers_certificate_is_refused(stranger, server):
    with pytest.raises(ssl.SSLCertVerificationError):
        await handshake(server_context(server), client_context(ClientTls(ca=stranger.file)))


async def test_a_server_of_another_name_is_refused_unless_names_do_not_matter(authority, server):
    with pytest.raises(ssl.SSLCertVerificationError):
        await handshake(server_context(server), client_context(ClientTls(ca=authority.file)), "journal.example")
    careless = client_context(ClientTls(ca=authority.file, verify_hostname=False))
    assert await handshake(server_context(server), careless, "journal.example") == "[]"


async def test_an_expired_certificate_is_refused(authority):
    pair = authority.issue("old", expired=True)
    with pytest.raises(ssl.SSLCertVerificationError):
        await handshake(server_context(ServerTls(pair.cert, pair.key)), client_context(ClientTls(ca=authority.file)))


async def test_tls_older_than_1_2_is_refused(authority, server):
    old = client_context(ClientTls(ca=authority.file))
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_2
    assert await handshake(server_context(server), old) == "[]"
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(OSError):
        await handshake(server_context(server), old)


def files(authority, folder: Path) -> dict[str, str]:
    pair, other = authority.issue("one"), authority.issue("two")
    (folder / "text.pem").write_text("not a certificate")
    secret = serialization.load_pem_private_key(Path(pair.key).read_bytes(), None).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    (folder / "locked.key").write_bytes(secret)
    return {
        "cert": pair.cert,
        "key": pair.key,
        "other": other.key,
        "text": str(folder / "text.pem"),
        "locked": str(folder / "locked.key"),
        "gone": str(folder / "gone.pem"),
        "ca": authority.file,
    }


WRONG_SERVER = [
    pytest.param(("gone", "key", "", False), "gone", "certificate cannot be read", id="no certificate"),
    pytest.param(("cert", "gone", "", False), "gone", "key cannot be read", id="no key"),
    pytest.param(("cert", "other", "", False), "other", "does not belong", id="another's key"),
    pytest.param(("text", "key", "", False), "text", "no usable PEM", id="not PEM"),
    pytest.param(("cert", "locked", "", False), "cert", "no usable PEM", id="key with a password"),
    pytest.param(("cert", "key", "gone", False), "gone", "CA file cannot be read", id="no CA"),
    pytest.param(("cert", "key", "text", False), "text", "no usable PEM", id="CA is not PEM"),
    pytest.param(("cert", "key", "", True), "", "client_ca is not set", id="required but no CA"),
]


@pytest.mark.parametrize("settings, named, text", WRONG_SERVER)
def test_a_file_that_does_not_fit_is_named(authority, tmp_path, settings, named, text):
    known = {**files(authority, tmp_path), "": ""}
    *paths, required = settings
    with pytest.raises(ConfigError) as caught:
        server_context(ServerTls(*(known[path] for path in paths), required))
    finding = caught.value.findings[0]
    assert finding.file == known[named] and text in finding.text and finding.suggestion


WRONG_CLIENT = [
    pytest.param(("gone", "", ""), "CA file cannot be read", id="no CA"),
    pytest.param(("ca", "", "key"), "client_cert is not", id="key alone"),
    pytest.param(("ca", "cert", "other"), "does not belong", id="another's key"),
]


@pytest.mark.parametrize("settings, text", WRONG_CLIENT)
def test_a_callers_file_that_does_not_fit_is_named(authority, tmp_path, settings, text):
    known = {**files(authority, tmp_path), "": ""}
    with pytest.raises(ConfigError, match=text):
        client_context(ClientTls(*(known[path] for path in settings)))


FITS = [
    ("CN=ehr,O=Ward,C=NO", "CN=ehr", True),
    ("CN=ehr,O=Ward,C=NO", "O=Ward, CN=ehr", True),
    ("CN=ehr,O=Ward,C=NO", "CN=ehr,O=Ward,C=NO", True),
    ("CN=ehr2,O=Ward", "CN=ehr", False),
    ("CN=other,O=a\\,CN=ehr", "CN=ehr", False),
    ("", "CN=ehr", False),
    ("CN=ehr", "CN=ehr,O=Ward", False),
]


@pytest.mark.parametrize("subject, wanted, fits", FITS)
def test_a_subject_fits_when_it_has_every_part_that_is_wanted(subject, wanted, fits):
    assert subject_fits(subject, wanted) is fits
