"""The source of a judge: code that says yes or no of values with the very elements of one shape.

A nested object is judged in place if it has the elements of one in the value that made the shape worth compiling; one
with other elements is given to the judges of its own spec. So the usual value costs no call, and no other is refused
or let through for being unusual. Where that value had an object that other messages have too (`shared`), the judge
asks first whether it is the very one that was found right before.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from engine.standards.fhir import Decimal
from engine.standards.fhir.primitives import (
    CHECKS,
    IDS,
    PERSONAL,
    QUICK,
    REMEMBERING,
    SEEN,
    Check,
    is_decimal,
    whole_day,
)
from engine.standards.fhir.r4 import Element, load
from engine.standards.fhir.rule import Json
from engine.standards.fhir.shared import Judged, is_shared
from engine.standards.fhir.spec import Spec, asked, pointed_type, present, spec, spec_of

Shape = tuple[str, ...]
Judge = Callable[[Json], bool]
Find = Callable[[Shape], Judge | None]
"""What finds the judge of a shape."""


class Judges(NamedTuple):
    """The judges of one spec: by shape, of a shape that has none, of a shared object, of a shared list of such."""

    of_shape: Find
    unknown: Judge
    one: Judged
    many: Judged


class Resources(NamedTuple):
    """The judges of resources: of a shape, by type, and of any."""

    of_type: Mapping[str, Find]
    any: Judge


JudgesOf = Callable[[Spec], Judges]

_DEEPEST = 12
"""Levels of indentation; deeper, no more objects in place."""
_LONGEST = 400
"""Lines of a judge; beyond that, no more objects in place."""
_MOST = 3
"""Shapes in place of one element."""
_LETTERS = "abcdefghijklmnop"
"""Names of elements of an object judged in place; one with more is not."""
_FOLDED = frozenset({"target", "bdl-8"})
"""Rules of one element alone, which are asked with its form."""


def fits(spec_: Spec, shape: Shape) -> bool:
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


class Writer:
    """Writes the judge of one shape: its source, and the names the source refers to.

    `like` is a value of that shape, or None; only the names of its elements are looked at.
    """

    def __init__(self, spec_: Spec, shape: Shape, like: Json | None, judges: JudgesOf, resources: Resources) -> None:
        self.spec, self.shape, self.judges = spec_, shape, judges
        self.likes = [] if like is None else [like]
        self.names: dict[str, Any] = {"Decimal": Decimal, "resource": resources.any, "of_type": resources.of_type}
        self._count = itertools.count()
        self._lines: list[str] = []

    def text(self) -> str:
        variables = [f"v{index}" for index in range(len(self.shape))]
        self._line(0, "def judge(d):")
        self._line(1, f"{', '.join(variables)}{',' if len(variables) == 1 else ''} = d.values()")
        self._content(self.spec, dict(zip(self.shape, variables, strict=True)), "d", self.likes, 1)
        self._line(1, "return True")
        return "\n".join(self._lines) + "\n"

    def _line(self, level: int, text: str) -> None:
        self._lines.append("    " * level + text)

    def _refuse(self, level: int, right: str) -> None:
        self._line(level, f"if not {right}: return False")

    def _name(self, stem: str, value: Any) -> str:
        for name, known in self.names.items():
            if known is value:
                return name
        name = f"{stem}{next(self._count)}"
        self.names[name] = value
        return name

    def _content(self, spec_: Spec, variables: dict[str, str], whole: str, likes: list[Json], level: int) -> None:
        """Every element of an object, then the rules of its spec."""
        for key, variable in variables.items():
            self._line(level, f"# {key}")
            self._element(spec_, key, variable, [like[key] for like in likes], level)
        rules = [rule for rule in spec_.rules if rule.key not in _FOLDED and asked(spec_, rule, variables.keys())]
        for settled, together in itertools.groupby(rules, lambda rule: rule.settled):
            if settled is not None:
                self._line(level, f"if not {self._name('settled', settled)}({whole}):")
            for rule in together:
                self._line(level + (settled is not None), f"# {rule.key}")
                self._refuse(level + (settled is not None), f"{self._name('rule', rule.holds)}({whole})")

    def _element(self, spec_: Spec, key: str, variable: str, likes: list[Any], level: int) -> None:
        if key == "resourceType" and spec_.is_resource:
            self._line(level, f"if {variable} != {spec_.type.name!r}: return False")
            return
        if key[:1] == "_":
            self._refuse(level, self._object(spec("Element"), variable))
            return
        element = spec_.type.elements[key]
        kind = element.type
        if kind not in CHECKS and any(is_shared(like) for like in likes):
            judges = self.judges(spec_of(element))
            self._same(variable, judges.many if element.many else judges.one, level)
            return
        if element.many:
            self._line(level, f"if type({variable}) is not list or not {variable}: return False")
            item = f"{variable}_"
            self._line(level, f"for {item} in {variable}:")
            variable, level = item, level + 1
            likes = [one for like in likes if type(like) is list for one in like]
        if kind in CHECKS:
            self._refuse(level, self._primitive(spec_, element, variable))
        elif kind in load().resources or kind in ("Resource", "DomainResource"):
            self._refuse(level, f"(of_type[{variable}['resourceType']](tuple({variable})) or resource)({variable})")
        elif any(is_shared(like) for like in likes):
            self._same(variable, self.judges(spec_of(element)).one, level)
        else:
            self._complex(spec_of(element), variable, likes, level)

    def _same(self, variable: str, judged: Judged, level: int) -> None:
        """An object or a list that is the very same in other messages: most often one that was found right before."""
        ones, right = self._name("ones", judged.right_ones), self._name("right", judged.right)
        self._line(level, f"if id({variable}) not in {ones} and not {right}({variable}): return False")

    def _complex(self, spec_: Spec, variable: str, likes: list[Any], level: int) -> None:
        """An object of a complex type: in place where it is like one that was seen, else by its spec's judges."""
        elsewhere = self._object(spec_, variable)
        branch = "if"
        for shape in self._shapes(spec_, likes) if level <= _DEEPEST else ():
            same = [like for like in likes if type(like) is dict and tuple(like) == shape]
            parts = {key: f"{variable}{letter}" for key, letter in zip(shape, _LETTERS, strict=False)}
            self._line(level, f"{branch} len({variable}) == {len(parts)}:")
            self._line(level + 1, "try: " + "; ".join(f"{part} = {variable}[{key!r}]" for key, part in parts.items()))
            self._line(level + 1, "except KeyError:")
            self._refuse(level + 2, elsewhere)
            self._line(level + 1, "else:")
            self._content(spec_, parts, variable, same, level + 2)
            branch = "elif"
        self._line(level, f"{branch} not {elsewhere}: return False")

    def _shapes(self, spec_: Spec, likes: list[Any]) -> list[Shape]:
        """The shapes worth their code: of different length, since the length tells them apart."""
        shapes: dict[int, Shape] = {}
        for like in likes:
            if len(shapes) == _MOST or len(self._lines) > _LONGEST:
                break
            if type(like) is not dict or len(like) in shapes or len(like) > len(_LETTERS):
                continue
            if all(type(key) is str for key in like) and fits(spec_, tuple(like)):
                shapes[len(like)] = tuple(like)
        return list(shapes.values())

    def _object(self, spec_: Spec, variable: str) -> str:
        judges = self.judges(spec_)
        known, unknown = self._name("shapes", judges.of_shape), self._name("unknown", judges.unknown)
        return f"({known}(tuple({variable})) or {unknown})({variable})"

    def _primitive(self, spec_: Spec, element: Element, variable: str) -> str:
        """An expression, true for a right value of the element."""
        kind = element.type
        if spec_.type.name == "Reference" and element.name == "reference":
            return self._quickly(variable, "reference", "urn", self._name("reference", _reference(spec_.targets)))
        check = self._name(kind, CHECKS[kind])
        if element.codes is not None:
            allowed = f"{variable} in {self._name('codes', element.codes)}"
            # A `Decimal` equals the text it is made of, so where a code looks like a number the type is asked too.
            numeric = any(is_decimal(Decimal(code)) for code in element.codes)
            return f"({allowed} and {check}({variable}))" if numeric else f"({allowed})"
        if kind == "boolean":
            return f"({variable} is True or {variable} is False)"
        if kind == "decimal":
            return self._looked_up(variable, "Decimal", SEEN[kind], check)
        if kind not in REMEMBERING or kind == "base64Binary":
            return f"{check}({variable})"
        if kind == "id":
            return self._quickly(variable, "id", "id", check)
        if spec_.type.name in ("Bundle.entry", "Bundle.entry.request") and element.name in ("fullUrl", "url"):
            check = self._name("fullUrl", _full_url) if element.name == "fullUrl" else check
            return self._quickly(variable, element.name, "urn" if element.name == "fullUrl" else "url", check)
        in_bundle = spec_.type.name.startswith("Bundle")
        if in_bundle or (spec_.type.name in PERSONAL and kind in ("string", "markdown", "date", "xhtml")):
            return self._quickly(variable, kind, "", check) if kind in QUICK else f"{check}({variable})"
        return self._looked_up(variable, "str", SEEN[kind], self._name(kind, REMEMBERING[kind]))

    def _quickly(self, variable: str, kind: str, ids: str, check: str) -> str:
        seen = IDS.get(ids, set())
        names = {"seen": self._name("ids", seen), "add": self._name("add", seen.add)} if ids else {}
        if kind == "date":
            names["day"] = self._name("day", whole_day)
        return f"(type({variable}) is str and {QUICK[kind].format(v=variable, **names)} or {check}({variable}))"

    def _looked_up(self, variable: str, json_type: str, seen: set[str], check: str) -> str:
        return f"(type({variable}) is {json_type} and {variable} in {self._name('seen', seen)} or {check}({variable}))"


def _full_url(value: Any) -> bool:
    """The check of an entry's `fullUrl`, bdl-8 included."""
    return CHECKS["uri"](value) and "/_history/" not in value


_references: dict[frozenset[str], Check] = {}


def _reference(targets: frozenset[str]) -> Check:
    """The check of a literal reference to these types. A local one (`#a`) is left to `walk`."""
    is_string = CHECKS["string"]
    allowed = targets | {""}

    def right(text: Any) -> bool:
        return is_string(text) and text[0] != "#" and (not targets or pointed_type(text) in allowed)

    return _references.setdefault(targets, right)
