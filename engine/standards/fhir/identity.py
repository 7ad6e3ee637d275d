"""Resource ids and conditional criteria: the same identity always gives the same text, and no text gives it back.

Why: decision 11. A plain hash of a national number could be reversed in seconds, so the id is an HMAC under the
journal's key, shared by every engine that feeds that journal.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Literal
from urllib.parse import quote

from engine.standards.fhir import Entry, Identity
from engine.standards.fhir.r4 import load

URI = "urn:ietf:rfc:3986"
"""The identifier system of values that are themselves URIs."""
TAG = "urn:x-budstikke:identity"
"""Tag system that carries the identity of a type without `identifier`."""

_PLAIN = re.compile(r"[A-Za-z0-9:/.\-]*").fullmatch
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
_BLOCK = 64
_KEPT = frozenset({"Location", "Organization", "Practitioner"})
"""Types whose identities are of no patient."""
_OF_PERSONS = frozenset(f"urn:oid:2.16.578.1.12.4.1.4.{last}" for last in (1, 2, 3))
"""National numbers: birth number, D-number, common help number."""
_ROOM = 4096


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


@lru_cache(maxsize=16)
def urns_of(key: bytes) -> Callable[[Iterable[Entry]], list[str]]:
    """What names the entries of one journal's Bundles: `urn:uuid:` and the id.

    Names of staff, organisations and places are kept, a bounded number, since the same come with message after message.
    Of anything else, of what is derived and of a person's national number nothing is kept.
    """
    made = ids_of(key)
    kept: dict[str, str] = {}

    def urns(entries: Iterable[Entry]) -> list[str]:
        found: list[str] = []
        for entry in entries:
            kind = entry.resource["resourceType"]
            system, value, derived = entry.identity
            text = f"{kind}|{system}|{value}"
            if derived or kind not in _KEPT or system in _OF_PERSONS:
                found.append("urn:uuid:" + made(text))
                continue
            urn = kept.get(text)
            if urn is None:
                if len(kept) >= _ROOM:
                    kept.clear()
                urn = kept[text] = "urn:uuid:" + made(text)
            found.append(urn)
        return found

    return urns


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
