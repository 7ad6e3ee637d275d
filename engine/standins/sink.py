"""A dumb recording sink: takes every HTTP request, keeps the exact body, and says at once that all went well.

For the crash oracle (what really left the engine) and for measuring: it parses no FHIR. The answer is one fixed empty
transaction-response; a GET is answered 404, for it holds nothing.

A record is `length(8, big endian) sha256(32) body`; each is written with one call, in order of arrival and before its
answer, so the file survives the end of the process at any moment.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import httptools
import uvloop

_BODY = b'{"resourceType":"Bundle","type":"transaction-response"}'
_ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/fhir+json\r\nContent-Length: " + str(len(_BODY)).encode() + b"\r\n"
)
_NOTHING = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n"
_KEPT_OPEN = _ANSWER + b"\r\n" + _BODY
_CLOSED = _ANSWER + b"Connection: close\r\n\r\n" + _BODY
_HEAD = struct.Struct(">Q32s")


@dataclass(slots=True)
class Tally:
    """What a sink has taken so far."""

    requests: int = 0
    bytes: int = 0


class _Connection(asyncio.Protocol):
    """One connection; httptools calls the `on_` methods."""

    def __init__(self, tally: Tally, record: int | None, open_transports: set[asyncio.Transport]) -> None:
        self._tally = tally
        self._record = record
        self._open = open_transports
        self._parser = httptools.HttpRequestParser(self)
        self._body: list[bytes] = []
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._open.add(self._transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is not None:
            self._open.discard(self._transport)
            self._transport = None

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            if self._transport is not None:
                self._transport.close()

    def on_headers_complete(self) -> None:
        self._body.clear()

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        reading = self._parser.get_method() in (b"GET", b"HEAD")
        if not reading:
            body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
            if self._record is not None:
                record = _HEAD.pack(len(body), hashlib.sha256(body).digest()) + body
                if os.write(self._record, record) != len(record):
                    raise OSError("short write")
            self._tally.requests += 1
            self._tally.bytes += len(body)
        if self._transport is not None:
            keep = self._parser.should_keep_alive()
            if reading:
                self._transport.write(_NOTHING + (b"\r\n" if keep else b"Connection: close\r\n\r\n"))
            else:
                self._transport.write(_KEPT_OPEN if keep else _CLOSED)
            if not keep:
                self._transport.close()


@dataclass(slots=True)
class RunningSink:
    """A sink that listens."""

    url: str
    tally: Tally
    _server: asyncio.Server
    _record: int | None
    _open: set[asyncio.Transport] = field(default_factory=set)

    async def stop(self) -> None:
        """Close everything."""
        self._server.close()
        for transport in list(self._open):
            transport.abort()
        await self._server.wait_closed()
        if self._record is not None:
            os.close(self._record)
            self._record = None


async def serve_sink(host: str = "127.0.0.1", port: int = 0, record: Path | None = None) -> RunningSink:
    """Start a sink in this loop; port 0 takes a free one; `record` is appended to. Raises: OSError."""
    descriptor: int | None = None
    if record is not None:
        record.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(record, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        os.ftruncate(descriptor, sum(_HEAD.size + len(body) for _, body in read_record(record)))
    tally = Tally()
    connections: set[asyncio.Transport] = set()
    # Why: the protocol is named, because asyncio turns Nagle's delay off only where it is.
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        server = await asyncio.get_running_loop().create_server(
            lambda: _Connection(tally, descriptor, connections), sock=listener, backlog=512
        )
    except OSError:
        listener.close()
        if descriptor is not None:
            os.close(descriptor)
        raise
    shown = f"[{host}]" if ":" in host else host
    return RunningSink(f"http://{shown}:{listener.getsockname()[1]}", tally, server, descriptor, connections)


def read_record(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Every record of a file, (sha256, body), in order of arrival; a torn last one is left out.

    Raises: ValueError when a body is not what its sha256 says.
    """
    with path.open("rb") as records:
        while len(head := records.read(_HEAD.size)) == _HEAD.size:
            length, digest = _HEAD.unpack(head)
            body = records.read(length)
            if len(body) < length:
                return
            if hashlib.sha256(body).digest() != digest:
                raise ValueError("a record is damaged")
            yield digest, body


def run(host: str = "127.0.0.1", port: int = 0, record: Path | None = None) -> None:
    """Run a sink as a process until SIGINT or SIGTERM. Prints its address as its first line."""

    async def until_told() -> None:
        sink = await serve_sink(host, port, record)
        print(sink.url, flush=True)
        told = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, told.set)
        await told.wait()
        await sink.stop()

    uvloop.run(until_told())
