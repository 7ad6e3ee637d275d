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
_OPENING = b'{"resourceType":"Bundle","type":"transaction","entry":['
_NESTED = b'"resourceType":"Bundle"'
_REQUEST = b'"request":{'
_PLAIN = rb'[^"\\]*'
_FULL_URL = re.compile(rb'\{"fullUrl":"(%b)"' % _PLAIN)
_ENTRY_END = re.compile(
    rb'"request":\{"method":"([A-Z]+)","url":"(%b)"(?:,"(ifNoneMatch|ifNoneExist|ifMatch)":"(%b)")?\}\}'
    rb'(?:,(?=\{"fullUrl":")|\]\}\Z)' % (_PLAIN, _PLAIN)
)
"""How an entry of ours ends, and what follows it. A quote inside of a JSON string has a backslash before it, so that
none of this can stand in a text."""


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
        entries = _own_entries(payload)
        self.entries = tuple(_entries(payload.decode("latin-1"))) if entries is None else entries

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
                left = left.replace(_quoted(entry.full_url), _quoted(entry.writes))
        return left


def _own_entries(payload: bytes) -> tuple[Entry, ...] | None:
    """The entries of a Bundle as we write them, found without reading what is in them; None for any other.

    Only if every full URL and every request in it is one of an entry that was found: nothing is cut on a guess.
    """
    start = len(_OPENING)
    if not payload.startswith(_OPENING) or payload.count(_NESTED) != 1:
        return None
    entries = []
    at = payload.find(_REQUEST, start)
    while at >= 0:
        opening = _FULL_URL.match(payload, start)
        found = _ENTRY_END.match(payload, at)
        if opening is None or found is None:
            return None
        method, url, condition, value = found.groups()
        by_id = method == b"PUT" and b"?" not in url and url.count(b"/") == 1
        end = found.end(2 if condition is None else 4) + 3
        mention = by_id and condition == b"ifNoneMatch" and value == b"*"
        writes = url.decode("latin-1") if by_id else ""
        entries.append(Entry(start, end, writes, opening[1].decode("latin-1"), mention))
        start = end + 1
        at = payload.find(_REQUEST, end)
    whole = start + 1 == len(payload) and payload.count(b'"fullUrl":') == len(entries)
    return tuple(entries) if whole else None


def _quoted(url: str) -> bytes:
    return b'"%b"' % url.encode("latin-1", "replace")


def _entries(text: str) -> Iterator[Entry]:
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
