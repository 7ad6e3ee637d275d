"""`value | function arguments` to Python, each conversion with its issue when it fails."""

from __future__ import annotations

from typing import Protocol

from engine.expression import Else, Expression, Literal, Path, Pipe, XPath
from engine.mapping.folding import Folding
from engine.mapping.frames import Frame
from engine.mapping.functions import COMPILED, FUNCTIONS, Function
from engine.mapping.module import Module
from engine.mapping.raws import Raw
from engine.mapping.reads import Reads
from engine.mapping.shapes import Seen, Value, united
from engine.mapping.writer import Block

_TIMES = {
    "date": "to_date({0})",
    "time": "to_time({0})",
    "dateTime": "dated({0}, r.zone, r.offset)",
    "instant": "moment({0}, r.zone, r.offset)",
}
_CONVERTED = frozenset(
    {
        "decimal",
        "integer",
        "positiveInt",
        "unsignedInt",
        "boolean",
        "date",
        "dateTime",
        "instant",
        "time",
        "base64Binary",
    }
)


class Values(Protocol):
    """What pipes need of the terms."""

    def value(self, expression: Expression, frame: Frame, block: Block, many: bool = False) -> Value | None: ...
    def raw(self, expression: Expression, frame: Frame, block: Block, many: bool = False) -> Raw | None: ...


