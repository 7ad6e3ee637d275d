"""What can be known of a channel's conditions without a message: the names they use, and when they cannot hold.

Only comparisons of one operand with text are understood (`=`, `!=`, `in`, `not in` under `and`, `or`, `not`);
everything else counts as "may be anything", so that what is found is certain.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass

from engine import expression as tree
from engine.expression import Expression, Where
from engine.expression.parser import parse
from engine.yamlfile import YamlNode, YamlScalar


@dataclass(frozen=True, slots=True)
class Values:
    """A set of texts, or with `rest` every text but these."""

    texts: frozenset[str] = frozenset()
    rest: bool = False

    @property
    def none(self) -> bool:
        return not self.rest and not self.texts

    @property
    def all(self) -> bool:
        return self.rest and not self.texts

    def complement(self) -> Values:
        return Values(self.texts, not self.rest)

    def both(self, other: Values) -> Values:
        """In this and in the other."""
        if self.rest and other.rest:
            return Values(self.texts | other.texts, True)
        if self.rest or other.rest:
            kept, without = (other, self) if self.rest else (self, other)
            return Values(kept.texts - without.texts)
        return Values(self.texts & other.texts)

    def either(self, other: Values) -> Values:
        """In this or in the other."""
        return self.complement().both(other.complement()).complement()


@dataclass(frozen=True, slots=True)
class Demand:
    """What a condition demands of each operand. `exact`: it demands nothing else."""

    of: Mapping[str, Values] = field(default_factory=dict)
    exact: bool = False

    @property
    def never(self) -> bool:
        """It can hold for no message."""
        return any(values.none for values in self.of.values())

    @property
    def always(self) -> bool:
        """It holds for every message."""
        return self.exact and all(values.all for values in self.of.values())

    def excludes(self, other: Demand) -> bool:
        """No message can meet both."""
        return any(values.both(other.of[name]).none for name, values in self.of.items() if name in other.of)


@dataclass(frozen=True, slots=True)
class Used:
    """A name or path in a condition: `event`, `MSH-9`; `column` counts from 1 in its text."""

    name: str
    column: int
    declared: bool
    """True for a name that must be a declared field, False for a path into the message."""


def parsed(text: str, node: YamlNode, file: str) -> Expression:
    """A condition or path as written at `node`. Raises: ConfigError with its place (X100 to X104)."""
    return parse(text, Where(file, node.line, column_in(node, 1)))


def column_in(node: YamlNode, column: int) -> int:
    """The column in the file of a column, from 1, in a scalar's text."""
    quoted = isinstance(node, YamlScalar) and node.style in {"single", "double"}
    return node.column + column - 1 + (1 if quoted else 0)


def used(expression: Expression) -> Iterator[Used]:
    """Every name and path that a condition reads, in order."""
    if isinstance(expression, tree.Path):
        first = expression.steps[0]
        declared = len(expression.steps) == 1 and not first.field and bool(re.match(r"[a-z]", first.name))
        yield Used(first.name + (f"-{first.field}" if first.field else ""), expression.column, declared)
    elif is_dataclass(expression):
        for part in fields(expression):
            value = getattr(expression, part.name)
            for inner in value if isinstance(value, tuple) else (value,):
                if is_dataclass(inner) and not isinstance(inner, type):
                    yield from used(inner)  # type: ignore[arg-type]


def demand(expression: Expression) -> Demand:
    """What must be true of single operands for the condition to hold."""
    if isinstance(expression, tree.Compare) and isinstance(expression.right, tree.Literal):
        values = Values(frozenset({expression.right.text}), not expression.equal)
        return Demand({_key(expression.left): values}, True)
    if isinstance(expression, tree.In):
        return Demand({_key(expression.item): Values(frozenset(expression.values), expression.negated)}, True)
    if isinstance(expression, tree.Not):
        return _negated(demand(expression.operand))
    if isinstance(expression, tree.And):
        left, right = demand(expression.left), demand(expression.right)
        shared = {name: left.of[name].both(right.of[name]) for name in left.of if name in right.of}
        return Demand({**left.of, **right.of, **shared}, left.exact and right.exact)
    if isinstance(expression, tree.Or):
        left, right = demand(expression.left), demand(expression.right)
        if left.never or right.never:
            return right if left.never else left
        shared = {name: left.of[name].either(right.of[name]) for name in left.of if name in right.of}
        single = left.exact and right.exact and set(left.of) == set(right.of) and len(left.of) == 1
        return Demand(shared, single)
    return Demand()


def _negated(inner: Demand) -> Demand:
    if not inner.exact or len(inner.of) != 1:
        return Demand()
    return Demand({name: values.complement() for name, values in inner.of.items()}, True)


def _key(operand: Expression) -> str:
    """One text for one operand, wherever it stands."""
    return re.sub(r"column=\d+, ", "", repr(operand))
