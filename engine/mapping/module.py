"""What the parts of the compiler share: the module being written, its constants, and the shapes of values.

The parts know each other only through the protocols here: terms (expressions), nodes (YAML), templates (`as TYPE`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from engine.expression import As, Expression
from engine.mapping.findings import Findings, Placed
from engine.mapping.frames import Frame
from engine.mapping.groups import Group
from engine.mapping.marks import Marks
from engine.mapping.shapes import Seen, Value, Want
from engine.mapping.sources import Sources
from engine.mapping.tables import Table
from engine.mapping.walks import Walks
from engine.mapping.writer import Block, literal
from engine.standards.fhir.r4 import R4
from engine.yamlfile import YamlNode, YamlScalar


class TermEmitter(Protocol):
    def value(self, expression: Expression, frame: Frame, block: Block, many: bool = False) -> Value | None: ...
    def condition(self, expression: Expression, frame: Frame, block: Block) -> str: ...
    def parsed(self, text: YamlNode, file: str) -> Expression | None: ...
    def index(self, entry: str, frame: Frame) -> str: ...


class NodeEmitter(Protocol):
    def node(self, node: YamlNode, want: Want, frame: Frame, block: Block) -> Value | None: ...


class TemplateEmitter(Protocol):
    def call(self, expression: As, frame: Frame, block: Block, many: bool) -> Value | None: ...
    def identity(self, expression: As, frame: Frame, block: Block) -> tuple[str, str] | None: ...


class EntryLookup(Protocol):
    """What a reference needs to know of the entries."""

    def resource(self, key: str) -> str: ...
    def known(self) -> list[str]: ...
    def lookup(self, key: str, frame: Frame, every: bool) -> str: ...


@dataclass(slots=True)
class Module:
    """One generated module while it is written."""

    r4: R4
    sources: Sources
    findings: Findings
    tables: dict[str, Table]
    groups: dict[str, Group]
    trace: bool
    top: Block = field(default_factory=Block)
    functions: Block = field(default_factory=Block)
    marks: Marks = field(default_factory=Marks)
    constants: dict[str, str] = field(default_factory=dict)
    pads: dict[str, int] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    loose: dict[str, None] = field(default_factory=dict)
    counting: bool = True
    leaf: tuple[str, int, int] = ("", 0, 0)
    label: str = ""
    globals: dict[str, object] = field(default_factory=dict)
    count: int = 0
    document: str = "r.document"
    walks: Walks = field(default_factory=Walks)
    walking: bool = False
    beyond: bool = False
    terms: TermEmitter = field(init=False)
    nodes: NodeEmitter = field(init=False)
    templates: TemplateEmitter = field(init=False)
    entries: EntryLookup = field(init=False)

    def name(self, front: str) -> str:
        """A new Python name."""
        self.count += 1
        return f"{front}{self.count}"

    def constant(self, source: str) -> str:
        """The name of a module constant with this source; one for each source."""
        found = self.constants.get(source)
        if found is None:
            found = self.constants[source] = f"K{len(self.constants) + 1}"
            self.top.line(f"{found} = {source}")
        return found

    def shared(self, value: object) -> str:
        """A constant value: a literal where it is cheap, else one shared object."""
        plain = type(value) in (str, bool, int)
        return literal(value) if plain else self.constant(f"share({literal(value)})")

    def rule(self, file: str, node: Placed, makes: str) -> str:
        """The constant that says which rule of which file this is."""
        file, line = self.findings.file_of(node, file), node.line
        return self.constant(f"Rule({f'{file}:{line}'!r}, {makes!r})")

    def table(self, name: str, kind: str) -> str:
        """Python name of a table: `code` to code, `coding`, `concept`, or the `table` itself."""
        front = {"code": "T_", "coding": "C_", "concept": "CC_", "table": "TABLE_"}[kind]
        variable = front + "".join(letter if letter.isalnum() else "_" for letter in name)
        if variable not in self.globals:
            table = self.tables[name]
            if kind == "table":
                self.globals[variable] = table
                return variable
            self.globals[variable] = None
            made: dict[str, object] = {}
            for code, target in table.targets.items():
                coding = target.coding(table.system)
                made[code] = target.code if kind == "code" else coding if kind == "coding" else {"coding": [coding]}
            self.top.line(f"{variable} = {literal(made)}" if kind == "code" else f"{variable} = share({literal(made)})")
        return variable

    def pad(self, segment: str, field_number: int) -> str:
        """Name of the padding for a segment's fields; as wide as the highest field read."""
        self.pads[segment] = max(self.pads.get(segment, 0), field_number)
        return f"P_{segment}"

    def spot(self, since: int) -> str:
        """Python code of segment and path of the value at hand: the last place read since a mark in `seen`."""
        if len(self.seen) <= since:
            return "NOWHERE, ''"
        last = self.seen[-1]
        self.need(last)
        return f"{last.segment}, {last.path}"

    def padding(self) -> list[str]:
        """Fields of a segment are padded once, in place: `fields` may be shorter than what is read (er7)."""
        found: list[str] = []
        for name, highest in sorted(self.pads.items()):
            found += [f"P_{name} = [''] * {highest + 1}", f"L_{name} = {highest + 1}"]
        return found

    def need(self, one: Seen) -> None:
        """A place that is told of: its variables are there even where the read itself was passed over."""
        for name in (one.segment, one.path, one.raw):
            if name[1:].isdigit():
                self.loose[name] = None

    def begun(self, function: Block) -> Block:
        """The place at a function's beginning for the variables that must be there."""
        self.loose = {}
        return function.here()

    def ended(self, head: Block, given: Iterable[str] = (), among: str | None = None) -> None:
        """Write them; with `among`, those that stand in these lines."""
        for name in self.loose:
            if name not in given and (among is None or name in among):
                head.line(f"{name} = {'NOWHERE' if name[0] == 's' else repr('')}")

    def places(self, since: int) -> str:
        """Python tuple of the places read since a mark in `seen`."""
        seen = self.seen[since:]
        carried = [one for one in seen if not one.decides] or seen
        for one in carried:
            self.need(one)
        found = dict.fromkeys(f"({one.segment}, {one.path}, {one.raw})" for one in carried)
        return "(" + "".join(f"{one}, " for one in found) + ")"

    def fault(self, code: str, column: int, text: str, suggestion: str = "") -> None:
        """A finding in the leaf being compiled, at a column of its text."""
        file, line, start = self.leaf
        self.findings.add(code, file, YamlScalar("", "plain", line, start + column - 1), text, suggestion)

    def rule_here(self, makes: str) -> str:
        """The same for the leaf being compiled."""
        file, line, column = self.leaf
        return self.rule(file, YamlScalar("", "plain", line, column), makes)

    @contextmanager
    def uncounted(self) -> Iterator[None]:
        """Reads in here decide, they do not carry a value over (decision 13)."""
        before, self.counting = self.counting, False
        try:
            yield
        finally:
            self.counting = before
