"""TLS 1.2 and newer for listeners and clients, from plain settings: paths in, an `ssl.SSLContext` out.

Why: contexts are made once, before start, so that a missing or mismatched file is found by `check` and not by the first
sender. RFC 8446; RFC 9325 for the lower bound.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from pathlib import Path

from engine.errors import ConfigError, Finding

_SHORT = {
    "commonName": "CN",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "countryName": "C",
    "localityName": "L",
    "stateOrProvinceName": "ST",
    "domainComponent": "DC",
    "userId": "UID",
}


@dataclass(frozen=True, slots=True)
class ServerTls:
    """A listener's side. Paths of PEM files; `client_ca` is whom client certificates must come from."""

    cert: str
    key: str
    client_ca: str = ""
    require_client_cert: bool = False


@dataclass(frozen=True, slots=True)
class ClientTls:
    """A caller's side. Paths of PEM files; no `ca` means those that the machine trusts."""

    ca: str = ""
    client_cert: str = ""
    client_key: str = ""
    verify_hostname: bool = True


def server_context(settings: ServerTls) -> ssl.SSLContext:
    """What a listener presents and demands. Raises: ConfigError, naming the file that is missing or does not fit."""
    if settings.require_client_cert and not settings.client_ca:
        raise _wrong("tls.client_ca", "", "client certificates are required but client_ca is not set", "set client_ca")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _load_pair(context, settings.cert, settings.key)
    if settings.client_ca:
        _load_ca(context, settings.client_ca)
        context.verify_mode = ssl.CERT_REQUIRED if settings.require_client_cert else ssl.CERT_OPTIONAL
    return context


def client_context(settings: ClientTls) -> ssl.SSLContext:
    """What a caller trusts and presents. The server's certificate is always verified; its name unless told not to.

    Raises: ConfigError, naming the file that is missing or does not fit.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = settings.verify_hostname
    if settings.ca:
        _load_ca(context, settings.ca)
    else:
        context.load_default_certs()
    if settings.client_key and not settings.client_cert:
        raise _wrong("tls.cert", settings.client_key, "client_key is set but client_cert is not", "set client_cert")
    if settings.client_cert:
        _load_pair(context, settings.client_cert, settings.client_key or settings.client_cert)
    return context


def peer_subject(transport: asyncio.BaseTransport) -> str:
    """The subject of the peer's verified certificate, most specific part first (`CN=ehr,O=Ward`); empty without one.

    RFC 4514.
    """
    certificate = transport.get_extra_info("peercert")
    if not certificate:
        return ""
    return subject_text(certificate.get("subject", ()))


def subject_text(subject: tuple[tuple[tuple[str, str], ...], ...]) -> str:
    """A subject as the `ssl` module gives it, as text. RFC 4514, 2."""
    parts = (
        "+".join(f"{_SHORT.get(name, name)}={_escaped(value)}" for name, value in rdn) for rdn in reversed(subject)
    )
    return ",".join(parts)


def subject_fits(subject: str, wanted: str) -> bool:
    """Whether every part of `wanted` stands in `subject`: `CN=ehr` fits `CN=ehr,O=Ward`, and not `CN=ehr2`."""
    return bool(subject) and set(_parts(wanted)) <= set(_parts(subject))


def _parts(text: str) -> list[str]:
    parts, start = [], 0
    for at, letter in enumerate(text):
        if letter in ",+" and not (at and text[at - 1] == "\\"):
            parts.append(text[start:at].strip())
            start = at + 1
    return [*parts, text[start:].strip()]


def _escaped(value: str) -> str:
    return "".join("\\" + letter if letter in ',+"\\<>;=' else letter for letter in value)


def _load_pair(context: ssl.SSLContext, cert: str, key: str) -> None:
    for path, what in ((cert, "certificate"), (key, "key")):
        _readable(path, what)
    try:
        # An encrypted key would make OpenSSL ask on the terminal; the empty password makes it fail instead.
        context.load_cert_chain(cert, key, password="")
    except ssl.SSLError as error:
        if "MISMATCH" in (error.reason or ""):
            raise _wrong(
                "tls.pair", key, f"this key does not belong to the certificate {cert}", "use its key"
            ) from None
        raise _wrong("tls.pair", cert, f"no usable PEM certificate and key here and in {key}", _PEM_HINT) from None


def _load_ca(context: ssl.SSLContext, path: str) -> None:
    _readable(path, "CA file")
    try:
        context.load_verify_locations(path)
    except ssl.SSLError:
        raise _wrong("tls.ca", path, "no usable PEM certificate in this CA file", _PEM_HINT) from None


_PEM_HINT = "a PEM file without a password, with lines that begin -----BEGIN"


def _readable(path: str, what: str) -> None:
    try:
        with Path(path).open("rb"):
            pass
    except OSError as error:
        raise _wrong("tls.file", path, f"{what} cannot be read: {error.strerror}", "check path and rights") from None


def _wrong(code: str, file: str, text: str, suggestion: str) -> ConfigError:
    return ConfigError([Finding(code, file, 0, 0, text, suggestion)])