class Pipes:
    """Emits function calls."""

    def __init__(self, module: Module, reads: Reads, terms: Values) -> None:
        self.module, self.reads, self.terms = module, reads, terms
        self.folding = Folding(module)

    def fault(self, column: int, text: str, suggestion: str = "") -> None:
        self.module.fault("M503", column, text, suggestion)

    def pipe(self, pipe: Pipe, frame: Frame, block: Block, many: bool) -> Value | None:
        name = pipe.function
        if name not in FUNCTIONS and name not in COMPILED:
            hint = self.module.findings.near(name, [*FUNCTIONS, *COMPILED])
            self.fault(pipe.column, f"there is no function '{name}'", hint)
            return None
        function = FUNCTIONS.get(name)
        expected = function.arguments if function else int(name in ("table", "coding", "default"))
        if len(pipe.arguments) != expected:
            self.fault(
                pipe.column,
                f"{name} takes {expected or 'no'} argument{'' if expected == 1 else 's'}",
                "text needs single quotes",
            )
            return None
        if name == "markup":
            return self.marked(pipe, frame, block, many)
        since = len(self.module.seen)
        source = self.source(pipe, function, frame, block, many)
        if source is None:
            return None
        if source.never:
            return source
        if source.shape in _CONVERTED or source.shape in ("object", "reference", "coding", "condition"):
            self.fault(pipe.column, f"{name} wants text, and gets {source.shape}", "convert once, at the end")
            return None
        if function is not None and function.takes in ("many", "formatted"):
            return self.joined(function, source, pipe, frame, block)
        if source.fixed and not source.many:
            return self.folding.folded(pipe, source)
        if source.many:
            return self.each(pipe, function, source, since, frame, block)
        return self.one(pipe, function, source, since, frame, block)

    def source(self, pipe: Pipe, function: Function | None, frame: Frame, block: Block, many: bool) -> Value | None:
        if function is not None and function.takes == "formatted":
            return self.formatted(pipe.source, frame, block)
        if function is not None and function.takes == "raw" and self.module.sources.paths == "er7":
            raw = self.terms.raw(pipe.source, frame, block)
            if raw is None:
                return None
            self.reads.account(raw)
            self.reads.see(raw)
            variable = self.module.name("v")
            block.line(f"{variable} = '' if {raw.code} == '\"\"' else {raw.code}")
            return Value(variable, "text", needs=raw.needs)
        return self.terms.value(pipe.source, frame, block, many or (function is not None and function.takes == "many"))

    def marked(self, pipe: Pipe, frame: Frame, block: Block, many: bool) -> Value | None:
        """The text of an element that may hold XHTML, or of all of them."""
        if not isinstance(pipe.source, XPath):
            self.fault(pipe.column, "markup wants an element of XML", "write xp(d:TekstNotatInnhold) | markup")
            return None
        raw = self.terms.raw(pipe.source, frame, block, many)
        if raw is None:
            return None
        self.module.beyond = True
        variable, counted = self.module.name("v"), self.module.counting
        if raw.many:
            block.line(f"{variable} = [t for n in {raw.code} if (t := r.markup(n, {counted}))]")
        else:
            self.module.seen.append(Seen(raw.segment, raw.path, not counted))
            block.line(f"{variable} = r.markup({raw.code}, {counted})")
        return Value(variable, "text", many=raw.many)

    def formatted(self, source: Expression, frame: Frame, block: Block) -> Value | None:
        """The texts of a path as formatted text, or whatever else there is before `lines`."""
        if isinstance(source, Path):
            return self.reads.texts(source, frame, block, formatted=True)
        if isinstance(source, Else):
            left = self.formatted(source.left, frame, block)
            if left is None:
                return None
            variable = self.module.name("l")
            block.line(f"{variable} = {left.code}")
            then = block.inside(f"if not any({variable}):")
            right = self.formatted(source.right, frame, then)
            if right is None:
                return None
            then.line(f"{variable} = {right.code}")
            return Value(variable, "text", many=True, needs=united([left.needs, right.needs]))
        value = self.terms.value(source, frame, block, True)
        if value is None or value.many:
            return value
        return Value(f"[{value.code}]", "text", many=True, needs=value.needs)

    def joined(self, function: Function, source: Value, pipe: Pipe, frame: Frame, block: Block) -> Value | None:
        arguments = self.arguments(pipe, frame)
        if arguments is None:
            return None
        variable = self.module.name("v")
        listed = source.code if source.many else f"[{source.code}]"
        block.line(f"{variable} = {function.name}({', '.join([listed, *arguments])})")
        return Value(variable, "text", needs=source.needs)

    def arguments(self, pipe: Pipe, frame: Frame) -> list[str] | None:
        found: list[str] = []
        for argument in pipe.arguments:
            if isinstance(argument, Literal):
                found.append(repr(argument.text))
                continue
            value = frame.variable(argument.name)
            if value is None or value.shape not in ("text", "code", "uri"):
                self.fault(argument.column, f"${argument.name} is no text here", "define it in $let")
                return None
            found.append(value.code)
        return found

    def each(
        self, pipe: Pipe, function: Function | None, source: Value, since: int, frame: Frame, block: Block
    ) -> Value | None:
        """The function of every item of a list."""
        variable, item = self.module.name("l"), self.module.name("v")
        block.line(f"{variable} = []")
        loop = block.inside(f"for {item} in {source.code}:")
        made = self.one(pipe, function, Value(item, source.shape), since, frame, loop)
        if made is None:
            return None
        if made.many:
            loop.line(f"{variable} += {made.code}")
        else:
            loop.inside(f"if {made.present}:").line(f"{variable}.append({made.code})")
        return Value(variable, made.shape, made.of, many=True, needs=source.needs)

    def one(
        self, pipe: Pipe, function: Function | None, source: Value, since: int, frame: Frame, block: Block
    ) -> Value | None:
        if pipe.function in ("table", "coding"):
            return self.coded(pipe, source, since, frame, block)
        arguments = self.arguments(pipe, frame)
        if arguments is None:
            return None
        variable = self.module.name("v")
        if pipe.function == "default":
            block.line(f"{variable} = {source.code} or {arguments[0]}")
            return Value(variable, "text", total=True)
        if pipe.function in _TIMES:
            return self.timed(pipe.function, source, variable, since, frame, block)
        assert function is not None
        result = Value(variable, function.gives, many=function.many, needs=source.needs)
        call = function.code([source.code, *arguments])
        if source.total and not function.fails:
            block.line(f"{variable} = {call}")
            return Value(variable, function.gives, many=function.many, total=function.total and not function.many)
        if not function.fails:
            block.line(f"{variable} = {call} if {source.code} else {result.absent}")
            return result
        self.guarded(variable, call, source, result.absent, since, frame, block)
        if function.gives == "decimal":
            block.inside(f"if ',' in {source.code} and {variable}:").line(
                self.note("'map.decimal_comma'", source, since, frame)
            )
        return result

    def timed(self, name: str, source: Value, variable: str, since: int, frame: Frame, block: Block) -> Value:
        call = _TIMES[name].format(source.code)
        if name in ("date", "time"):
            self.guarded(variable, call, source, "''", since, frame, block)
            return Value(variable, name, needs=source.needs)
        note = self.module.name("n")
        block.line(f"{variable} = ''")
        then = block.inside(f"if {source.code}:")
        then.inside("try:").line(f"{variable}, {note} = {call}")
        failed = then.inside("except BadTime as error:")
        failed.line(f"r.bad(error, {self.at(frame)}, {self.module.spot(since)}, {source.code})")
        then.inside("else:").inside(f"if {note}:").line(self.note(note, source, since, frame))
        return Value(variable, name, needs=source.needs)

    def guarded(
        self, variable: str, call: str, source: Value, absent: str, since: int, frame: Frame, block: Block
    ) -> None:
        block.line(f"{variable} = {absent}")
        then = block.inside(f"if {source.code}:")
        then.inside("try:").line(f"{variable} = {call}")
        failed = then.inside("except (BadTime, BadValue) as error:")
        failed.line(f"r.bad(error, {self.at(frame)}, {self.module.spot(since)}, {source.code})")

    def note(self, code: str, source: Value, since: int, frame: Frame) -> str:
        return f"r.noted({code}, {self.at(frame)}, {self.module.spot(since)}, {source.code})"

    def at(self, frame: Frame) -> str:
        """The rule at hand."""
        return self.module.rule_here(self.module.label)

    def coded(self, pipe: Pipe, source: Value, since: int, frame: Frame, block: Block) -> Value | None:
        """`table NAME` and `coding NAME`. A coding stays the text of its code until the element says which it wants."""
        argument = pipe.arguments[0]
        table = self.module.tables.get(argument.text) if isinstance(argument, Literal) else None
        if table is None:
            self.folding.no_table(pipe)
            return None
        gives = table.keep or table.fallback is not None
        ensured = source.total and table.total
        variable = self.module.name("v")
        if pipe.function == "coding":
            call = f"r.unknown_coding({{table}}, {{code}}, {self.at(frame)}, {self.module.spot(since)}, {{concept}})"
            return Value(
                source.code,
                "coding",
                f"{table.name}|{call}",
                total=source.total and gives,
                ensured=ensured,
                needs=source.needs,
            )
        table_name = self.module.table(table.name, "code")
        told = f"{self.at(frame)}, {self.module.spot(since)}"
        unknown = f"r.unknown({self.module.table(table.name, 'table')}, {source.code}, {told})"
        if table.silent:
            block.line(f"{variable} = {table_name}.get({source.code}, '')")
            block.line(f"if not {variable} and {source.code} and r.tables: {variable} = {unknown}")
        else:
            block.line(f"{variable} = {table_name}.get({source.code})")
            block.line(f"if {variable} is None: {variable} = {source.code} and {unknown}")
        return Value(
            variable, "code", f"table {table.name}", total=source.total and gives, ensured=ensured, needs=source.needs
        )
