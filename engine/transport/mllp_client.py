"""A sender's side of MLLP: one connection, one message in flight, as record systems do it.

Used by `budstikke send`, the demo and tests; the mllp destination has a stricter line of its own.
HL7 Transport MLLP release 1.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl

from engine.standards.hl7v2.mllp import Frame, FrameReader, frame

LIMIT = 64 * 1024 * 1024


class MllpClient:
    """One connection. Use as `async with MllpClient(host, port) as client: answer = await client.send(message)`."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None = None, timeout: float = 30.0) -> None:
        self.host, self.port, self.tls, self.timeout = host, port, tls, timeout
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._frames = FrameReader(LIMIT)
        self._waiting: list[bytes] = []

    async def __aenter__(self) -> MllpClient:
        opening = asyncio.open_connection(self.host, self.port, ssl=self.tls)
        self._reader, self._writer = await asyncio.wait_for(opening, self.timeout)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close; errors of a connection that is gone already do not matter."""
        if self._writer is not None:
            self._writer.close()
            with contextlib.suppress(OSError, ssl.SSLError):
                await self._writer.wait_closed()
            self._writer = None

    async def send(self, message: bytes) -> bytes:
        """Send one message and wait for one answer.

        Raises: TimeoutError when none comes in time, ConnectionError when the other side closes instead.
        """
        await self.write(frame(message))
        return await self.answer()

    async def write(self, raw: bytes) -> None:
        """Bytes as they are, for senders that do odd things."""
        assert self._writer is not None, "use it as a context"
        self._writer.write(raw)
        await asyncio.wait_for(self._writer.drain(), self.timeout)

    async def answer(self) -> bytes:
        """The next answer on this connection."""
        return await asyncio.wait_for(self._next(), self.timeout)

    async def _next(self) -> bytes:
        assert self._reader is not None, "use it as a context"
        while not self._waiting:
            piece = await self._reader.read(65536)
            if not piece:
                raise ConnectionError("closed without an answer")
            self._waiting += [bytes(part.message) for part in self._frames.feed(piece) if isinstance(part, Frame)]
        return self._waiting.pop(0)
