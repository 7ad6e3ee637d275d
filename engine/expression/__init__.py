"""The one grammar of the leaves of a mapping and of the conditions of a channel: its syntax tree.

`GRAMMAR.md` beside this file is the grammar; `parser.parse` reads it. The tree knows nothing of FHIR or of a standard:
a path is kept as written, and whoever compiles it says what it means. `column` counts from 1 in the leaf's text.

Why: channels and mappings share one grammar (decision 12), so that a condition can be moved from one to the other.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Literal:
    """Text that stands for itself: `'FNR'`, `= final`, a bare word after a function or in `with`."""

    column: int
    text: str


@dataclass(frozen=True, slots=True)
class Variable:
    """`$name`."""

    column: int
    name: str


@dataclass(frozen=True, slots=True)
class Reference:
    """`->entry`, or `all ->entry`."""

    column: int
    entry: str
    every: bool


@dataclass(frozen=True, slots=True)
class Pick:
    """What stands in brackets: `[*]` (neither number nor condition), `[2]`, `[.5 = 'MR']`."""

    column: int
    number: int = 0
    condition: Expression | None = None

    @property
    def every(self) -> bool:
        return not self.number and self.condition is None


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a path.

    `name` is a segment or a group, "" for a relative step; `field` 0 names the segment or group itself. `parts` are
    component and sub-component, or for a relative step the numbers as written; its pick belongs to the first of them.
    """

    column: int
    name: str
    field: int = 0
    pick: Pick | None = None
    parts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Path:
    """`PID-3[.5 = 'FNR'].1`, `.4.2`, `.`, `result / OBX / OBX-5[*]`."""

    column: int
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class XPath:
    """`xp(...)`: an XPath 1.0 expression, as written."""

    column: int
    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """`join(' ', .5, .6)`."""

    column: int
    name: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Else:
    """`left else right`: the first that has a value."""

    column: int
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Pipe:
    """`source | function arguments`."""

    column: int
    source: Expression
    function: str
    arguments: tuple[Literal | Variable, ...]


@dataclass(frozen=True, slots=True)
class As:
    """`source as TYPE with k=v`; `part` for `as CX.identifier`."""

    column: int
    source: Expression
    type: str
    part: str = ""
    bindings: tuple[tuple[str, Literal | Variable], ...] = ()


@dataclass(frozen=True, slots=True)
class Compare:
    """`left = right`, `left != right` (`equal` False)."""

    column: int
    left: Expression
    right: Expression
    equal: bool


@dataclass(frozen=True, slots=True)
class In:
    """`item in ('A','B')`, `item not in (...)`."""

    column: int
    item: Expression
    values: tuple[str, ...]
    negated: bool


@dataclass(frozen=True, slots=True)
class And:
    column: int
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Or:
    column: int
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Not:
    column: int
    operand: Expression


Operand = Literal | Variable | Reference | Path | XPath | Call
Value = Operand | Else | Pipe | As
Condition = Compare | In | And | Or | Not
Expression = Value | Condition


@dataclass(frozen=True, slots=True)
class Where:
    """Where the first character of a leaf stands: file, line and column from 1."""

    file: str
    line: int
    column: int
