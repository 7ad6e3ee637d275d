"""Resource ids and conditional criteria: the same identity always gives the same text, and no text gives it back.

Why: decision 11. A plain hash of a national number could be reversed in seconds, so the id is an HMAC under the
journal's key, shared by every engine that feeds that journal.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Literal
from urllib.parse import quote

from engine.standards.fhir import Identity
from engine.standards.fhir.r4 import load

URI = "urn:ietf:rfc:3986"
"""The identifier system of values that are themselves URIs."""
TAG = "urn:x-budstikke:identity"
"""Tag system that carries the identity of a type without `identifier`."""

_PLAIN = re.compile(r"[A-Za-z0-9:/.\-]*").fullmatch
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
_BLOCK = 64


@dataclass(frozen=True, slots=True)
class Writing:
    """How one journal wants to be written, and the key that makes its ids. `by_id` needs update-as-create there."""

    mode: Literal["by_id", "conditional"]
    identity_key: bytes


def resource_id(key: bytes, resource_type: str, identity: Identity) -> str:
    """The id of a resource: 122 bits of HMAC-SHA256 over type, system and value, as a UUID in lower case.

    RFC 9562, 5.8 (version 8, the bits are ours).
    """
    return ids_of(key)(f"{resource_type}|{identity.system}|{identity.value}")


@lru_cache(maxsize=16)
def ids_of(key: bytes) -> Callable[[str], str]:
    """What makes the ids of one journal, from `type|system|value`. It remembers the key's own state and no text.

    RFC 2104 (HMAC): the two states that the key alone decides are made once.
    """
    padded = (key if len(key) <= _BLOCK else hashlib.sha256(key).digest()).ljust(_BLOCK, b"\0")
    inner_state = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded)).copy
    outer_state = hashlib.sha256(bytes(byte ^ 0x5C for byte in padded)).copy

    def made(text: str) -> str:
        inner, outer = inner_state(), outer_state()
        inner.update(text.encode() if text.isascii() else text.encode("utf-8", "surrogatepass"))
        outer.update(inner.digest())
        h = outer.hexdigest()
        return f"{h[:8]}-{h[8:12]}-8{h[13:16]}-{_VARIANT[h[16]]}{h[17:20]}-{h[20:32]}"

    return made


def criterion(parameter: str, system: str, value: str) -> str:
    """A search by token: `identifier=system%7Cvalue`, ready for `request.url` or `ifNoneExist`.

    FHIR R4, 3.1.1.4.2 (escaping) and 3.1.1.5.4 (token).
    """
    return f"{parameter}={_quoted(system)}%7C{_quoted(value)}"


def _quoted(text: str) -> str:
    return text if _PLAIN(text) else quote(_escaped(text), safe=":/", errors="replace")


def _escaped(text: str) -> str:
    for mark in "\\,$|":
        if mark in text:
            text = text.replace(mark, "\\" + mark)
    return text


@cache
def identifier_shape(resource_type: str) -> Literal["list", "one", "none"]:
    """Whether a type has `identifier` and can be searched by it: several, one, or not at all (Provenance, Binary)."""
    table = load()
    found = table.type(resource_type)
    if found is None or "identifier" not in found.elements or "identifier" not in table.search(resource_type):
        return "none"
    return "list" if found.elements["identifier"].many else "one"
