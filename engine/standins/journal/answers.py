"""Replies as HTTP responses: status, ETag, Last-Modified, Location, body by Prefer. FHIR R4, 3.1.0.1, 3.1.0.1.9."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime

from starlette.responses import Response

from engine.standins.journal import Refused, Remark
from engine.standins.journal.asked import Asked, Reply
from engine.standins.journal.wire import dump, outcome

FHIR_JSON = "application/fhir+json; charset=utf-8"


def respond(status: int, body: bytes, headers: Mapping[str, str] | None = None) -> Response:
    """A FHIR answer; without a body it has no content type."""
    return Response(body, status, dict(headers or {}), media_type=FHIR_JSON if body else None)


def refusal(refused: Refused, headers: Mapping[str, str] | None = None) -> Response:
    """A refusal as an OperationOutcome."""
    return respond(refused.status, dump(outcome(refused.remarks)), headers)


def replied(asked: Asked, reply: Reply, address: str, request_headers: Mapping[str, str]) -> Response:
    """The answer to a single interaction."""
    version = reply.version
    headers: dict[str, str] = {}
    if version is not None:
        headers["ETag"] = version.etag
        if not version.deleted:
            headers["Last-Modified"] = format_datetime(datetime.fromisoformat(version.updated), usegmt=True)
    if asked.method in ("POST", "PUT") and version is not None:
        headers["Location"] = f"{address}/{version.location}"
        return respond(reply.status, _wanted(reply, request_headers.get("prefer", "")), headers)
    if reply.status in (204, 304):
        return respond(reply.status, b"", headers)
    return respond(reply.status, reply.body, headers)


def _wanted(reply: Reply, prefer: str) -> bytes:
    if reply.status == 304 or "return=minimal" in prefer:
        return b""
    if "return=OperationOutcome" in prefer:
        return dump(outcome([Remark("informational", reply.what, severity="information")]))
    return reply.version.body if reply.version is not None else b""
