"""The quick look: yes or no, by code written for the very elements that a value has.

Why: values of one mapping have few shapes (a shape is the elements of an object, in order). For a shape that comes
again, source is generated and executed once; unknown elements, required ones, choices and every rule that asks only
what is there are settled then, and what is left runs without a branch too many: unpack, look each value up among those
already seen, go on. The alternative, one function a type that asks for each possible element, was several times slower.
A shape met for the first times is looked at thoroughly by `walk`, so rare shapes are never compiled, and the number of
compiled ones is bounded. `source` shows what is run.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from engine.standards.fhir import Decimal
from engine.standards.fhir.primitives import CHECKS, SEEN, Check, is_decimal, looked_up
from engine.standards.fhir.r4 import Element, load
from engine.standards.fhir.rule import Json
from engine.standards.fhir.spec import Spec, pointed_type, present, spec, spec_of
from engine.standards.fhir.walk import Walk

Shape = tuple[str, ...]
Judge = Callable[[Json], bool]

_LEARN_AT = 3
"""A shape is compiled when it is met this often."""
_MOST_SHAPES = 512
"""Compiled shapes a spec; beyond that, values of new shapes are walked."""
_MOST_COUNTED = 4096
_RAISED = (TypeError, AttributeError, ValueError, KeyError, IndexError, ArithmeticError)


class Shapes:
    """The compiled shapes of one spec. `known` maps a shape to its judge."""

    def __init__(self, spec_: Spec) -> None:
        self.spec = spec_
        self.known: dict[Shape, Judge] = {}
        self._met: dict[Shape, int] = {}

    def unknown(self, value: Any) -> bool:
        """The judgement of a value whose shape is not compiled yet."""
        if type(value) is not dict:
            return False
        shape = tuple(value)
        if len(self.known) < _MOST_SHAPES:
            met = self._met[shape] = self._met.get(shape, 0) + 1
            if met >= _LEARN_AT:
                self._met.pop(shape, None)
                judge = compiled(self.spec, shape)
                if judge is not None:
                    self.known[shape] = judge
                    return judge(value)
            elif len(self._met) > _MOST_COUNTED:
                self._met.clear()
        walk = Walk()
        walk.complex(self.spec, value, "")
        return not walk.issues


_shapes: dict[str, Shapes] = {}
_resources: dict[str, Shapes] = {}


def shapes_of(spec_: Spec) -> Shapes:
    """The shapes of a spec, one object for as long as the process lives."""
    found = _shapes.get(spec_.name)
    return found if found is not None else _shapes.setdefault(spec_.name, Shapes(spec_))


def is_resource(value: Any) -> bool:
    """Whether a value is a valid resource, as far as the quick look can tell: False may also mean "ask `walk`"."""
    try:
        shapes = _resources.get(value["resourceType"])
        if shapes is None:
            name = value["resourceType"]
            if name not in load().resources:
                return False
            shapes = _resources[name] = shapes_of(spec(name))
        return (shapes.known.get(tuple(value)) or shapes.unknown)(value)
    except _RAISED:
        return False


def source(spec_: Spec, shape: Shape) -> str:
    """The generated code for one shape; empty for a shape that no valid value has, or that only `walk` looks at."""
    return _written(spec_, shape)[0]


def compiled(spec_: Spec, shape: Shape) -> Judge | None:
    """The judge of one shape, None where `source` is empty."""
    text, names = _written(spec_, shape)
    if not text:
        return None
    exec(compile(text, f"<{spec_.name} {len(shape)}>", "exec"), names)
    judge: Judge = names["judge"]
    return judge


def _written(spec_: Spec, shape: Shape) -> tuple[str, dict[str, Any]]:
    if not _fits(spec_, shape):
        return "", {}
    writer = _Writer(spec_, shape)
    return writer.text(), writer.names


def _fits(spec_: Spec, shape: Shape) -> bool:
    """Whether a value with just these elements can be valid. `_given` beside a list is left to `walk`."""
    elements = spec_.type.elements
    keys = set(shape)
    chosen: set[str] = set()
    for key in shape:
        if key == "resourceType" and spec_.is_resource:
            continue
        name = key[1:] if key[:1] == "_" else key
        element = elements.get(name)
        if element is None or (name != key and (element.many or element.type not in CHECKS)):
            return False
        if element.choice and (name == key or name not in keys):
            if element.choice in chosen:
                return False
            chosen.add(element.choice)
    if not keys - {"id"} and not spec_.is_resource:
        return False
    have = present(spec_, keys)
    return have.issuperset(spec_.required) and all(r.present is None or r.present(have) for r in spec_.rules)


class _Writer:
    """Writes the judge of one shape: its source, and the names the source refers to."""

    def __init__(self, spec_: Spec, shape: Shape) -> None:
        self.spec, self.shape = spec_, shape
        self.names: dict[str, Any] = {"Decimal": Decimal, "resource": is_resource}
        self._count = itertools.count()

    def text(self) -> str:
        lines = ["def judge(d):"]
        variables = [f"v{index}" for index in range(len(self.shape))]
        lines.append(f"    {', '.join(variables)}{',' if len(variables) == 1 else ''} = d.values()")
        for key, variable in zip(self.shape, variables, strict=True):
            lines.append(f"    # {key}")
            lines += ["    " + line for line in self._element(key, variable)]
        for rule in self.spec.rules:
            if rule.holds is not None and set(self.shape).issuperset(rule.needs) and rule.key != "target":
                lines.append(f"    # {rule.key}")
                lines.append(f"    if not {self._name('rule', rule.holds)}(d): return False")
        lines.append("    return True")
        return "\n".join(lines) + "\n"

    def _name(self, stem: str, value: Any) -> str:
        for name, known in self.names.items():
            if known is value:
                return name
        name = f"{stem}{next(self._count)}"
        self.names[name] = value
        return name

    def _element(self, key: str, variable: str) -> list[str]:
        if key == "resourceType" and self.spec.is_resource:
            return [f"if {variable} != {self.spec.type.name!r}: return False"]
        if key[:1] == "_":
            return [f"if not {self._object(spec('Element'), variable)}: return False"]
        element = self.spec.type.elements[key]
        if not element.many:
            return [f"if not {self._test(element, variable)}: return False"]
        each = f"    if not {self._test(element, 'x')}: return False"
        return [f"if type({variable}) is not list or not {variable}: return False", f"for x in {variable}:", each]

    def _test(self, element: Element, variable: str) -> str:
        """An expression, true for a right value of the element."""
        kind = element.type
        if kind in CHECKS:
            return self._primitive(element, variable)
        if kind in load().resources or kind in ("Resource", "DomainResource"):
            return f"resource({variable})"
        return self._object(spec_of(element), variable)

    def _object(self, spec_: Spec, variable: str) -> str:
        shapes = shapes_of(spec_)
        known, unknown = self._name("shapes", shapes.known.get), self._name("unknown", shapes.unknown)
        return f"({known}(tuple({variable})) or {unknown})({variable})"

    def _primitive(self, element: Element, variable: str) -> str:
        kind = element.type
        if self.spec.type.name == "Reference" and element.name == "reference":
            seen, reference = _reference(self.spec.targets)
            return self._looked_up(variable, "str", seen, self._name("reference", reference))
        check = self._name(kind, CHECKS[kind])
        if element.codes is not None:
            allowed = f"{variable} in {self._name('codes', element.codes)}"
            # A `Decimal` equals the text it is made of, so where a code looks like a number the type is asked too.
            numeric = any(is_decimal(Decimal(code)) for code in element.codes)
            return f"({allowed} and {check}({variable}))" if numeric else f"({allowed})"
        if kind == "boolean":
            return f"({variable} is True or {variable} is False)"
        if kind in SEEN:
            return self._looked_up(variable, "Decimal" if kind == "decimal" else "str", SEEN[kind], check)
        return f"{check}({variable})"

    def _looked_up(self, variable: str, json_type: str, seen: set[str], check: str) -> str:
        return f"(type({variable}) is {json_type} and {variable} in {self._name('seen', seen)} or {check}({variable}))"


_references: dict[str, Check] = {}


def _reference(targets: frozenset[str]) -> tuple[set[str], Check]:
    """What was seen, and the check of a literal reference to these types. A local one (`#a`) is left to `walk`."""
    kind = f"reference {' '.join(sorted(targets))}"
    if kind not in _references:
        is_string = CHECKS["string"]
        allowed = targets | {""}

        def fits(text: str) -> bool:
            if not is_string(text) or text[0] == "#":
                return False
            return not targets or pointed_type(text) in allowed

        _references[kind] = looked_up(kind, fits)
    return SEEN[kind], _references[kind]
