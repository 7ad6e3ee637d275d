"""The thorough look: every fault of a resource, each with its place.

Used when the quick look said no, or met elements in a combination it has not learnt. It interprets the table, stops at
nothing, and never puts a value into an issue.
"""

from __future__ import annotations

from typing import Any

from engine.message import Issue, Severity
from engine.standards.fhir.primitives import CHECKS, right_json_type
from engine.standards.fhir.r4 import Element, load
from engine.standards.fhir.rule import Json
from engine.standards.fhir.spec import Spec, asked, present, spec, spec_of

_NAME = 64
_BROKEN = (TypeError, AttributeError, KeyError, ValueError, IndexError, ArithmeticError)
"""What a rule may raise on a value whose form is wrong, which is then reported for its form."""


class Walk:
    """One walk through one resource. `contained` are the ids that a local reference may point to."""

    def __init__(self) -> None:
        self.issues: list[Issue] = []
        self._contained: frozenset[str] = frozenset()

    def report(self, code: str, text: str, place: str, hint: str = "") -> None:
        self.issues.append(Issue(Severity.ERROR, code, text, place, hint=hint))

    def resource(self, value: Any, place: str) -> None:
        """Any resource; `place` is where it stands, empty at the top."""
        if not isinstance(value, dict):
            self.report("fhir.json_type", "a resource is an object", place)
            return
        name = value.get("resourceType")
        if not isinstance(name, str) or name not in load().resources:
            hint = load().suggest(name, load().resources) if isinstance(name, str) else ""
            self.report("fhir.resource_type", "resourceType names no R4 resource", place, hint)
            return
        inner = isinstance(value.get("contained"), list)
        outer = self._contained
        if inner:
            ids = [one.get("id") for one in value["contained"] if isinstance(one, dict)]
            self._contained = frozenset(text for text in ids if isinstance(text, str))
        elif not place or ".contained[" not in place:
            self._contained = frozenset()
        self.complex(spec(name), value, f"{place}.{name}" if place else name)
        self._contained = outer

    def complex(self, spec_: Spec, value: Any, place: str) -> None:
        """An object of a complex type, a backbone or a resource of known type."""
        if not isinstance(value, dict):
            self.report("fhir.cardinality" if isinstance(value, list) else "fhir.json_type", "an object is due", place)
            return
        elements = spec_.type.elements
        if not value or (not spec_.is_resource and value.keys() <= {"id"}):
            self.report("fhir.empty", "an object without content", place)
            return
        for key, found in value.items():
            if not isinstance(key, str):
                self.report("fhir.json_type", "a name that is no text", place)
            elif key in elements:
                self._element(elements[key], found, value.get("_" + key), f"{place}.{key}")
            elif key[:1] == "_" and key[1:] in elements and elements[key[1:]].type in CHECKS:
                self._extensions(elements[key[1:]], found, key[1:] in value, f"{place}.{key}")
            elif not (key == "resourceType" and spec_.is_resource):
                self._unknown(spec_, key, place)
        self._required(spec_, value, place)
        self._rules(spec_, value, place)

    def _unknown(self, spec_: Spec, key: str, place: str) -> None:
        plain = len(key) <= _NAME and key.isidentifier()
        hint = load().suggest(key, spec_.type.elements)
        self.report("fhir.unknown_element", "no such element here", f"{place}.{key}" if plain else place, hint)

    def _required(self, spec_: Spec, value: Json, place: str) -> None:
        keys = [key for key in value if isinstance(key, str)]
        have = present(spec_, set(keys))
        for name in spec_.required:
            if name not in have:
                self.report("fhir.required", "a required element is missing", f"{place}.{name}")
        elements = spec_.type.elements
        chosen: dict[str, set[str]] = {}
        for key in keys:
            name = key[1:] if key[:1] == "_" else key
            if name in elements and elements[name].choice:
                chosen.setdefault(elements[name].choice, set()).add(name)
        for choice, names in chosen.items():
            if len(names) > 1:
                self.report("fhir.choice", "only one of a choice may be there", f"{place}.{choice}[x]")

    def _rules(self, spec_: Spec, value: Json, place: str) -> None:
        keys = frozenset(key for key in value if isinstance(key, str))
        have = present(spec_, keys)
        for rule in spec_.rules:
            if rule.present is not None and not rule.present(have):
                self.report(rule.code, f"{rule.key}: {rule.text}", place)
            if rule.holds is None or not asked(spec_, rule, keys):
                continue
            try:
                if not rule.holds(value):
                    self.report(rule.code, f"{rule.key}: {rule.text}", place)
            except _BROKEN:
                continue
        if spec_.type.name == "Reference" and not self._resolves(value.get("reference")):
            self.report("fhir.invariant", "ref-1: no contained resource has this id", place)

    def _resolves(self, reference: Any) -> bool:
        """Whether a local reference (`#id`, `#` for the container) has its resource; true of any other."""
        if not isinstance(reference, str) or reference[:1] != "#" or reference == "#":
            return True
        return reference[1:] in self._contained

    def _element(self, element: Element, value: Any, beside: Any, place: str) -> None:
        if not element.many:
            self._one(element, value, place)
            return
        if not isinstance(value, list):
            self.report("fhir.cardinality", "a list is due", place)
            return
        if not value:
            self.report("fhir.empty", "an empty list", place)
        for index, item in enumerate(value):
            if item is None and isinstance(beside, list) and index < len(beside) and beside[index] is not None:
                continue
            self._one(element, item, f"{place}[{index}]")

    def _one(self, element: Element, value: Any, place: str) -> None:
        kind = element.type
        if value is None:
            self.report("fhir.null", "null is no value", place)
        elif kind in CHECKS:
            self._primitive(element, value, place)
        elif kind in load().resources or kind in ("Resource", "DomainResource"):
            self.resource(value, place)
        else:
            self.complex(spec_of(element), value, place)

    def _primitive(self, element: Element, value: Any, place: str) -> None:
        kind = element.type
        if isinstance(value, (list, dict)):
            self.report("fhir.cardinality" if isinstance(value, list) else "fhir.json_type", f"a {kind} is due", place)
        elif not CHECKS[kind](value):
            if not right_json_type(kind, value):
                self.report("fhir.json_type", f"not the JSON type of a {kind}", place)
            elif isinstance(value, str) and not value.strip():
                self.report("fhir.empty", "an empty text", place)
            else:
                self.report("fhir.lexical", f"not the form of a {kind}", place)
        elif element.codes is not None and value not in element.codes:
            self.report("fhir.code", "a code outside the required value set", place)

    def _extensions(self, element: Element, value: Any, has_value: bool, place: str) -> None:
        """What stands beside a primitive, in `_name`: id and extensions of its value, or of each of its values."""
        if not element.many:
            self.complex(spec("Element"), value, place)
            return
        if not isinstance(value, list):
            self.report("fhir.cardinality", "a list is due", place)
            return
        if not any(item is not None for item in value):
            self.report("fhir.empty", "a list without content", place)
        for index, item in enumerate(value):
            if item is not None:
                self.complex(spec("Element"), item, f"{place}[{index}]")
            elif not has_value:
                self.report("fhir.null", "null without a value beside it", f"{place}[{index}]")


def walk(resource: Any) -> list[Issue]:
    """Every fault of a resource, in the order of its elements."""
    found = Walk()
    found.resource(resource, "")
    return found.issues
