"""One kept HTTP/1.1 connection: a request at a time, its response read whole.

Why our own and no library's: it knows to the byte whether anything has left us, and costs a seventh (PERFORMANCE 7).
RFC 9112; the parser is llhttp's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import cast

import httptools

from engine.transport.http_response import HttpFailure, HttpResponse, lost, response

_CHUNK = 256 * 1024
_MOST_HEAD = 128 * 1024
"""Bytes that the head of a response may have."""


class Connection(asyncio.Protocol):
    """A connection to one system. httptools calls the `on_` methods."""

    __slots__ = (
        "_answering", "_body", "_ended", "_future", "_gone", "_head", "_keep", "_left", "_limit", "_more", "_pairs",
        "_parser", "_paused", "_status", "_transport", "deadline", "failure", "free",
        "since",
    )  # fmt: skip

    def __init__(self, gone: Callable[[Connection], None]) -> None:
        self.free = False
        """Whether another request may go this way."""
        self.since = self.deadline = 0.0
        """Loop time since when it is free; until when the response must have come."""
        self.failure = HttpFailure("http.reset", sent=False)
        """Why it was lost while nothing was under way."""
        self._gone = gone
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._future: asyncio.Future[HttpResponse | HttpFailure] | None = None
        self._left: memoryview | None = None
        self._paused = False
        self._limit = 0
        self._fresh()

    def _fresh(self) -> None:
        self._pairs: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._more = self._head = self._status = 0
        self._answering = self._ended = self._keep = False

    def request(self, head: bytes, body: bytes, limit: int) -> asyncio.Future[HttpResponse | HttpFailure]:
        """Send a request; what comes of it. From here on the other side may have acted."""
        transport = self._transport
        assert transport is not None and self._future is None
        future = self._future = asyncio.get_running_loop().create_future()
        self.free = False
        self._limit = limit
        self._fresh()
        if len(body) <= _CHUNK:
            transport.write(head + body)
        else:
            transport.write(head)
            self._left = memoryview(body)
            self._feed()
        return future

    def _feed(self) -> None:
        """Large bodies go in pieces, as fast as the other side takes them."""
        while self._left is not None and not self._paused and self._transport is not None:
            piece, self._left = self._left[:_CHUNK], self._left[_CHUNK:] or None
            self._transport.write(piece)

    def end(self, failure: HttpFailure) -> None:
        """Give up what is under way, and the connection."""
        self._tell(failure)
        self.abort()

    def abort(self) -> None:
        """Close it now."""
        self.free = False
        if self._transport is not None:
            self._transport.abort()

    def _tell(self, result: HttpResponse | HttpFailure) -> None:
        future, self._future = self._future, None
        self._left = None
        if future is not None and not future.done():
            future.set_result(result)

    # ---- what the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.since = asyncio.get_running_loop().time()
        self.free = True

    def connection_lost(self, error: Exception | None) -> None:
        self.free = False
        self._transport = None
        self._gone(self)
        if self._future is None:
            self.failure = replace(lost(error, False), sent=False)
            return
        if error is None and self._until_the_end():
            self._tell(response(self._status, self._pairs, self._body, self._limit))
        else:
            self._tell(lost(error, self._answering))

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._feed()

    def data_received(self, content: bytes) -> None:
        if self._future is None:  # nothing was asked, so it answers nothing
            self.abort()
            return
        try:
            self._parser.feed_data(content)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            if not self._ended:
                self.end(HttpFailure("http.broken", sent=True))
                return
            self._keep = False
        if self._ended or self._more > self._limit:
            self._finish()
            return
        if not self._answering:
            self._head += len(content)
        if self._head > _MOST_HEAD:
            self.end(HttpFailure("http.broken", sent=True))

    def _finish(self) -> None:
        """The response is whole, or as much of it as is wanted."""
        self.free = self._ended and self._keep and self._left is None
        keep = self.free and self._transport is not None and not self._transport.is_closing()
        self._tell(response(self._status, self._pairs, self._body, self._limit))
        if not keep:
            self.abort()

    def _until_the_end(self) -> bool:
        """Whether the end of the connection is the end of the body: no length was told. RFC 9112, 6.3."""
        told = (b"content-length", b"transfer-encoding")
        return self._answering and not any(name.lower() in told for name, _ in self._pairs)

    # ---- what the parser calls

    def on_message_begin(self) -> None:
        if self._ended:  # a second response, which was not asked for
            self._keep = False
        else:
            self._pairs.clear()

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._ended:
            self._pairs.append((name, value))
            if self._answering:  # a trailer
                self._head += len(name) + len(value)

    def on_headers_complete(self) -> None:
        if not self._ended:
            self._status = self._parser.get_status_code()
            self._answering = self._status >= 200

    def on_body(self, body: bytes) -> None:
        if not self._ended:
            self._body.append(body)
            self._more += len(body)

    def on_message_complete(self) -> None:
        if self._answering and not self._ended:  # before it may come others, such as 103. RFC 9110, 15.2
            self._ended = True
            self._keep = self._parser.should_keep_alive()
