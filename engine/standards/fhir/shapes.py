"""The quick look: yes or no, by code written for the very elements that a value has.

Why: values of one mapping have few shapes (a shape is the elements of an object, in order). For a shape that comes
again, source is generated and executed once; unknown elements, required ones, choices and every rule that asks only
what is there are settled then, and what is left runs without a branch too many: unpack, look each value up among those
already seen, go on. The alternative, one function a type that asks for each possible element, was several times slower.
A shape met for the first times is looked at thoroughly by `walk`, so rare shapes are never compiled, and the number of
compiled ones is bounded. `source` shows what is run.
"""

from __future__ import annotations

from typing import Any

from engine.standards.fhir.quick import Find, Judge, Judges, Resources, Shape, Writer, fits
from engine.standards.fhir.r4 import load
from engine.standards.fhir.rule import Json
from engine.standards.fhir.shared import Judged
from engine.standards.fhir.spec import Spec, spec
from engine.standards.fhir.walk import Walk

_LEARN_AT = 3
"""A shape is compiled when it is met this often."""
_MOST_SHAPES = 512
"""Compiled shapes a spec; beyond that, values of new shapes are walked."""
_MOST_COUNTED = 4096
_AT_ONCE = 600
"""Lines of code compiled for one resource, a few more at most: new mappings must not make a message wait."""
_RAISED = (TypeError, AttributeError, ValueError, KeyError, IndexError, ArithmeticError)


class Shapes:
    """The compiled shapes of one spec. `known` maps a shape to its judge."""

    def __init__(self, spec_: Spec) -> None:
        self.spec = spec_
        self.known: dict[Shape, Judge] = {}
        self.judges = Judges(self.known.get, self.unknown, Judged(self._one), Judged(self._many))
        self._met: dict[Shape, int] = {}

    def unknown(self, value: Any) -> bool:
        """The judgement of a value whose shape is not compiled yet."""
        if type(value) is not dict:
            return False
        shape = tuple(value)
        if len(self.known) < _MOST_SHAPES:
            met = self._met[shape] = self._met.get(shape, 0) + 1
            if met >= _LEARN_AT and _turn.lines < _AT_ONCE:
                self._met.pop(shape, None)
                judge = compiled(self.spec, shape, value)
                if judge is not None:
                    self.known[shape] = judge
                    return judge(value)
            elif len(self._met) > _MOST_COUNTED:
                self._met.clear()
        walk = Walk()
        walk.complex(self.spec, value, "")
        return not walk.issues

    def _one(self, value: Any) -> bool:
        """An object of any shape."""
        return (self.known.get(tuple(value)) or self.unknown)(value)

    def _many(self, values: Any) -> bool:
        """A list of such."""
        return type(values) is list and bool(values) and all(map(self._one, values))


class _Turn:
    """How many lines were compiled for the resource being looked at."""

    lines = 0


_turn = _Turn()
_shapes: dict[str, Shapes] = {}


class _OfType(dict[str, Find]):
    """What finds the judge of a shape of a resource, by its type. Raises: KeyError for what is no type."""

    def __missing__(self, name: str) -> Find:
        if name not in load().resources:
            raise KeyError(name)
        found = self[name] = shapes_of(spec(name)).known.get
        return found


_resources = _OfType()


def shapes_of(spec_: Spec) -> Shapes:
    """The shapes of a spec, one object for as long as the process lives."""
    found = _shapes.get(spec_.name)
    return found if found is not None else _shapes.setdefault(spec_.name, Shapes(spec_))


def is_resource(value: Any) -> bool:
    """Whether a value is a valid resource, as far as the quick look can tell: False may also mean "ask `walk`"."""
    try:
        known = _resources[value["resourceType"]](tuple(value))
        return (known or shapes_of(spec(value["resourceType"])).unknown)(value)
    except _RAISED:
        return False


def looks_right(resource: Any) -> bool:
    """`is_resource` for a whole resource, with a new allowance of code to compile."""
    _turn.lines = 0
    try:
        return is_resource(resource)
    finally:
        _turn.lines = 0


def source(spec_: Spec, shape: Shape, like: Json | None = None) -> str:
    """The generated code for one shape, nested objects as in `like`.

    Empty for a shape that no valid value has, or that only `walk` looks at.
    """
    return _written(spec_, shape, like)[0]


def compiled(spec_: Spec, shape: Shape, like: Json | None = None) -> Judge | None:
    """The judge of one shape, None where `source` is empty."""
    text, names = _written(spec_, shape, like)
    if not text:
        return None
    _turn.lines += text.count("\n")
    exec(compile(text, f"<{spec_.name} {len(shape)}>", "exec"), names)
    judge: Judge = names["judge"]
    return judge


def _written(spec_: Spec, shape: Shape, like: Json | None) -> tuple[str, dict[str, Any]]:
    if not fits(spec_, shape):
        return "", {}
    writer = Writer(spec_, shape, like, _judges, Resources(_resources, is_resource))
    return writer.text(), writer.names


def _judges(spec_: Spec) -> Judges:
    return shapes_of(spec_).judges
