"""One interaction as it is asked for, by HTTP or by an entry of a Bundle, in one shape. FHIR R4, 3.1.0, 2.36.1."""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote

from engine.standards.fhir import Resource
from engine.standins.journal import Refused, Remark
from engine.standins.journal.r4 import TYPES
from engine.standins.journal.store import Version

ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")


class Target(NamedTuple):
    """What a request is about: a type, a resource, a version, a history, or a question."""

    type: str
    id: str = ""
    version: str = ""
    history: bool = False
    query: str | None = None

    @property
    def reference(self) -> str:
        return f"{self.type}/{self.id}"

    @property
    def pairs(self) -> list[tuple[str, str]]:
        return parse_pairs(self.query or "")


@dataclass(slots=True)
class Asked:
    """One interaction. `place` is `Bundle.entry[n]` inside a Bundle; the conditions are as written in their headers."""

    method: str
    target: Target
    resource: Resource | None = None
    full_url: str = ""
    if_match: str = ""
    if_none_match: str = ""
    if_modified_since: str = ""
    if_none_exist: str = ""
    place: str = ""


@dataclass(slots=True)
class Reply:
    """What became of one interaction. `what` is the word of the log: created, updated, deleted, unchanged, matched,
    kept, absent; `body` is given where the answer is a Bundle and not a version."""

    status: int
    what: str
    version: Version | None = None
    body: bytes = b""

    @property
    def line(self) -> str:
        """As in Bundle.entry.response.status."""
        return f"{self.status} {HTTPStatus(self.status).phrase}"


def parse_pairs(query: str) -> list[tuple[str, str]]:
    """Name and value of each parameter, decoded. Raises: Refused (400)."""
    try:
        return parse_qsl(query, keep_blank_values=True, strict_parsing=True, errors="strict") if query else []
    except ValueError:
        raise Refused(400, Remark("invalid", "a query that cannot be read")) from None


def parse_target(path: str, query: str | None, types: frozenset[str]) -> Target:
    """Read `Type[/id[/_history[/version]]]` with its query. Raises: Refused (404 or 400)."""
    parts = path.strip("/").split("/")
    kind = parts[0]
    if kind not in (types or TYPES):
        raise Refused(404, Remark("not-supported", "a type that this journal does not keep"))
    if len(parts) == 1:
        return Target(kind, query=query)
    if not ID.fullmatch(parts[1]):
        raise Refused(400, Remark("value", "what stands where an id belongs is not an id"))
    if len(parts) == 2:
        return Target(kind, parts[1], query=query)
    if parts[2] == "_history" and len(parts) == 3:
        return Target(kind, parts[1], history=True, query=query)
    if parts[2] == "_history" and len(parts) == 4:
        return Target(kind, parts[1], version=parts[3])
    raise Refused(404, Remark("not-supported", "an operation that this journal does not have"))


def parse_url(url: str, types: frozenset[str]) -> Target:
    """`request.url` of an entry: relative to the server. Raises: Refused."""
    if not url or url.startswith(("/", "http:", "https:", "urn:")):
        raise Refused(400, Remark("value", "request.url is relative to the server and has no leading slash"))
    path, asked, query = url.partition("?")
    return parse_target(unquote(path), query if asked else None, types)
