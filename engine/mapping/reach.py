"""What a rule reads, known from its text before it is compiled: fields, entries, types, how a field is converted."""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.errors import ConfigError
from engine.expression import (
    And,
    As,
    Call,
    Compare,
    Else,
    Expression,
    In,
    Literal,
    Not,
    Or,
    Path,
    Pipe,
    Reference,
    Variable,
    Where,
)
from engine.expression.parser import parse
from engine.mapping.functions import FUNCTIONS
from engine.mapping.module import Module
from engine.yamlfile import YamlList, YamlMap, YamlNode, YamlScalar

KEPT = frozenset({"CodeableConcept", "Coding", "Quantity", "Organization", "Practitioner", "Location"})
"""What comes again from message to message and says nothing of a patient: codes, units, owners, staff, places."""
_CODES = frozenset({"CodeableConcept", "Coding", "Quantity"})
_KEYS = frozenset({"$when", "$first", "$value", "$default", "$required", "$issue", "$extend"})

Field = tuple[str, int]


@dataclass(slots=True)
class Reach:
    """All that one rule reads.

    `coded`: fields converted by a table, by `coding`, to a type of codes, or to a FHIR code; `owners`: to staff,
    organisations or places. `entries`: those referred to, and whether all of each. `here`: the text or segment that the
    rule stands on. `volatile`: a date, a number, formatted text. `typed`: a type that is none of codes. `other`: what
    this page does not follow.
    """

    fields: dict[Field, None] = field(default_factory=dict)
    coded: set[Field] = field(default_factory=set)
    owners: set[Field] = field(default_factory=set)
    entries: set[tuple[str, bool]] = field(default_factory=set)
    here: bool = False
    volatile: bool = False
    typed: bool = False
    other: bool = False


def reach_of(module: Module, node: YamlNode, type: str) -> Reach:
    """What a rule for an element of this FHIR type reads."""
    reader = _Reader(module, Reach())
    reader.node(node, type, None)
    return reader.reach


def owners_of(module: Module) -> frozenset[Field]:
    """Fields from which entries make staff, organisations or places."""
    reader = _Reader(module, Reach())
    for defined in module.sources.entries.values():
        if isinstance(defined.node, YamlMap):
            over = defined.node.get("for_each")
            path = _parsed(over) if over is not None else None
            last = path.steps[-1] if isinstance(path, Path) else None
            at = (last.name, last.field) if last is not None and last.name and last.field else None
            body = defined.node.get("body")
            if body is not None:
                reader.node(body, "", at)
    return frozenset(reader.reach.owners)


@dataclass(slots=True)
class _Reader:
    """Goes through a rule. `at`: the field that a relative path stands in."""

    module: Module
    reach: Reach

    def node(self, node: YamlNode, type: str, at: Field | None) -> None:
        if isinstance(node, YamlScalar):
            self.leaf(node, type, at)
        elif isinstance(node, YamlList):
            for item in node.items:
                self.node(item, type, at)
        else:
            self.map(node, type, at)

    def map(self, node: YamlMap, type: str, at: Field | None) -> None:
        over = node.get("$for_each")
        if over is not None:
            path = _parsed(over)
            found = self.field(path, at) if isinstance(path, Path) else None
            if found is None:
                self.reach.other = True
                return
            at = found
            self.reach.fields[at] = None
        definition = self.module.r4.type(type)
        for key, child in node.entries:
            if key.text == "$when":
                self.leaf(child, "", at)
            elif key.text in ("$value", "$first"):
                self.node(child, type, at)
            elif not key.text.startswith("$"):
                element = definition.elements.get(key.text) if definition else None
                self.node(child, element.type if element else "", at)
            elif key.text not in _KEYS and key.text != "$for_each":
                self.reach.other = True

    def leaf(self, node: YamlNode, type: str, at: Field | None) -> None:
        expression = _parsed(node)
        self.expression(expression, at)
        if type == "code" and isinstance(expression, Path):
            self.code(expression, at)

    def expression(self, expression: Expression | None, at: Field | None) -> None:
        match expression:
            case Literal():
                pass
            case Path():
                self.path(expression, at)
            case Reference(entry=entry, every=every):
                self.reach.entries.add((entry, every))
            case Pipe(source=source):
                self.expression(source, at)
                self.pipe(expression, at)
            case As(source=source):
                self.expression(source, at)
                self.type(expression, at)
            case Else(left=left, right=right) | And(left=left, right=right) | Or(left=left, right=right):
                self.expression(left, at)
                self.expression(right, at)
            case Compare(left=left, right=right):
                self.expression(left, at)
                self.expression(right, at)
            case In(item=one) | Not(operand=one):
                self.expression(one, at)
            case Call(name="join", arguments=arguments):
                for argument in arguments:
                    self.expression(argument, at)
            case _:
                self.reach.other = True

    def path(self, path: Path, at: Field | None) -> None:
        found = self.field(path, at)
        if found is None:
            return
        self.reach.fields[found] = None
        pick = path.steps[0].pick
        if pick is not None and pick.condition is not None:
            self.expression(pick.condition, found)

    def pipe(self, pipe: Pipe, at: Field | None) -> None:
        function = FUNCTIONS.get(pipe.function)
        if any(isinstance(argument, Variable) for argument in pipe.arguments):
            self.reach.other = True
        elif pipe.function in ("table", "coding"):
            self.code(pipe.source, at)
        elif function is None or function.fails or function.takes == "formatted":
            self.reach.volatile = True

    def type(self, expression: As, at: Field | None) -> None:
        if any(isinstance(binding, Variable) for _, binding in expression.bindings):
            self.reach.other = True
        defined = self.module.sources.types.get(expression.type)
        target = defined.node.get("$target") if defined and isinstance(defined.node, YamlMap) else None
        kind = target.text if isinstance(target, YamlScalar) else ""
        if kind in _CODES:
            self.code(expression.source, at)
            return
        self.reach.typed = True
        if kind in KEPT:
            self.reach.owners.update(self.whole(expression.source, at))

    def code(self, expression: Expression, at: Field | None) -> None:
        """The fields that an expression gives hold codes."""
        self.reach.coded.update(self.whole(expression, at))

    def whole(self, expression: Expression, at: Field | None) -> list[Field]:
        """The fields that an expression gives. One component far inside says nothing of its field."""
        if isinstance(expression, Else):
            return [*self.whole(expression.left, at), *self.whole(expression.right, at)]
        if isinstance(expression, Pipe):
            return self.whole(expression.source, at)
        if not isinstance(expression, Path) or expression.steps[0].parts not in ((), (1,)):
            return []
        found = self.field(expression, at)
        return [] if found is None else [found]

    def field(self, path: Path, at: Field | None) -> Field | None:
        """The field that a path reads: its own, or the one that it stands in."""
        step = path.steps[0]
        if len(path.steps) == 1 and not step.name and at is not None:
            return at
        if len(path.steps) == 1 and step.name and step.field:
            return step.name, step.field
        if len(path.steps) == 1 and not step.name:
            self.reach.here = True
        else:
            self.reach.other = True
        return None


def _parsed(node: YamlNode) -> Expression | None:
    try:
        return parse(node.text, Where("", 1, 1)) if isinstance(node, YamlScalar) else None
    except ConfigError:
        return None
