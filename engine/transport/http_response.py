"""What a request to a system ends with: a whole response, or a failure in neutral words."""

from __future__ import annotations

import socket
import ssl
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

_REFUSED_CERTIFICATE = ("CERTIFICATE", "UNKNOWN_CA", "HANDSHAKE", "ACCESS_DENIED")
_COMPRESSED = frozenset({"gzip", "x-gzip", "deflate"})
_ANY_HEADER, _NO_HEADER = 47, -15
"""zlib's words for which header compressed bytes have: gzip's or its own; none (some servers' `deflate`)."""


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A whole response. `body` is cut at the caller's limit, and then `cut` is True. Header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cut: bool = False


@dataclass(frozen=True, slots=True)
class HttpFailure:
    """No whole response. `sent` is False when the other side cannot have acted. `fault`: so it is for all messages."""

    code: str
    sent: bool
    fault: bool = False


def not_connected(error: BaseException, tls: bool) -> HttpFailure:
    """Why there is no connection: nothing has left us."""
    if isinstance(error, ssl.SSLCertVerificationError) or _refused_certificate(error):
        return HttpFailure("http.certificate", sent=False, fault=True)
    if isinstance(error, TimeoutError):
        return HttpFailure("http.connect_timeout", sent=False)
    if isinstance(error, ssl.SSLError):
        return HttpFailure("http.tls", sent=False)
    if isinstance(error, socket.gaierror | UnicodeError):
        return HttpFailure("http.dns", sent=False)
    # A connection that was made and lost before the first request byte was lost in the TLS handshake.
    lost = isinstance(error, ConnectionResetError | BrokenPipeError | ConnectionAbortedError)
    return HttpFailure("http.tls" if tls and lost else "http.refused", sent=False)


def lost(error: BaseException | None, answering: bool) -> HttpFailure:
    """Why a connection ended amid a request. `answering`: the head of a response had come."""
    if _refused_certificate(error):
        # TLS 1.3 tells a client only after the handshake that its certificate is not taken: the server read nothing.
        return HttpFailure("http.certificate", sent=False, fault=True)
    return HttpFailure("http.broken" if answering else "http.reset", sent=True)


def _refused_certificate(error: BaseException | None) -> bool:
    for _ in range(8):
        if error is None:
            return False
        if isinstance(error, ssl.SSLError) and "ALERT" in _reason(error):
            return any(word in _reason(error) for word in _REFUSED_CERTIFICATE)
        error = error.__cause__ or error.__context__
    return False


def _reason(error: ssl.SSLError) -> str:
    return getattr(error, "reason", None) or ""  # only those that OpenSSL raised have one


def response(
    status: int, pairs: list[tuple[bytes, bytes]], pieces: list[bytes], limit: int
) -> HttpResponse | HttpFailure:
    """The response of these header pairs and pieces of body; compressed bodies, which were not asked for, unpacked."""
    headers = {name.lower().decode("latin-1"): value.decode("latin-1") for name, value in pairs}
    body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
    cut = len(body) > limit
    encoding = headers.get("content-encoding")
    if encoding is not None and encoding.lower() in _COMPRESSED:
        try:
            body = _unpacked(body, limit + 1)
        except zlib.error:
            return HttpFailure("http.broken", sent=True)
    return HttpResponse(status, headers, body[:limit], cut or len(body) > limit)


def _unpacked(body: bytes, most: int) -> bytes:
    try:
        return zlib.decompressobj(_ANY_HEADER).decompress(body, most)
    except zlib.error:
        return zlib.decompressobj(_NO_HEADER).decompress(body, most)
