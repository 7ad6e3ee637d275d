"""What a value at one place must be: its type, and the rules of the type and of the place together.

A place adds rules: a Reference that may point to some resources only, a CodeableConcept with a required binding, a
Quantity that is a SimpleQuantity. Such a place has a spec of its own, named `Reference~Patient Group`.
"""

from __future__ import annotations

import re
from collections.abc import Set
from dataclasses import dataclass
from functools import cache

from engine.standards.fhir import rules_bundle, rules_resources, rules_types
from engine.standards.fhir.r4 import Element, TypeDef, load
from engine.standards.fhir.rule import Json, Rule

_POINTED = re.compile(r"(?:.*/)?([A-Z][A-Za-z]+)/[A-Za-z0-9\-.]{1,64}(?:/_history/[A-Za-z0-9\-.]{1,64})?")
_RULES = {**rules_types.RULES, **rules_resources.RULES, **rules_bundle.RULES}
_NOT_COMPARED = ("comparator",)


@dataclass(frozen=True, slots=True, eq=False)
class Spec:
    """A type at a kind of place. `required` names elements, a required choice by its bare name."""

    name: str
    type: TypeDef
    rules: tuple[Rule, ...]
    required: tuple[str, ...]
    targets: frozenset[str]

    @property
    def is_resource(self) -> bool:
        return self.type.kind == "resource"


@cache
def spec(name: str) -> Spec:
    """The spec of a resource, type or backbone wherever it stands. Raises: KeyError."""
    return _make(name, name, (), frozenset())


@cache
def spec_of(element: Element) -> Spec:
    """The spec of a complex element at its place."""
    name = element.type
    if name == "Reference" and element.targets:
        targets = frozenset(element.targets)
        return _named(f"Reference~{' '.join(sorted(targets))}", name, (_may_point(targets),), targets)
    if name == "CodeableConcept" and element.codings is not None:
        return _named(f"CodeableConcept~{hash(element.codings)}", name, (_bound(element.codings),), frozenset())
    if name == "Quantity" and element.profile == "SimpleQuantity":
        return _named("Quantity~SimpleQuantity", name, (_SIMPLE,), frozenset())
    return spec(name)


_SIMPLE = Rule("sqt-1", "this quantity has no comparator", lambda have: have.isdisjoint(_NOT_COMPARED))
_variants: dict[str, Spec] = {}


def _named(name: str, type_name: str, rules: tuple[Rule, ...], targets: frozenset[str]) -> Spec:
    return _variants.setdefault(name, _make(name, type_name, rules, targets))


def _make(name: str, type_name: str, more: tuple[Rule, ...], targets: frozenset[str]) -> Spec:
    found = load().type(type_name)
    if found is None:
        raise KeyError(type_name)
    rules = [*_inherited(found), *more]
    required = dict.fromkeys(e.choice or e.name for e in found.elements.values() if e.minimum)
    return Spec(name, found, tuple(rules), tuple(required), targets)


def _inherited(type_: TypeDef) -> list[Rule]:
    rules: list[Rule] = []
    parent = load().type(type_.parent) if type_.parent else None
    if parent is not None:
        rules += _inherited(parent)
    if type_.name == "DomainResource":
        rules += rules_bundle.DOMAIN
    return rules + list(_RULES.get(type_.name, ()))


def pointed_type(reference: str) -> str:
    """The resource type that a literal reference names (`Patient/1`, also with a base in front), or empty."""
    if reference[:4] == "urn:":
        return ""
    match = _POINTED.fullmatch(reference)
    return match[1] if match is not None and match[1] in load().resources else ""


def _may_point(targets: frozenset[str]) -> Rule:
    allowed = targets | {""}
    return Rule(
        "target",
        f"the reference must point to {' or '.join(sorted(targets))}",
        holds=lambda value: pointed_type(value["reference"]) in allowed,
        needs=("reference",),
        code="fhir.target",
    )


def _bound(codings: frozenset[tuple[str, str]]) -> Rule:
    def holds(concept: Json) -> bool:
        return any((item.get("system"), item.get("code")) in codings for item in concept.get("coding", ()))

    return Rule("binding", "no coding is from the required value set", holds=holds, code="fhir.code")


def present(spec_: Spec, keys: Set[str]) -> frozenset[str]:
    """The element names that are there: with a value or an extension in its place, a choice also by its bare name."""
    elements = spec_.type.elements
    names = {key[1:] if key[:1] == "_" else key for key in keys}
    return frozenset(names | {elements[name].choice for name in names if name in elements and elements[name].choice})


def asked(spec_: Spec, rule: Rule, keys: Set[str]) -> bool:
    """Whether a rule looks at values, and all that it needs is there with a value, a choice by its bare name."""
    if rule.holds is None:
        return False
    elements = spec_.type.elements
    return not set(rule.needs) - keys - {elements[key].choice for key in keys if key in elements}
