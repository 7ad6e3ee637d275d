"""One kept HTTP client per system, and its failures in neutral words: did bytes leave us or not.

Why: a destination must tell *nothing happened there* from *it may have happened*; the exceptions of an HTTP library do
not. Redirects are not followed, cookies not kept, proxies not used: a message goes where the config says, or nowhere.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from engine.transport.http_connection import Connection
from engine.transport.http_response import HttpFailure, HttpResponse, not_connected

__all__ = [
    "Authorization", "HttpClient", "HttpFailure", "HttpResponse", "HttpSettings", "basic", "bearer", "constant",
]  # fmt: skip

Authorization = Callable[[], Awaitable[str]]
"""The value of the Authorization header, fetched before each request (tokens expire)."""

# Shorter than the idle time of the servers we know (Node.js 5 s): the side that closes first must be ours, else a
# request may meet a connection that the server is just closing, and its fate is unknown.
_KEEP_ALIVE = 4.0
_LOOKS = 8
"""How often one looks at the clock within a time-out: so exact it is."""
_PORTS = {"http": 80, "https": 443}
_HEADER = re.compile(r"[!-9;-~]+: [\t -~\x80-\uffff]*")
_SAFE = "/%:=&?~+!$,;'@()*[]|"


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """How one system is called. Times in seconds; `response_timeout` runs from the first byte sent to the last read."""

    tls: ssl.SSLContext | None = None
    auth: Authorization | None = None
    concurrency: int = 8
    connect_timeout: float = 5.0
    response_timeout: float = 30.0


class _Place(NamedTuple):
    """Where connections go to."""

    host: str
    port: int
    tls: bool


class HttpClient:
    """Kept connections to one system. Open it on the loop that uses it."""

    def __init__(self, settings: HttpSettings) -> None:
        self._settings = settings
        self._seconds = settings.connect_timeout + settings.response_timeout
        self._tick = min(_KEEP_ALIVE, settings.response_timeout) / _LOOKS
        self._tls = settings.tls
        self._loop: asyncio.AbstractEventLoop | None = None
        self._slots = asyncio.Semaphore(settings.concurrency)
        self._made: set[Connection] = set()
        self._idle: dict[_Place, list[Connection]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._spelled: tuple[str, str, Mapping[str, str]] | None = None
        self._head = (_Place("", 0, False), b"")

    def open(self) -> None:
        """Be ready; nothing is connected yet."""
        self._loop = asyncio.get_running_loop()
        self._slots = asyncio.Semaphore(self._settings.concurrency)

    async def close(self) -> None:
        """Close every connection. Idempotent."""
        self._loop = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for connection in tuple(self._made):
            connection.abort()
        self._idle.clear()
        await asyncio.sleep(0)  # for the loop to close them

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"", limit: int = 1024 * 1024
    ) -> HttpResponse | HttpFailure:
        """One request, one whole response of at most `limit` body bytes, or why not. Never raises for the network."""
        if self._loop is None:
            raise RuntimeError("the HTTP client is not open")
        try:
            place, head = self._begun(method, url, headers)
        except ValueError:
            return HttpFailure("http.url", sent=False, fault=True)
        try:
            if self._settings.auth is not None or self._slots.locked():
                async with asyncio.timeout(self._seconds):
                    if self._settings.auth is not None:
                        head += _line("Authorization", await self._settings.auth())
                    await self._slots.acquire()
            else:
                await self._slots.acquire()
        except (TimeoutError, OSError, ValueError) as error:
            timed = isinstance(error, TimeoutError)
            return HttpFailure("http.connect_timeout" if timed else "http.reset", sent=False)
        try:
            if body or method != "GET":
                head += b"Content-Length: %d\r\n" % len(body)
            return await self._exchange(place, head + b"\r\n", body, limit)
        finally:
            self._slots.release()

    async def _exchange(self, place: _Place, head: bytes, body: bytes, limit: int) -> HttpResponse | HttpFailure:
        connection = self._kept(place)
        if connection is None:
            made = await self._connect(place)
            if isinstance(made, HttpFailure):
                return made
            connection = made
        loop = self._loop
        if loop is None:  # closed meanwhile
            connection.abort()
            return connection.failure
        connection.deadline = loop.time() + self._settings.response_timeout
        self._watch(loop)
        try:
            return await connection.request(head, body, limit)
        except asyncio.CancelledError:
            connection.abort()
            raise
        finally:
            if self._loop is None:
                connection.abort()
            elif connection.free:
                connection.since = loop.time()
                self._idle.setdefault(place, []).append(connection)

    async def _connect(self, place: _Place) -> Connection | HttpFailure:
        if place.tls and self._tls is None:
            self._tls = ssl.create_default_context()
        loop = asyncio.get_running_loop()
        tls = self._tls if place.tls else None
        try:
            async with asyncio.timeout(self._settings.connect_timeout):
                made = loop.create_connection(lambda: Connection(self._made.discard), place.host, place.port, ssl=tls)
                _, connection = await made
        except (OSError, ValueError) as error:
            return not_connected(error, place.tls)
        if not connection.free:  # lost again at once
            return connection.failure
        self._made.add(connection)
        return connection

    def _kept(self, place: _Place) -> Connection | None:
        """The connection used last, the likeliest to be open still."""
        idle = self._idle.get(place)
        while idle:
            connection = idle.pop()
            if connection.free and self._loop is not None and self._loop.time() - connection.since < _KEEP_ALIVE:
                return connection
            connection.abort()
        return None

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._timer is None:
            self._timer = loop.call_later(self._tick, self._look)

    def _look(self) -> None:
        """End what takes too long, close what was idle too long. One timer for all: none is set and cleared for each
        request."""
        self._timer = None
        if self._loop is None:
            return
        now = self._loop.time()
        for connection in tuple(self._made):
            if not connection.free:
                if now >= connection.deadline:
                    connection.end(HttpFailure("http.timeout", sent=True))
            elif now - connection.since >= _KEEP_ALIVE:
                connection.abort()
        for place, idle in self._idle.items():
            self._idle[place] = [connection for connection in idle if connection.free]
        if self._made:
            self._watch(self._loop)

    def _begun(self, method: str, url: str, headers: Mapping[str, str]) -> tuple[_Place, bytes]:
        """Where it goes and how it begins; kept from one request to the next. Raises: ValueError."""
        spelled = self._spelled
        if spelled is None or spelled[2] is not headers or spelled[1] != url or spelled[0] != method:
            place, host, path = _parts(url)
            lines = [f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n".encode("ascii")]
            lines += [_line("User-Agent", "budstikke"), _line("Accept-Encoding", "identity")]
            lines += [_line(name, value) for name, value in headers.items()]
            self._spelled = (method, url, headers)
            self._head = (place, b"".join(lines))
        return self._head


def _parts(url: str) -> tuple[_Place, str, str]:
    """Where an address is, the Host that is told, and the target of the request. Raises: ValueError. RFC 9112, 3.2."""
    split = urlsplit(url)
    usual = _PORTS.get(split.scheme)
    if usual is None or not split.hostname or split.username is not None:
        raise ValueError("no address of a system")
    host = split.hostname if split.hostname.isascii() else split.hostname.encode("idna").decode("ascii")
    port = split.port or usual
    told = f"[{host}]" if ":" in host else host
    path = quote(split.path or "/", _SAFE) + (f"?{quote(split.query, _SAFE)}" if split.query else "")
    return _Place(host, port, split.scheme == "https"), told if port == usual else f"{told}:{port}", path


def _line(name: str, value: str) -> bytes:
    """A header line. Raises: ValueError for what could end it."""
    line = f"{name}: {value}"
    if _HEADER.fullmatch(line) is None:
        raise ValueError("no header")
    return line.encode() + b"\r\n"


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
