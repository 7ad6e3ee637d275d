"""What a resource can be found by, and a search question as the same keys. FHIR R4, 3.1.1.4."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from sys import intern
from typing import Any, NamedTuple

from engine.standards.fhir import Resource
from engine.standins.journal import Refused, Remark
from engine.standins.journal.links import local
from engine.standins.journal.r4 import REFERENCES, parameters_of

CONTROLS = frozenset({"_count", "_format", "_pretty", "_total", "_elements"})
"""Parameters that shape an answer and select nothing; `_elements` is allowed and not heeded, as R4 lets a server."""

REFERRER = "*"


class Key(NamedTuple):
    """One entry of the index. A token has a system and a value, either None for "any"; a reference only a value."""

    type: str
    parameter: str
    system: str | None
    value: str | None


Criteria = tuple[tuple[Key, ...], ...]
"""A question: every group must hold (AND), by any of its keys (OR)."""


def every(resource_type: str) -> Key:
    """The key of all resources of a type."""
    return Key(resource_type, "", None, None)


def refers_to(target: str) -> Key:
    """The key of all resources, of whatever type, that refer to `Type/id`."""
    return Key(REFERRER, REFERRER, None, target)


def keys_of(resource: Resource, referred: frozenset[str], address: str) -> frozenset[Key]:
    """Every key that a resource is found by. `referred` are the targets of all its references."""
    kind = resource["resourceType"]
    found = {every(kind), Key(kind, "_id", None, resource["id"])}
    found.update(refers_to(target) for target in referred)
    for name, search_type in parameters_of(kind).items():
        if search_type == "reference":
            for node in _reach(resource, REFERENCES[name][kind].split(".")):
                found.update(_reference_keys(kind, name, node, address))
    for node in _reach(resource, ["identifier"]):
        found.update(_token_keys(kind, "identifier", node.get("system"), node.get("value")))
    for node in _reach(resource, ["meta", "tag"]):
        found.update(_token_keys(kind, "_tag", node.get("system"), node.get("code")))
    return frozenset(found)


def _reach(node: Any, path: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The objects at a path, through lists."""
    if isinstance(node, list):
        for child in node:
            yield from _reach(child, path)
    elif isinstance(node, dict):
        if not path:
            yield node
        elif path[0] in node:
            yield from _reach(node[path[0]], path[1:])


def _token_keys(kind: str, name: str, system: Any, value: Any) -> Iterator[Key]:
    system = intern(str(system)) if isinstance(system, str) else ""
    if isinstance(value, str):
        yield Key(kind, name, system, value)
        yield Key(kind, name, None, value)
    if system:
        yield Key(kind, name, system, None)


def _reference_keys(kind: str, name: str, node: dict[str, Any], address: str) -> Iterator[Key]:
    text = node.get("reference")
    if not isinstance(text, str):
        return
    target = local(text, address) or text
    if name == "patient" and not target.startswith("Patient/"):
        return
    yield Key(kind, name, None, target)
    yield Key(kind, name, None, target.rpartition("/")[2])


def criteria(resource_type: str, pairs: Sequence[tuple[str, str]], address: str) -> Criteria:
    """The keys of a search question. Raises: Refused (400) for parameters and modifiers the journal does not know."""
    known = parameters_of(resource_type)
    groups: list[tuple[Key, ...]] = []
    for written, text in pairs:
        name, _, modifier = written.partition(":")
        if name in CONTROLS:
            continue
        if name not in known or (modifier and (known[name] != "reference" or not modifier[:1].isupper())):
            raise Refused(
                400, Remark("not-supported", "a search parameter or modifier that this journal does not know")
            )
        alternatives = [part for part in re.split(r"(?<!\\),", text) if part]
        if not alternatives:
            raise Refused(400, Remark("value", "a search parameter without a value"))
        groups.append(tuple(_asked(resource_type, name, modifier, part, address) for part in alternatives))
    return tuple(groups)


def _asked(kind: str, name: str, modifier: str, text: str, address: str) -> Key:
    if name == "_id":
        return Key(kind, name, None, _plain(text))
    if name in REFERENCES:
        target = local(text, address) or _plain(text)
        return Key(kind, name, None, f"{modifier}/{target}" if modifier and "/" not in target else target)
    parts = re.split(r"(?<!\\)\|", text, maxsplit=1)
    if len(parts) == 1:
        return Key(kind, name, None, _plain(parts[0]))
    system, value = _plain(parts[0]), _plain(parts[1])
    if not system and not value:
        raise Refused(400, Remark("value", "a token with neither system nor value"))
    return Key(kind, name, system, value or None)


def _plain(text: str) -> str:
    """Search escapes taken off: `\\,` `\\|` `\\$` `\\\\`. FHIR R4, 3.1.1.4.0.1."""
    return re.sub(r"\\([,|$\\])", r"\1", text)
