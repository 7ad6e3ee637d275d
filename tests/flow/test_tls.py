"""TLS from the config on: a listener that asks for certificates, and only the sender it names gets in."""

from __future__ import annotations

import base64
import shutil
import ssl
from pathlib import Path

import aiohttp
import pytest

from engine import app
from engine.channels.lint import sound_site
from engine.standins.journal.server import serve
from engine.transport.mllp_client import MllpClient
from engine.transport.tls import ClientTls, client_context
from tests.certificates import Authority, authority, stranger
from tests.flow.site import code

__all__ = ["authority", "stranger"]
ROOT = Path(__file__).resolve().parents[2]
HTTP = """\
version: 1
site: {{name: tls}}
systems:
  journal: {{type: fhir, url: "{journal}"}}
  ward:
    type: hl7v2_sender
    allow: {{client_cert_subject: "CN=ward"}}
channels:
  adt:
    source:
      type: http
      listen: "127.0.0.1:0"
      path: /hl7
      from: [ward]
      auth: {{type: mtls, client_ca: certs/ca.pem}}
      tls: {{cert: certs/engine.pem, key: "${{secret:files/engine.key}}"}}
    mapping: hl7v2/adt
    destinations:
      journal: {{system: journal}}
  password:
    source:
      type: http
      listen: "127.0.0.1:0"
      path: /hl7
      auth: {{type: basic, username: epj, password: "${{secret:files/epj}}"}}
      tls: {{cert: certs/engine.pem, key: "${{secret:files/engine.key}}"}}
    mapping: hl7v2/adt
    destinations:
      journal: {{system: journal}}
"""
SITE = """\
version: 1
site: {{name: tls}}
systems:
  journal: {{type: fhir, url: "{journal}"}}
  ward:
    type: hl7v2_sender
    facility: {{msh_3: "NORDLYS EPJ", msh_4: "TROMSØ KOMMUNE"}}
    allow: {{networks: ["127.0.0.0/8"], client_cert_subject: "CN=ward"}}
channels:
  adt:
    source:
      type: mllp
      listen: "127.0.0.1:0"
      from: [ward]
      tls:
        cert: certs/engine.pem
        key: "${{secret:files/engine.key}}"
        client_ca: certs/ca.pem
        require_client_cert: true
    mapping: hl7v2/adt
    destinations:
      journal: {{system: journal}}
"""


def site_folder(folder: Path, journal: str, authority: Authority, text: str = SITE) -> Path:
    (folder / "certs").mkdir()
    (folder / "secrets").mkdir(mode=0o700)
    pair = authority.issue("engine")
    shutil.copy(pair.cert, folder / "certs" / "engine.pem")
    shutil.copy(pair.key, folder / "secrets" / "engine.key")
    (folder / "secrets" / "engine.key").chmod(0o600)
    shutil.copy(authority.file, folder / "certs" / "ca.pem")
    (folder / "channels.yaml").write_text(text.format(journal=journal), "utf-8")
    return folder


async def test_only_the_sender_with_its_own_certificate_is_heard(
    tmp_path: Path, authority: Authority, stranger: Authority
) -> None:
    raw = (ROOT / "samples" / "hl7v2" / "adt_a28.hl7").read_bytes()
    journal = await serve()
    folder = site_folder(tmp_path, journal.url, authority)
    async with app.running(sound_site(folder, {})) as runner:
        host, _, port = runner.channels[0].source.address.rpartition(":")

        async def send(pair: tuple[str, str] | None, message: bytes = raw) -> bytes:
            tls = client_context(ClientTls(authority.file, *(pair or ("", ""))))
            async with MllpClient(host, int(port), tls, timeout=10) as client:
                return await client.send(message)

        answer = await send(authority.issue("ward"))
        for pair in (None, authority.issue("other-ward"), stranger.issue("ward-of-a-stranger")):
            with pytest.raises((ConnectionError, ssl.SSLError, TimeoutError)):
                await send(pair)
        other = await send(authority.issue("ward"), raw.replace(b"NORDLYS EPJ", b"SOMEBODY"))
    await journal.stop()
    assert code(answer) == "AA"
    assert code(other) == "AE"
    assert b"MSH^1^4" in other


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


async def test_http_asks_for_a_certificate_or_a_password_as_the_channel_says(
    tmp_path: Path, authority: Authority, stranger: Authority
) -> None:
    raw = (ROOT / "samples" / "hl7v2" / "adt_a28.hl7").read_bytes()
    journal = await serve()
    folder = site_folder(tmp_path, journal.url, authority, HTTP)
    (folder / "secrets" / "epj").write_text("very secret\n")
    (folder / "secrets" / "epj").chmod(0o600)
    async with app.running(sound_site(folder, {})) as runner:
        certificate, password = (channel.source.address for channel in runner.channels)

        async def post(address: str, pair: tuple[str, str] | None = None, auth: str = "") -> int:
            tls = client_context(ClientTls(authority.file, *(pair or ("", ""))))
            headers = {"Content-Type": "application/hl7-v2", **({"Authorization": auth} if auth else {})}
            url = f"https://{address}/hl7"
            async with (
                aiohttp.ClientSession() as session,
                session.post(url, data=raw, headers=headers, ssl=tls) as response,
            ):
                return response.status

        assert await post(certificate, authority.issue("ward")) == 200
        for pair in (None, authority.issue("other-ward"), stranger.issue("ward-of-a-stranger")):
            with pytest.raises((aiohttp.ClientError, ssl.SSLError)):
                await post(certificate, pair)
        assert await post(password, auth=basic("epj:very secret")) == 200
        assert await post(password, auth=basic("epj:wrong")) == 401
        assert await post(password) == 401
    await journal.stop()
