"""One kept HTTP client per system, and its failures in neutral words: did bytes leave us or not.

Why: a destination must tell *nothing happened there* from *it may have happened*; the exceptions of an HTTP library do
not. Redirects are not followed, cookies not kept, proxies of the environment not used unless told: a message goes where
the config says, or nowhere.
"""

from __future__ import annotations

import asyncio
import ssl
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import aiohttp
from aiohttp.abc import AbstractStreamWriter

Authorization = Callable[[], Awaitable[str]]
"""The value of the Authorization header, fetched before each request (tokens expire)."""

_CHUNK = 256 * 1024
# Shorter than the idle time of the servers we know (Node.js 5 s): the side that closes first must be ours, else a
# request may meet a connection that the server is just closing, and its fate is unknown.
_KEEP_ALIVE = 4.0
_READ_LIMIT = 256 * 1024
_REFUSED_CERTIFICATE = ("CERTIFICATE", "UNKNOWN_CA", "HANDSHAKE", "ACCESS_DENIED")


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """How one system is called. Times in seconds; `response_timeout` runs from the first byte sent to the last read."""

    tls: ssl.SSLContext | None = None
    auth: Authorization | None = None
    concurrency: int = 8
    connect_timeout: float = 5.0
    response_timeout: float = 30.0
    environment_proxy: bool = False


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


class HttpClient:
    """Kept connections to one system. Open it on the loop that uses it."""

    def __init__(self, settings: HttpSettings) -> None:
        self._settings = settings
        self._session: aiohttp.ClientSession | None = None
        self._seconds = settings.connect_timeout + settings.response_timeout

    def open(self) -> None:
        """Make the connection pool; nothing is connected yet."""
        settings = self._settings
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=settings.concurrency,
                ssl=settings.tls if settings.tls is not None else True,
                keepalive_timeout=_KEEP_ALIVE,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=settings.connect_timeout),
            trust_env=settings.environment_proxy,
            auto_decompress=True,
            read_bufsize=_READ_LIMIT,
            headers={"User-Agent": "budstikke", "Accept-Encoding": "identity"},
        )

    async def close(self) -> None:
        """Close every connection. Idempotent."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"", limit: int = 1024 * 1024
    ) -> HttpResponse | HttpFailure:
        """One request, one whole response of at most `limit` body bytes, or why not. Never raises for the network."""
        if self._session is None:
            raise RuntimeError("the HTTP client is not open")
        deadline = asyncio.timeout(self._seconds)
        content = _Body(body, deadline, self._settings.response_timeout) if body else None
        try:
            async with deadline:
                if self._settings.auth is not None:
                    headers = {**headers, "Authorization": await self._settings.auth()}
                async with self._session.request(
                    method, url, headers=headers, data=content, allow_redirects=False
                ) as response:
                    taken, cut = await _read(response, limit)
                    if cut:
                        response.close()  # the rest is unread: this connection can carry no other answer
                    lowered = {name.lower(): value for name, value in response.headers.items()}
                    return HttpResponse(response.status, lowered, taken, cut)
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            return failure(error, sent=content is None or content.begun)


async def _read(response: aiohttp.ClientResponse, limit: int) -> tuple[bytes, bool]:
    pieces: list[bytes] = []
    size = 0
    async for piece in response.content.iter_any():
        pieces.append(piece)
        size += len(piece)
        if size > limit:
            return b"".join(pieces)[:limit], True
    return (pieces[0] if len(pieces) == 1 else b"".join(pieces)), False


def failure(error: BaseException, sent: bool) -> HttpFailure:
    """An exception of the library in neutral words. `sent`: whether the body had begun to leave us."""
    if isinstance(error, (aiohttp.ClientConnectorCertificateError, ssl.SSLCertVerificationError)):
        return HttpFailure("http.certificate", sent=False, fault=True)
    if _refused_certificate(error):
        # TLS 1.3 tells a client only after the handshake that its certificate is not taken: the server read nothing.
        return HttpFailure("http.certificate", sent=False, fault=True)
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        return HttpFailure("http.tls", sent=False)
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return HttpFailure("http.dns", sent=False)
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return HttpFailure("http.connect_timeout", sent=False)
    if isinstance(error, aiohttp.ClientConnectorError):
        # A connection that was made and lost before the first request byte was lost in the TLS handshake.
        lost = isinstance(error.os_error, ConnectionResetError | BrokenPipeError | ConnectionAbortedError)
        return HttpFailure("http.tls" if lost else "http.refused", sent=False)
    if isinstance(error, TimeoutError):
        return HttpFailure("http.timeout" if sent else "http.connect_timeout", sent=sent)
    if isinstance(error, aiohttp.InvalidURL):
        return HttpFailure("http.url", sent=False, fault=True)
    if isinstance(error, (aiohttp.ClientPayloadError, aiohttp.ClientResponseError)):
        return HttpFailure("http.broken", sent=sent)
    return HttpFailure("http.reset", sent=sent)


def _refused_certificate(error: BaseException | None) -> bool:
    for _ in range(8):
        if error is None:
            return False
        if isinstance(error, ssl.SSLError) and "ALERT" in (error.reason or ""):
            return any(word in (error.reason or "") for word in _REFUSED_CERTIFICATE)
        error = error.__cause__ or error.__context__
    return False


def basic(user: str, password: str) -> Authorization:
    """HTTP Basic. RFC 7617."""
    return constant("Basic " + b64encode(f"{user}:{password}".encode()).decode("ascii"))


def bearer(token: str) -> Authorization:
    """A bearer token that does not change. RFC 6750."""
    return constant(f"Bearer {token}")


def constant(value: str) -> Authorization:
    """An Authorization header that is always the same."""

    async def header() -> str:
        return value

    return header


class _Body(aiohttp.Payload):
    """Bytes to send that know whether they began to leave, and let the time for the response run from then on.

    Large ones go in pieces, uncopied.
    """

    def __init__(self, content: bytes, deadline: asyncio.Timeout, seconds: float) -> None:
        super().__init__(content, content_type="application/octet-stream")
        self._size = self._length = len(content)
        self._content = content
        self._deadline = deadline
        self._seconds = seconds
        self.begun = False

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return self._content.decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        self.begun = True
        if not self._deadline.expired():
            self._deadline.reschedule(asyncio.get_running_loop().time() + self._seconds)
        if self._length <= _CHUNK:
            await writer.write(self._content)
            return
        view = memoryview(self._content)
        for start in range(0, self._length, _CHUNK):
            await writer.write(view[start : start + _CHUNK])

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        await self.write(writer)
