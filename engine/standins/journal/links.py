"""References inside resources: found in one walk, rewritten in place, read as `Type/id`.

FHIR R4, 2.3.0.5, 3.1.0.11.2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from engine.standards.fhir import Resource

_URLS = frozenset({"reference", "url", "uri", "valueUri", "valueUrl", "valueUuid", "valueOid"})
_RELATIVE = re.compile(r"([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/([A-Za-z0-9\-.]{1,64}))?")
_NARRATIVE_LINK = re.compile(r"((?:href|src)\s*=\s*[\"'])(urn:uuid:[0-9a-fA-F-]{36})([\"'])")


class Slot(NamedTuple):
    """A place in a resource that holds a link: `node[name]`."""

    node: dict[str, Any]
    name: str

    @property
    def text(self) -> str:
        return str(self.node[self.name])


def slots(resource: Resource) -> list[Slot]:
    """Every place in a resource where a Bundle's fullUrl may have to be replaced: references, urls, narrative."""
    found: list[Slot] = []
    pending: list[Any] = [resource]
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            for name, value in node.items():
                if isinstance(value, str):
                    if name in _URLS or (name == "div" and "urn:uuid:" in value):
                        found.append(Slot(node, name))
                elif isinstance(value, dict | list):
                    pending.append(value)
        else:
            pending.extend(child for child in node if isinstance(child, dict | list))
    return found


def rewrite(found: list[Slot], places: Mapping[str, str], root: str) -> None:
    """Put `Type/id` where a link is the fullUrl of an entry that the transaction has written.

    `root` is the server address that the entry's own fullUrl stands under; relative references are read against it.
    """
    for slot in found:
        node, name = slot
        text = node[name]
        if name == "div":
            node[name] = _NARRATIVE_LINK.sub(lambda link: link[1] + places.get(link[2], link[2]) + link[3], text)
        elif text in places:
            node[name] = places[text]
        elif root and name == "reference" and f"{root}/{text}" in places:
            node[name] = places[f"{root}/{text}"]


@lru_cache(maxsize=4096)
def local(reference: str, address: str) -> str:
    """`Type/id` when a reference leads into this server, else empty. A version at its end is left out."""
    if address and reference.startswith(address + "/"):
        reference = reference[len(address) + 1 :]
    match = _RELATIVE.fullmatch(reference)
    return f"{match[1]}/{match[2]}" if match else ""


def targets(found: list[Slot], address: str) -> frozenset[str]:
    """Every resource of this server that a resource refers to."""
    leads = (local(slot.text, address) for slot in found if slot.name == "reference")
    return frozenset(lead for lead in leads if lead)
