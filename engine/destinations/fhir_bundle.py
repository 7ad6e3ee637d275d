"""A transaction Bundle as bytes: which entries create only if there is none, and the same bytes without some of them.

Why: bytes and not trees. The stored payload holds decimals with their digits as received; reading it into numbers and
writing it again would lose them. So the text is cut at entry borders and nothing else in it changes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from json.decoder import WHITESPACE  # type: ignore[attr-defined]
from typing import Any

MARK = b'"ifNoneMatch"'
_FIRST = json.JSONDecoder(parse_float=str, parse_int=str)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: where it stands in the text, what it writes (`Patient/id`, or empty), under which full URL."""

    start: int
    end: int
    writes: str
    full_url: str
    mention: bool


class Bundle:
    """A payload, cut at its entries. Raises: ValueError when it is no Bundle in JSON."""

    def __init__(self, payload: bytes) -> None:
        self._text = payload.decode("utf-8")
        self.entries = tuple(_entries(self._text))

    def mentions(self) -> tuple[str, ...]:
        """What is to be created only if there is none: `Type/id`, each once."""
        return tuple(dict.fromkeys(entry.writes for entry in self.entries if entry.mention))

    def written(self) -> tuple[str, ...]:
        """All that is written by id."""
        return tuple(dict.fromkeys(entry.writes for entry in self.entries if entry.writes))

    def without(self, existing: AbstractSet[str]) -> bytes:
        """The payload without the mentions of `existing`, references to them pointing to `Type/id`; empty when no
        entry is left."""
        dropped = {entry for entry in self.entries if entry.mention and entry.writes in existing}
        if not dropped:
            return self._text.encode("utf-8")
        kept = [self._text[entry.start : entry.end] for entry in self.entries if entry not in dropped]
        if not kept:
            return b""
        text = self._text[: self.entries[0].start] + ",".join(kept) + self._text[self.entries[-1].end :]
        for entry in dropped:
            if entry.full_url and entry.full_url != entry.writes:
                text = text.replace(f'"{entry.full_url}"', f'"{entry.writes}"')
        return text.encode("utf-8")


def _entries(text: str) -> Iterator[Entry]:
    at = _skip(text, 0, "{")
    while text[at : at + 1] == '"':
        name, at = _FIRST.raw_decode(text, at)
        at = _skip(text, at, ":")
        if name == "entry":
            yield from _elements(text, _skip(text, at, "["))
            return
        _, at = _FIRST.raw_decode(text, at)
        at = _blank(text, at)
        if text[at : at + 1] != ",":
            return
        at = _blank(text, at + 1)


def _elements(text: str, at: int) -> Iterator[Entry]:
    while text[at : at + 1] == "{":
        start = at
        value, at = _FIRST.raw_decode(text, at)
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
