"""What is known of names at a place of a generated function, and expressions folded with it."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_ABSENT = frozenset({"leaf", "formatted", "part", "subpart", "nth", "trim", "comparator"})
"""Functions that give "" of ""."""


@dataclass(slots=True)
class Pending:
    """An object or list under construction: what is in it so far."""

    listed: bool
    keys: list[ast.expr | None] = field(default_factory=list)
    values: list[ast.expr] = field(default_factory=list)

    def display(self) -> ast.expr:
        return ast.List(list(self.values), ast.Load()) if self.listed else ast.Dict(list(self.keys), list(self.values))

    def copy(self) -> Pending:
        return Pending(self.listed, list(self.keys), list(self.values))


THERE, PERHAPS = 1, 2
"""In a shape: there is text at this number; there may be some. 0: there is none."""

Fact = ast.expr | Pending | bool
"""A constant or a second name kept back, an object under construction, or True: there, and not empty."""


@dataclass(slots=True)
class Knowledge:
    """Facts by name; and which name holds what has been read before, with the names that rests on."""

    facts: dict[str, Fact] = field(default_factory=dict)
    reads: dict[str, tuple[str, frozenset[str]]] = field(default_factory=dict)

    def copy(self) -> Knowledge:
        facts = {name: fact.copy() if isinstance(fact, Pending) else fact for name, fact in self.facts.items()}
        return Knowledge(facts, dict(self.reads))

    def become(self, other: Knowledge) -> None:
        self.facts, self.reads = other.facts, other.reads

    def forget(self, name: str) -> None:
        self.facts.pop(name, None)
        if self.reads:
            self.reads = {key: read for key, read in self.reads.items() if name not in read[1]}

    def pending(self) -> frozenset[str]:
        return frozenset(name for name, fact in self.facts.items() if isinstance(fact, Pending))


def constant(value: str | bool | None) -> ast.Constant:
    return ast.Constant(value)


def is_empty(fact: Fact | None) -> bool:
    """Whether it is known to be there and empty."""
    if isinstance(fact, Pending):
        return not fact.values
    return isinstance(fact, ast.Constant) and not fact.value


def loads(node: ast.AST) -> frozenset[str]:
    """Names that are read in it."""
    found = getattr(node, "_loads", None)
    if found is None:
        found = frozenset(n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load))
        node._loads = found  # type: ignore[attr-defined]
    return found


def stores(node: ast.AST) -> frozenset[str]:
    """Names that are written in it; `+=` counts too."""
    return frozenset(n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))


def truth(value: ast.expr, known: Knowledge) -> bool | None:
    """Whether it holds; None where that is not known."""
    if isinstance(value, ast.Constant):
        return bool(value.value)
    if isinstance(value, ast.Tuple | ast.List):
        return bool(value.elts)
    if isinstance(value, ast.Dict):
        return bool(value.values)
    if isinstance(value, ast.Name):
        fact = known.facts.get(value.id)
        return True if fact is True else bool(fact.values) if isinstance(fact, Pending) else None
    if isinstance(value, ast.Subscript):
        # What is folded and still stands is a field or component that is there.
        return True if getattr(value, "there", False) else None
    return None


class Folding:
    """Expressions with what is known put in. `shapes`: by the name of a list of texts which of them are not empty."""

    def __init__(self, shapes: Mapping[str, bytes], tables: bool | None) -> None:
        self.shapes, self.tables = shapes, tables
        self.around: frozenset[str] = frozenset()

    def fold(self, value: ast.expr, known: Knowledge) -> ast.expr:
        """An expression of the same value and as little of it as may be."""
        if isinstance(value, ast.Name):
            fact = known.facts.get(value.id)
            if isinstance(fact, ast.expr) and isinstance(value.ctx, ast.Load):
                return fact
            return value
        if isinstance(value, ast.Constant):
            return value
        if isinstance(value, ast.Subscript):
            return self.subscript(value, known)
        if isinstance(value, ast.BoolOp):
            return self.both(value, known)
        if isinstance(value, ast.UnaryOp):
            inner = self.fold(value.operand, known)
            sure = truth(inner, known)
            return constant(not sure) if sure is not None else ast.UnaryOp(value.op, inner)
        if isinstance(value, ast.IfExp):
            test = self.fold(value.test, known)
            sure = truth(test, known)
            if sure is not None:
                return self.fold(value.body if sure else value.orelse, known)
            return ast.IfExp(test, self.fold(value.body, known), self.fold(value.orelse, known))
        if isinstance(value, ast.Compare):
            return self.compare(value, known)
        if isinstance(value, ast.Call):
            return self.call(value, known)
        if isinstance(value, ast.Attribute):
            if value.attr == "tables" and self.tables is not None:
                return constant(self.tables)
            return ast.Attribute(self.fold(value.value, known), value.attr, value.ctx)
        if isinstance(value, ast.Tuple | ast.List):
            return type(value)([self.fold(one, known) for one in value.elts], value.ctx)
        if isinstance(value, ast.ListComp):
            return self.comprehension(value, known)
        return self.other(value, known)

    def other(self, value: ast.expr, known: Knowledge) -> ast.expr:
        """Any other expression: its parts folded."""
        parts: dict[str, Any] = {}
        for name, part in ast.iter_fields(value):
            if isinstance(part, ast.expr):
                part = self.fold(part, known) if isinstance(getattr(part, "ctx", None), ast.Load | None) else part
            elif isinstance(part, list):
                part = [self.fold(one, known) if isinstance(one, ast.expr) else one for one in part]
            parts[name] = part
        made: ast.expr = type(value)(**parts)
        return made

    def subscript(self, value: ast.Subscript, known: Knowledge) -> ast.expr:
        if isinstance(value.value, ast.Name) and isinstance(value.slice, ast.Constant):
            shape = self.shapes.get(value.value.id)
            number = value.slice.value
            if shape is not None and isinstance(number, int):
                if number >= len(shape) or not shape[number]:
                    return constant("")
                value.there = shape[number] == THERE  # type: ignore[attr-defined]
                return value
            return value
        return ast.Subscript(self.fold(value.value, known), self.slice(value.slice, known), value.ctx)

    def slice(self, value: ast.expr, known: Knowledge) -> ast.expr:
        if isinstance(value, ast.Slice):
            lower, upper = (None if one is None else self.fold(one, known) for one in (value.lower, value.upper))
            return ast.Slice(lower, upper, None)
        return self.fold(value, known)

    def both(self, value: ast.BoolOp, known: Knowledge) -> ast.expr:
        """`and`, `or`: what decides nothing falls away, what decides all ends it."""
        ends = isinstance(value.op, ast.Or)
        kept: list[ast.expr] = []
        for number, operand in enumerate(value.values):
            one = self.fold(operand, known)
            sure = truth(one, known)
            if sure is None or number == len(value.values) - 1:
                kept.append(one)
            elif sure is ends:
                kept.append(one)
                break
        flat: list[ast.expr] = []
        for one in kept:
            flat += one.values if isinstance(one, ast.BoolOp) and type(one.op) is type(value.op) else [one]
        return flat[0] if len(flat) == 1 else ast.BoolOp(value.op, flat)

    def compare(self, value: ast.Compare, known: Knowledge) -> ast.expr:
        left, right = self.fold(value.left, known), self.fold(value.comparators[0], known)
        operator = value.ops[0]
        made = ast.Compare(left, [operator], [right])
        if isinstance(operator, ast.In | ast.NotIn):
            inside: bool | None = None
            if isinstance(right, ast.Constant) and right.value == "":
                inside = False
            elif isinstance(left, ast.Constant) and isinstance(right, ast.Set):
                inside = any(isinstance(one, ast.Constant) and one.value == left.value for one in right.elts)
            return made if inside is None else constant(inside is isinstance(operator, ast.In))
        if isinstance(left, ast.Constant) and isinstance(right, ast.Constant):
            if isinstance(operator, ast.Eq | ast.NotEq):
                return constant((left.value == right.value) is isinstance(operator, ast.Eq))
            if isinstance(operator, ast.Is | ast.IsNot):
                return constant((left.value is right.value) is isinstance(operator, ast.Is))
        return made

    def call(self, value: ast.Call, known: Knowledge) -> ast.expr:
        function = value.func
        if isinstance(function, ast.Attribute):
            function = ast.Attribute(self.fold(function.value, known), function.attr, function.ctx)
            if function.attr == "isalnum" and isinstance(function.value, ast.Constant):
                return constant(False) if function.value.value == "" else value
        arguments = [self.fold(one, known) for one in value.args]
        first = arguments[0] if arguments else None
        nothing = isinstance(first, ast.Constant) and first.value == ""
        if isinstance(function, ast.Name):
            if nothing and function.id in _ABSENT:
                return constant("")
            if nothing and function.id in ("has", "numeric"):
                return constant(False)
            if nothing and function.id == "repetitions":
                return ast.Tuple([], ast.Load())
            if function.id == "join" and isinstance(first, ast.Tuple):
                kept = [one for one in first.elts if not (isinstance(one, ast.Constant) and one.value == "")]
                if not kept:
                    return constant("")
                arguments[0] = ast.Tuple(kept, ast.Load())
        return ast.Call(function, arguments, value.keywords)

    def comprehension(self, value: ast.ListComp, known: Knowledge) -> ast.expr:
        first = value.generators[0]
        over = self.fold(first.iter, known)
        if isinstance(over, ast.Tuple | ast.List) and not over.elts:
            return ast.List([], ast.Load())
        written = stores(value)
        inner = known.copy()
        for name in written:
            inner.facts.pop(name, None)
        generator = ast.comprehension(first.target, over, [self.fold(one, inner) for one in first.ifs], 0)
        return ast.ListComp(self.fold(value.elt, inner), [generator])
