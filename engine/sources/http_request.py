"""One POST to a channel: checked, read whole, handed to intake, answered. The checks are the source's, in this order:

path and method (404, 405) · credentials (401) · content type (415) · size (413) · room (503, Retry-After: the sender
keeps its message, nothing is lost) · body (408 too slow, 413, 400 cut off). RFC 9110, 15; RFC 7617 (Basic).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from engine import log
from engine.errors import StoreError
from engine.message import Reception
from engine.sources import Acknowledgement, Intake
from engine.sources.http_answer import Told, problem, told
from engine.sources.http_body import Broken, declared, unread, whole

IN_HAND = 256 * 1024 * 1024
"""Bytes of bodies being read or handled at once; above it new ones are asked to come later."""
_TYPE = re.compile(r"\s*([a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+)\s*(?:;(.*))?", re.I)
_CHARSET = re.compile(r"""(?:^|;)\s*charset\s*=\s*"?([a-z0-9_.:+-]{1,40})"?""", re.I)


@dataclass(frozen=True, slots=True)
class Credentials:
    """The user name and password that a sender must show."""

    username: str
    password: str

    def shown(self, header: str) -> bool:
        """Whether this Authorization header shows them. Takes the same time for any wrong one."""
        scheme, _, rest = header.partition(" ")
        try:
            given = base64.b64decode(rest.strip(), validate=True) if scheme.lower() == "basic" else b""
        except (binascii.Error, ValueError):
            given = b""
        return hmac.compare_digest(given, f"{self.username}:{self.password}".encode())


@dataclass(slots=True)
class Post:
    """What one channel takes over HTTP."""

    intake: Intake
    channel: str
    path: str
    accept: frozenset[str]
    credentials: Credentials | None
    max_message: int
    body_timeout: float
    in_hand: int = 0

    def app(self) -> Starlette:
        """The application: one route, every other path and method refused in problem+json."""
        route = Route(self.path, self._post, methods=["POST"])
        app = Starlette(routes=[route], exception_handlers={HTTPException: _not_ours, Exception: self._fault})
        app.router.redirect_slashes = False
        return app

    async def _post(self, request: Request) -> Response:
        refusal, content_type = self._refusal(request)
        size = declared(request)
        if refusal is None and size is not None and size > self.max_message:
            return self._closing(self._too_large(request, await unread(request), content_type))
        if refusal is not None:
            log.warning("http_refused", channel=self.channel, code=refusal.status)
            await unread(request)
            return self._closing(refusal)
        held = size or 0
        self.in_hand += held

        def room(more: int) -> bool:
            nonlocal held
            if size is None:  # it comes in chunks, and nobody knows how many
                held += more
                self.in_hand += more
            return size is not None or self.in_hand <= IN_HAND

        try:
            return await self._take(request, content_type, room)
        finally:
            self.in_hand -= held

    def _refusal(self, request: Request) -> tuple[Told | None, str]:
        """Why this request is not read at all, None if it is; the content type of its answer."""
        if self.credentials is not None and not self.credentials.shown(request.headers.get("authorization", "")):
            realm = 'Basic realm="budstikke", charset="UTF-8"'
            return problem(401, "credentials", "user name and password are wanted", WWW_Authenticate=realm), ""
        match = _TYPE.fullmatch(request.headers.get("content-type", ""))
        media = match[1].lower() if match else ""
        if media not in self.accept:
            title = "content type not taken here: " + ", ".join(sorted(self.accept))
            return problem(415, "content_type", title, Accept_Post=", ".join(sorted(self.accept))), ""
        if request.headers.get("content-encoding", "identity").lower() != "identity":
            return problem(415, "content_encoding", "compressed bodies are not taken", Accept_Encoding="identity"), ""
        if self.intake.crowded() or self.in_hand > IN_HAND:
            return _crowded(), ""
        charset = _CHARSET.search(match[2] or "") if match else None
        return None, f"{media}; charset={charset[1]}" if charset else media

    async def _take(self, request: Request, content_type: str, room: Callable[[int], bool]) -> Response:
        body = await whole(request, self.max_message, self.body_timeout, room)
        reception: Reception = request.state.reception
        if isinstance(body, Broken):
            log.warning("http_body_" + body.reason, channel=self.channel)
            if body.reason == "too_large":
                return self._closing(self._too_large(request, body.first, content_type))
            if body.reason == "crowded":
                return self._closing(_crowded())
            if body.first:
                self.intake.refuse(body.first, reception, "framing")
            status, title = (408, "the body took too long") if body.reason == "slow" else (400, "the body was cut off")
            return self._closing(problem(status, "framing", title))
        try:
            return _response(told(await self._handed(body, reception), content_type))
        except StoreError as error:
            log.error("http_not_stored", channel=self.channel, code=error.code)
            return _response(problem(503, "not_stored", "cannot be stored now, send it again later"))
        except Exception as error:
            log.error("http_intake_failed", channel=self.channel, code=type(error).__name__)
            return _response(problem(500, "fault", "cannot be handled now, send it again later"))

    async def _handed(self, body: bytes, reception: Reception) -> Sequence[Acknowledgement]:
        """Intake's answers, without a task of its own where it needs none. Raises: StoreError."""
        done: asyncio.Future[Sequence[Acknowledgement] | None] = asyncio.get_running_loop().create_future()

        def answered(answers: Sequence[Acknowledgement] | None) -> None:
            if not done.done():  # the source may have been stopped meanwhile
                done.set_result(answers)

        if not self.intake.take(body, reception, answered):
            return await self.intake.receive(body, reception)
        answers = await done
        if answers is None:
            raise StoreError("no answer could be given", code="unanswered")
        return answers

    def _too_large(self, request: Request, first: bytes, content_type: str) -> Told:
        log.warning("http_too_large", channel=self.channel)
        spelled = self.intake.refuse(first, request.state.reception, "too_large")
        if spelled:
            return Told(413, spelled, {"Content-Type": content_type})
        return problem(413, "too_large", "message larger than this channel takes")

    async def _fault(self, request: Request, error: Exception) -> Response:
        """A fault of ours beside the message: told and logged by type only."""
        log.error("http_fault", channel=self.channel, code=type(error).__name__)
        return self._closing(problem(500, "fault", "cannot be handled now, send it again later"))

    def _closing(self, answer: Told) -> Response:
        """What is left of the body is not a request: this connection ends."""
        return _response(answer, "close")


def _crowded() -> Told:
    return problem(503, "crowded", "too much at once, send it again later", Retry_After="1")


def _response(answer: Told, connection: str = "") -> Response:
    headers = {**answer.headers, "Connection": connection} if connection else dict(answer.headers)
    return Response(answer.body, answer.status, headers)


async def _not_ours(request: Request, error: Exception) -> Response:
    """404 and 405 of the router."""
    assert isinstance(error, HTTPException)
    await unread(request)
    words = {404: ("path", "no channel at this path"), 405: ("method", "POST is the only method here")}
    code, title = words.get(error.status_code, ("request", "request not taken"))
    answer = problem(error.status_code, code, title)
    return _response(Told(answer.status, answer.body, {**answer.headers, **(error.headers or {})}), "close")
