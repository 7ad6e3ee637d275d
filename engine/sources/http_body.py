"""One request's body: read whole, within its limit and its time.

A sender that is too slow or sends too much harms its own request only. What is refused before it was read is still read
for a while, because a sender that is cut off while it writes never sees why.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.requests import ClientDisconnect, Request

SLOWEST = 16 * 1024
"""Bytes a second: a body that comes this fast may take longer than the time-out."""
FIRST = 2048
"""Bytes of a body that is refused, enough to read a header."""
_LINGER_BYTES, _LINGER_SECONDS = 64 * 1024 * 1024, 5.0


@dataclass(frozen=True, slots=True)
class Broken:
    """A body that never was whole: its beginning, and why (`too_large`, `slow`, `gone`, `crowded`)."""

    first: bytes = field(repr=False)
    reason: str


def declared(request: Request) -> int | None:
    """What Content-Length says; None where a body comes in chunks."""
    text = request.headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() else None


async def whole(request: Request, limit: int, seconds: float, room: Callable[[int], bool]) -> bytes | Broken:
    """The body, at most `limit` bytes. `seconds` is for its beginning and any pause; more for as long as it flows.

    `room` is told of the bytes of each piece that is kept, and says whether there is any left.
    """
    pieces: list[bytes] = []
    first: bytes | None = None
    size = 0
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        async with asyncio.timeout(seconds) as patience:
            async for piece in request.stream():
                size += len(piece)
                if size <= limit:
                    pieces.append(piece)
                    if not room(len(piece)):
                        return Broken(_first(pieces), "crowded")
                    patience.reschedule(began + seconds + size / SLOWEST)
                elif first is None:
                    first = _first([*pieces, piece])
                    pieces.clear()
                    patience.reschedule(loop.time() + _LINGER_SECONDS)
                elif size > limit + _LINGER_BYTES:
                    break
    except TimeoutError:
        reason = "slow"
    except ClientDisconnect:
        reason = "gone"
    else:
        reason = ""
    if first is not None:
        return Broken(first, "too_large")
    return Broken(_first(pieces), reason) if reason else b"".join(pieces)


async def unread(request: Request) -> bytes:
    """Read on without keeping it, for some seconds; its beginning. Nothing where the sender waits to be asked."""
    size = declared(request)
    if "expect" in request.headers or (size is not None and size > _LINGER_BYTES):
        return b""
    first: list[bytes] = []
    read = 0
    try:
        async with asyncio.timeout(_LINGER_SECONDS):
            async for piece in request.stream():
                if read < FIRST:
                    first.append(piece)
                read += len(piece)
                if read > _LINGER_BYTES:
                    break
    except (TimeoutError, ClientDisconnect):
        pass
    return _first(first)


def _first(pieces: list[bytes]) -> bytes:
    return b"".join(pieces)[:FIRST] if pieces else b""
