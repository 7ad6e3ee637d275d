"""Value sets written out: which codes of which systems a required binding allows.

Only what the published definitions themselves can enumerate is written out. A value set over a code system that lies
elsewhere (languages, mime types, UCUM) has no expansion here, and its binding is then not checked.
FHIR R4, ValueSet 4.9.8 (value set expansion).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Json = dict[str, Any]
Codes = dict[str, list[str]]
"""System to its codes, both in the order of publication."""


class ValueSets:
    """Expands value sets by their canonical address, out of bundles of CodeSystem and ValueSet."""

    def __init__(self, resources: Iterable[Json]) -> None:
        self._systems: dict[str, Json] = {}
        self._sets: dict[str, Json] = {}
        for resource in resources:
            kind = resource["resourceType"]
            if kind == "CodeSystem" and resource.get("content") == "complete":
                self._systems.setdefault(resource["url"], resource)
            elif kind == "ValueSet":
                self._sets.setdefault(resource["url"], resource)

    def expand(self, url: str) -> Codes | None:
        """The codes by system, None where they cannot be enumerated. The version after `|` is not looked at."""
        found = self._sets.get(url.partition("|")[0])
        if found is None or "compose" not in found:
            return None
        allowed: Codes = {}
        for include in found["compose"].get("include", []):
            part = self._include(include)
            if part is None:
                return None
            for system, codes in part.items():
                allowed[system] = list(dict.fromkeys([*allowed.get(system, []), *codes]))
        for exclude in found["compose"].get("exclude", []):
            part = self._include(exclude)
            if part is None:
                return None
            for system, codes in part.items():
                gone = set(codes)
                allowed[system] = [code for code in allowed.get(system, []) if code not in gone]
        return {system: codes for system, codes in allowed.items() if codes} or None

    def _include(self, include: Json) -> Codes | None:
        part: Codes | None = None
        if "system" in include:
            codes = self._codes(include)
            if codes is None:
                return None
            part = {include["system"]: codes}
        for url in include.get("valueSet", []):
            other = self.expand(url)
            if other is None:
                return None
            part = other if part is None else _both(part, other)
        return part

    def _codes(self, include: Json) -> list[str] | None:
        if "concept" in include:
            return [concept["code"] for concept in include["concept"]]
        system = self._systems.get(include["system"])
        if system is None:
            return None
        codes = _walk(system.get("concept", []))
        for rule in include.get("filter", []):
            if rule["op"] not in ("is-a", "descendent-of") or rule["property"] not in ("concept", "code"):
                return None
            below = _below(system.get("concept", []), rule["value"])
            if rule["op"] == "descendent-of":
                below.discard(rule["value"])
            codes = [code for code in codes if code in below]
        return codes


def _walk(concepts: list[Json]) -> list[str]:
    """All codes of a concept tree, abstract grouping codes left out."""
    codes: list[str] = []
    for concept in concepts:
        abstract = any(p["code"] == "notSelectable" and p.get("valueBoolean") for p in concept.get("property", []))
        if not abstract:
            codes.append(concept["code"])
        codes += _walk(concept.get("concept", []))
    return codes


def _below(concepts: list[Json], root: str) -> set[str]:
    """The code `root` and all under it: nested concepts, and those that name a parent by `subsumedBy`."""
    parents: dict[str, set[str]] = {}

    def note(children: list[Json], parent: str | None) -> None:
        for child in children:
            above = parents.setdefault(child["code"], set())
            if parent is not None:
                above.add(parent)
            above.update(p["valueCode"] for p in child.get("property", []) if p["code"] == "subsumedBy")
            note(child.get("concept", []), child["code"])

    note(concepts, None)
    found = {root}
    while True:
        more = {code for code, above in parents.items() if above & found} - found
        if not more:
            return found
        found |= more


def _both(left: Codes, right: Codes) -> Codes:
    return {s: [c for c in codes if c in set(right.get(s, []))] for s, codes in left.items() if s in right}
