"""One HTTP connection of a source: uvicorn's, with a door before it and a watch on its time.

uvicorn keeps time only between requests. Here a connection that says nothing, that takes too long over its headers or
makes them endless, or that does not take its answer, is ended, and harms nobody else. RFC 9112.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from engine import log
from engine.message import Reception

HEAD_MOST = 64 * 1024
"""Bytes that the headers of one request may have."""
_CLOSING_MOST = 5.0
_SILENT = logging.Logger("uvicorn", logging.CRITICAL + 1)
"""uvicorn's own words and tracebacks: what is to be said is said by us, from the allow-list."""


@dataclass(slots=True)
class Terms:
    """What the connections of one source share. Times in seconds."""

    config: Config
    state: ServerState
    loop: asyncio.AbstractEventLoop
    channel: str
    idle_timeout: float
    header_timeout: float
    admit: Callable[[asyncio.BaseTransport], Reception | None]
    """The facts of a connection that may be had, None for one that is turned away."""
    gone: Callable[[], None]


class HttpConnection(HttpToolsProtocol):
    """One sender."""

    def __init__(self, terms: Terms) -> None:
        super().__init__(terms.config, terms.state, {}, terms.loop)
        self.logger = _SILENT
        self._terms = terms
        self._heard = terms.loop.time()
        self._begun = self._closing_since = 0.0
        self._head = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        reception = self._terms.admit(transport)
        if reception is None:
            transport.abort()
        else:
            self.app_state = {"reception": reception}

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._terms.gone()

    def data_received(self, data: bytes) -> None:
        if self.parser is None or self.transport.is_closing():
            return
        self._heard = self._terms.loop.time()
        super().data_received(data)
        if self._begun:
            self._head += len(data)
            if self._head > HEAD_MOST:
                self._end("http_endless_headers")

    def send_400_response(self, msg: str) -> None:
        log.warning("http_not_http", channel=self._terms.channel)
        super().send_400_response(msg)

    def on_message_begin(self) -> None:
        self._begun, self._head = self._heard, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._begun = 0.0
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        self._heard = self._terms.loop.time()
        super().on_response_complete()

    def check(self, now: float) -> None:
        """Time passes: called by the source every now and then."""
        terms = self._terms
        if self.transport.is_closing():
            self._closing_since = self._closing_since or now
            if now - self._closing_since > _CLOSING_MOST:
                self.transport.abort()
        elif self._begun:
            if now - self._begun > terms.header_timeout:
                self._end("http_header_timeout")
        elif not self.busy and now - self._heard > terms.idle_timeout:
            log.info("http_idle", channel=terms.channel)
            self.transport.close()

    @property
    def busy(self) -> bool:
        """Whether a request is being read or answered."""
        return self.cycle is not None and not self.cycle.response_complete

    def abort(self) -> None:
        """End it now."""
        self.transport.abort()

    def _end(self, event: str) -> None:
        log.warning(event, channel=self._terms.channel)
        self.transport.close()


def connections(state: ServerState) -> list[HttpConnection]:
    """Those that are open."""
    return [cast(HttpConnection, each) for each in state.connections]
