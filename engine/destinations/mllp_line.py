"""One kept MLLP connection to a receiver: one message out, one answer back. Anything else ends it.

HL7 Transport Specification MLLP, release 1.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import cast

from engine.standards.hl7v2.acknowledged import acknowledged
from engine.standards.hl7v2.mllp import Frame, FrameReader, TooLarge, frame
from engine.transport.http_response import HttpFailure, lost, not_connected

_ANSWER_MOST = 1024 * 1024
_KEEP_ALIVE = 60
"""Seconds of silence after which the machine asks whether the other side is there, which keeps firewalls awake too."""


class Line(asyncio.Protocol):
    """One connection. `open` says whether it may be used for another message."""

    def __init__(self) -> None:
        self._frames = FrameReader(_ANSWER_MOST)
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[bytes | HttpFailure] | None = None
        self._doubt = False
        self.committed = b""
        """The message last answered by a commit acknowledgement; its application acknowledgement may follow."""

    @property
    def open(self) -> bool:
        """Whether nothing odd has been seen, and the other side has not gone."""
        return self._transport is not None and not self._doubt and not self._transport.is_closing()

    async def ask(self, message: bytes, seconds: float) -> bytes | HttpFailure:
        """Send one message; its answer, or why there is none. The line is closed then."""
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(frame(message))
        try:
            async with asyncio.timeout(seconds):
                answer = await self._answer
        except TimeoutError:
            answer = HttpFailure("http.timeout", sent=True)
        finally:
            done = self._answer.done() and not self._answer.cancelled()
            self._answer = None
            if not done:
                self.close()
        if isinstance(answer, HttpFailure):
            self.close()
        return answer

    def close(self) -> None:
        """End it at once: what might still come belongs to nobody."""
        self._doubt = True
        if self._transport is not None:
            self._transport.abort()

    # ---- what the loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if hasattr(socket, "TCP_KEEPIDLE"):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEP_ALIVE)

    def data_received(self, data: bytes) -> None:
        for item in self._frames.feed(data):
            if isinstance(item, Frame):
                self._framed(item.message)
            elif isinstance(item, TooLarge):
                self._end(HttpFailure("http.too_long", sent=True))
            else:
                self._doubt = True  # stray bytes: this answer still counts, the line is not used again

    def _framed(self, message: bytes) -> None:
        if self.committed:
            found = acknowledged(message)
            if found is not None and found.message_id == self.committed and found.code[0] == "A":
                self.committed = b""
                return
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(message)
        else:
            self.close()  # nothing was asked, so it answers nothing

    def eof_received(self) -> bool:
        self._doubt = True
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._doubt = True
        self._end(lost(exc, False))

    def _end(self, failure: HttpFailure) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(failure)
        self.close()


async def connect(host: str, port: int, tls: ssl.SSLContext | None, seconds: float) -> Line | HttpFailure:
    """A new line, or why there is none: nothing has left us then."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(seconds):
            _, line = await loop.create_connection(Line, host, port, ssl=tls)
    except (OSError, ValueError) as error:
        return not_connected(error, tls is not None)
    return line
