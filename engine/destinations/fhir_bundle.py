"""A transaction Bundle as bytes: which entries create only if there is none, and the same bytes without some of them.

Why: bytes and not trees. The stored payload holds decimals with their digits as received; reading it into numbers and
writing it again would lose them. So the text is cut at entry borders and nothing else in it changes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from json.decoder import WHITESPACE  # type: ignore[attr-defined]
from typing import Any, NamedTuple

MARK = b'"ifNoneMatch"'
_READER = json.JSONDecoder(parse_float=str, parse_int=str)
_OWN_BEGIN = b'{"fullUrl":"'
_OWN_REQUEST_BEGIN = b'},"request":{"method":"'
_OWN_REQUEST = re.compile(
    rb'\},"request":\{"method":"(?:PUT","url":"([A-Za-z]+/[A-Za-z0-9.-]+)"(,"ifNoneMatch":"\*")?'
    rb'|[A-Z]+","url":"[^"\\]*"(?:,"\w+":"(?:[^"\\]|\\.)*")*)\}\}'
)


class Entry(NamedTuple):
    """One entry: where it stands in the text, what it writes (`Patient/id`, or empty), under which full URL."""

    start: int
    end: int
    writes: str
    full_url: str
    mention: bool


class Bundle:
    """A payload, cut at its entries. Raises: ValueError when it is no Bundle in JSON."""

    def __init__(self, payload: bytes) -> None:
        self._payload = payload
        self.entries = _own_entries(payload) or tuple(_any_entries(payload.decode("latin-1")))

    def mentions(self) -> tuple[str, ...]:
        """What is to be created only if there is none: `Type/id`, each once."""
        return tuple(dict.fromkeys(entry.writes for entry in self.entries if entry.mention))

    def written(self) -> tuple[str, ...]:
        """All that is written by id."""
        return tuple(dict.fromkeys(entry.writes for entry in self.entries if entry.writes))

    def without(self, existing: AbstractSet[str]) -> bytes:
        """The payload without the mentions of `existing`, references to them pointing to `Type/id`; empty when no
        entry is left."""
        payload = self._payload
        dropped = [entry for entry in self.entries if entry.mention and entry.writes in existing]
        if not dropped:
            return payload
        gone = {entry.start for entry in dropped}
        kept = [payload[entry.start : entry.end] for entry in self.entries if entry.start not in gone]
        if not kept:
            return b""
        left = payload[: self.entries[0].start] + b",".join(kept) + payload[self.entries[-1].end :]
        for entry in dropped:
            if entry.full_url and entry.full_url != entry.writes:
                left = left.replace(b'"%b"' % entry.full_url.encode(), b'"%b"' % entry.writes.encode())
        return left


def _own_entries(payload: bytes) -> tuple[Entry, ...]:
    """The entries of a Bundle as we write it: without blanks, `fullUrl` first and `request` last in each. Empty for
    any other, and where entries do not lie side by side from the first to the end.

    Why: most deliveries pass here, and searching is ten times as fast as reading. A quote inside a JSON string stands
    behind a backslash, so none of what is searched for can be content; a Bundle within the Bundle could deceive us.
    """
    if payload.count(b'"resourceType":"Bundle"') != 1:
        return ()
    at = payload.find(b'"entry":[' + _OWN_BEGIN)
    if at < 0:
        return ()
    start = at + len(b'"entry":[')
    entries = []
    while True:
        request = _OWN_REQUEST.match(payload, payload.find(_OWN_REQUEST_BEGIN, start))
        if request is None:
            return ()
        end = request.end()
        put, mark = request.groups()
        named = start + len(_OWN_BEGIN)
        full_url = payload[named : payload.find(b'"', named)].decode("latin-1")
        entries.append(Entry(start, end, put.decode("ascii") if put else "", full_url, mark is not None))
        if payload.startswith(b"]", end):
            return tuple(entries)
        start = end + 1
        if not payload.startswith(b"," + _OWN_BEGIN, end):
            return ()


def _any_entries(text: str) -> Iterator[Entry]:
    """The entries of any Bundle. One letter of `text` is one byte, so that places are the same in both."""
    at = _skip(text, 0, "{")
    while text[at : at + 1] == '"':
        name, at = _READER.raw_decode(text, at)
        at = _skip(text, at, ":")
        if name == "entry":
            yield from _elements(text, _skip(text, at, "["))
            return
        _, at = _READER.raw_decode(text, at)
        at = _blank(text, at)
        if text[at : at + 1] != ",":
            return
        at = _blank(text, at + 1)


def _elements(text: str, at: int) -> Iterator[Entry]:
    while text[at : at + 1] == "{":
        start = at
        value, at = _READER.raw_decode(text, at)
        yield _entry(value, start, at)
        at = _blank(text, at)
        if text[at : at + 1] != ",":
            return
        at = _blank(text, at + 1)


def _entry(value: dict[str, Any], start: int, end: int) -> Entry:
    request = value.get("request", {})
    url = request.get("url", "")
    by_id = request.get("method") == "PUT" and "?" not in url and url.count("/") == 1
    mention = by_id and request.get("ifNoneMatch") == "*"
    return Entry(start, end, url if by_id else "", value.get("fullUrl", ""), mention)


def _blank(text: str, at: int) -> int:
    return int(WHITESPACE.match(text, at).end())


def _skip(text: str, at: int, mark: str) -> int:
    at = _blank(text, at)
    if text[at : at + 1] != mark:
        raise ValueError(f"no {mark} where a Bundle has one")
    return _blank(text, at + 1)
