"""The R4 table: every resource and type with its elements, read from the committed file when first asked for.

The whole file is parsed at once (a few milliseconds); a `TypeDef` is built when its name is first asked for.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, cast

import orjson

Kind = Literal["resource", "complex", "primitive"]
TABLE = Path(__file__).parent / "generated" / "r4.json"


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a type, as it is called in JSON.

    A choice is expanded: `value[x]` gives `valueQuantity`, `valueString` ... each with one type and `choice` "value";
    `minimum` 1 then means that one of the choice must be there, not this one.
    `types` of a backbone is its path (`Patient.contact`), also where another element's content is meant.
    `codes`: what a required binding allows, None where there is none or it cannot be enumerated; `codings`: the same
    as (system, code), which is what counts for Coding and CodeableConcept. `targets`: resource names a Reference may
    point to, empty for any. `profile`: `SimpleQuantity` and the like.
    """

    name: str
    types: tuple[str, ...]
    minimum: int
    many: bool
    choice: str = ""
    codes: frozenset[str] | None = None
    codings: frozenset[tuple[str, str]] | None = None
    targets: tuple[str, ...] = ()
    invariants: tuple[str, ...] = ()
    profile: str = ""

    @property
    def type(self) -> str:
        """The one type; every expanded element has exactly one."""
        return self.types[0]


@dataclass(frozen=True, slots=True)
class TypeDef:
    """A resource, a complex type, a backbone (by path) or a primitive, with inherited elements first.

    `invariants` are the keys of the rules that make an instance wrong; `pattern` is a primitive's published expression.
    """

    name: str
    kind: Kind
    parent: str
    abstract: bool
    elements: dict[str, Element]
    invariants: tuple[str, ...]
    pattern: str = ""

    @property
    def choices(self) -> frozenset[str]:
        return frozenset(element.choice for element in self.elements.values() if element.choice)


class R4:
    """FHIR R4 (4.0.1) as a table. Get it by `load()`."""

    def __init__(self, table: dict[str, Any]) -> None:
        self.version: str = table["version"]
        self._rows: dict[str, dict[str, Any]] = table["types"]
        self._codes: dict[str, dict[str, list[str]]] = table["codes"]
        self._search: dict[str, dict[str, str]] = table["search"]
        self._types: dict[str, TypeDef] = {}
        self._bindings: dict[str, tuple[frozenset[str], frozenset[tuple[str, str]]]] = {}
        self.resources: frozenset[str] = frozenset(
            name for name, row in self._rows.items() if row["kind"] == "resource" and not row.get("abstract")
        )

    @property
    def names(self) -> Iterable[str]:
        """Every name that `type` knows."""
        return self._rows.keys()

    def type(self, name: str) -> TypeDef | None:
        """`Patient`, `HumanName`, `decimal`, or a backbone by its path, `Patient.contact`."""
        found = self._types.get(name)
        if found is None and name in self._rows:
            found = self._types[name] = self._build(name)
        return found

    def search(self, resource: str) -> dict[str, str]:
        """Search parameters of a resource and their types, those of every resource included."""
        known = self._search
        return {**known.get("Resource", {}), **known.get("DomainResource", {}), **known.get(resource, {})}

    def suggest(self, name: str, among: Iterable[str]) -> str:
        """The nearest of `among`, for "did you mean"; empty when nothing is near."""
        candidates = list(among)
        lower = {candidate.lower(): candidate for candidate in candidates}
        if name.lower() in lower:
            return lower[name.lower()]
        near = difflib.get_close_matches(name, candidates, n=1, cutoff=0.6)
        return near[0] if near else ""

    def _build(self, name: str) -> TypeDef:
        row = self._rows[name]
        parent: str = row["base"]
        elements: dict[str, Element] = {}
        invariants: list[str] = []
        if parent and row["kind"] != "primitive" and (inherited := self.type(parent)) is not None:
            elements.update(inherited.elements)
            invariants += inherited.invariants
        for described in row["elements"]:
            elements.update((element.name, element) for element in self._elements(described))
        invariants += [key for key in row.get("invariants", ()) if key not in invariants]
        return TypeDef(
            name=name,
            kind=cast(Kind, row["kind"]),
            parent=parent,
            abstract=bool(row.get("abstract")),
            elements=elements,
            invariants=tuple(invariants),
            pattern=row.get("regex", ""),
        )

    def _elements(self, row: list[Any]) -> Iterable[Element]:
        name, minimum, many, types, choice, url, targets, keys, profile = row + [""] * (9 - len(row))
        codes, codings = self._binding(url)
        for kind in types.split():
            yield Element(
                name=name + kind[:1].upper() + kind[1:] if choice else name,
                types=(kind,),
                minimum=minimum,
                many=bool(many),
                choice=choice,
                codes=codes if kind in _CODED else None,
                codings=codings if kind in _CODED else None,
                targets=tuple(targets.split()) if kind == "Reference" else (),
                invariants=tuple(keys.split()),
                profile=profile if kind == "Quantity" else "",
            )

    def _binding(self, url: str) -> tuple[frozenset[str] | None, frozenset[tuple[str, str]] | None]:
        if url not in self._codes:
            return None, None
        if url not in self._bindings:
            pairs = frozenset((system, code) for system, codes in self._codes[url].items() for code in codes)
            self._bindings[url] = frozenset(code for _, code in pairs), pairs
        return self._bindings[url]


_CODED = frozenset({"code", "Coding", "CodeableConcept", "Quantity", "string", "uri"})


@cache
def load() -> R4:
    """The table, read once in a process."""
    return R4(orjson.loads(TABLE.read_bytes()))
