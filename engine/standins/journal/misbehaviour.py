"""How each fault is carried out on a connection, for every stand-in that speaks HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.types import Send

from engine.standins.journal.faults import Fault
from engine.standins.listening import ABORT

_PIECES = 20
_REFUSALS: dict[str, tuple[int, str]] = {
    "unavailable": (503, "out of order on purpose"),
    "too_many": (429, "too many requests, on purpose"),
    "unauthorized": (401, "not let in, on purpose"),
    "bad_request": (400, "refused on purpose"),
    "error": (500, "failed on purpose"),
    "error_after_commit": (500, "failed on purpose"),
}
_HTML = "<!doctype html><title>proxy</title><p>This is no answer of the server behind."

Answer = Callable[[bytes], Response]
Refuse = Callable[[int, str, dict[str, str]], Response]
"""How a stand-in says a status and a sentence in its own format, with these headers."""


async def misbehave(fault: Fault | None, request: Request, answer: Answer, refuse: Refuse, send: Send) -> None:
    """Answer one request, well or as the fault says. A request that never comes whole is not acted upon."""
    kind = fault.kind if fault is not None else ""
    if kind == "break":
        await _hang_up(request)
        return
    try:
        body = await request.body()
    except ClientDisconnect:
        return
    if fault is None:
        response = answer(body)
    elif kind in ("bad_gateway", "garbage"):
        response = HTMLResponse(_HTML, 502 if kind == "bad_gateway" else 200)
    elif kind in _REFUSALS and kind != "error_after_commit":
        response = _refused(fault, refuse)
    else:
        if kind == "slow":
            await asyncio.sleep(fault.delay)
        response = answer(body)
        if kind == "lose_response":
            await _hang_up(request)
            return
        if kind == "error_after_commit":
            response = _refused(fault, refuse)
        elif kind == "drip":
            response = _dripping(response, fault.delay)
    await response(request.scope, request.receive, send)


def _refused(fault: Fault, refuse: Refuse) -> Response:
    status, text = _REFUSALS[fault.kind]
    headers = {"Retry-After": str(fault.retry_after)} if status in (429, 503) else {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return refuse(status, text, headers)


async def _hang_up(request: Request) -> None:
    """Close the connection without a byte of an answer, and wait until it is closed."""
    request.scope["extensions"][ABORT]["abort"]()
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _dripping(response: Response, delay: float) -> Response:
    body = bytes(response.body)
    size = max(1, -(-len(body) // _PIECES))

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), size):
            await asyncio.sleep(delay if start else 0)
            yield body[start : start + size]

    return StreamingResponse(pieces(), response.status_code, dict(response.headers))
