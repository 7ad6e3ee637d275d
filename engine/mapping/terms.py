"""Expressions to Python: values with their shapes, and conditions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from engine.errors import ConfigError
from engine.expression import (
    As,
    Call,
    Else,
    Expression,
    Literal,
    Path,
    Pipe,
    Reference,
    Variable,
    Where,
    XPath,
)
from engine.expression.parser import parse
from engine.mapping.deciding import Deciding
from engine.mapping.frames import Frame
from engine.mapping.functions import CALLS
from engine.mapping.module import Module
from engine.mapping.pipes import Pipes
from engine.mapping.raws import Raw
from engine.mapping.reads import Reads
from engine.mapping.shapes import Value, united
from engine.mapping.writer import Block
from engine.yamlfile import YamlNode, YamlScalar


def paths_in(expression: Expression) -> Iterator[Path]:
    """ER7 paths in an expression."""
    if isinstance(expression, Path):
        yield expression
    for name in ("left", "right", "operand", "item", "source"):
        part = getattr(expression, name, None)
        if part is not None and not isinstance(part, str):
            yield from paths_in(part)
    for part in getattr(expression, "arguments", ()):
        yield from paths_in(part)


TEXTS = frozenset({"text", "code", "uri"})
"""Shapes that are plain text and may stand for each other."""


class Terms(Deciding):
    """Emits expressions."""

    def __init__(self, module: Module, reads: Reads) -> None:
        super().__init__(module, reads)
        self.pipes = Pipes(module, reads, self)

    def parsed(self, node: YamlNode, file: str) -> Expression | None:
        """The tree of a leaf; findings where it is none."""
        if not isinstance(node, YamlScalar):
            self.module.findings.add("M502", file, node, "an expression is wanted here", "write one line of text")
            return None
        column = node.column + (0 if node.plain else 1)
        file = self.module.findings.file_of(node, file)
        self.module.leaf = (file, node.line, column)
        try:
            found = parse(node.text, Where(file, node.line, column))
        except ConfigError as error:
            self.module.findings.take(error)
            return None
        stray = next(paths_in(found), None) if self.module.sources.paths == "xml" else None
        if stray is not None:
            self.module.fault("M501", stray.column, "a message in XML has no such path", "write xp(...): xp(mh:Id)")
            return None
        return found

    # values

    def value(self, expression: Expression, frame: Frame, block: Block, many: bool = False) -> Value | None:
        """Code for a value; with `many`, lists are taken where the expression gives one."""
        match expression:
            case Literal(text=text):
                return Value(repr(text), "text", total=True, constant=text)
            case Variable():
                return self.variable(expression, frame)
            case Reference():
                return self.reference(expression, frame, block, many)
            case Path():
                return self.path(expression, frame, block, many)
            case Call():
                return self.call(expression, frame, block)
            case Else():
                return self.otherwise(expression, frame, block, many)
            case Pipe():
                return self.pipes.pipe(expression, frame, block, many)
            case As():
                return self.module.templates.call(expression, frame, block, many)
            case XPath():
                return self.xml.text(expression, frame, block, many)
            case _:
                return Value(f"({self.condition(expression, frame, block)})", "condition")

    def path(self, path: Path, frame: Frame, block: Block, many: bool) -> Value | None:
        if (many and any(step.pick is not None and not step.pick.number for step in path.steps)) or (
            many and len(path.steps) > 1
        ):
            return self.reads.texts(path, frame, block)
        return self.reads.text(path, frame, block)

    def variable(self, expression: Variable, frame: Frame) -> Value | None:
        found = frame.variable(expression.name)
        if found is None:
            hint = self.module.findings.near(expression.name, frame.names())
            self.fault(expression.column, f"${expression.name} is not defined here", hint or "define it in $let")
        return found

    def reference(self, expression: Reference, frame: Frame, block: Block, many: bool) -> Value | None:
        entries = self.module.entries
        if expression.entry not in entries.known():
            hint = self.module.findings.near(expression.entry, entries.known())
            self.fault(expression.column, f"there is no entry '{expression.entry}'", hint)
            return None
        resource = entries.resource(expression.entry)
        if expression.every:
            if not many:
                self.fault(expression.column, "'all' gives a list where one reference is wanted", "take 'all' away")
                return None
            variable, one = self.module.name("l"), self.module.name("i")
            block.line(f"{variable} = [r.link({one}) for {one} in {entries.lookup(expression.entry, frame, True)}]")
            return Value(variable, "reference", resource, many=True)
        number, variable = self.module.name("i"), self.module.name("v")
        block.line(f"{number} = {entries.lookup(expression.entry, frame, False)}")
        block.line(f"{variable} = None if {number} is None else r.slots.get({number}) or r.link({number})")
        return Value(variable, "reference", resource)

    def index(self, entry: str, frame: Frame) -> str:
        return self.module.entries.lookup(entry, frame, False)

    def call(self, expression: Call, frame: Frame, block: Block) -> Value | None:
        name, arguments = expression.name, expression.arguments
        wanted = {"received": 0, "position": 0, "numeric": 1}.get(name, len(arguments))
        if len(arguments) != wanted:
            self.fault(expression.column, f"{name}() takes {wanted or 'no'} argument{'s' if wanted > 1 else ''}")
            return None
        if name == "namespace":
            return self.namespace(expression, frame, block)
        self.module.beyond |= name in ("received", "position")
        if name == "received":
            return Value("r.received()", "instant", total=True)
        if name == "position":
            return self.position(expression, frame)
        if name == "numeric":
            text = self.value(arguments[0], frame, block)
            return text and Value(f"({text.code} in numbers or numeric({text.code}))", "condition")
        if name == "join":
            return self.join(expression, frame, block)
        if name == "derived":
            self.fault(expression.column, "derived(...) stands in identity only")
            return None
        hint = self.module.findings.near(name, CALLS)
        self.fault(
            expression.column, f"there is no function '{name}' to call", hint or "functions of one value follow ' | '"
        )
        return None

    def namespace(self, expression: Call, frame: Frame, block: Block) -> Value | None:
        """The sender's system, or with an argument that of one of its owners; absent where the argument is."""
        if not expression.arguments:
            return Value("r.namespace", "uri", total=True)
        part = self.value(expression.arguments[0], frame, block)
        if part is None or len(expression.arguments) > 1 or part.many or part.shape not in TEXTS:
            if part is not None:
                self.fault(expression.column, "namespace() takes no argument or one text")
            return None
        if part.total:
            return Value(f"r.qualified({part.code})", "uri", total=True)
        variable = self.module.name("v")
        block.line(f"{variable} = r.qualified({part.code}) if {part.code} else ''")
        return Value(variable, "uri")

    def position(self, expression: Call, frame: Frame) -> Value | None:
        loops = frame.chain()
        if not loops:
            self.fault(expression.column, "position() needs a for_each around it")
            return None
        loop = loops[-1]
        code = f"{loop.var}.number" if loop.kind == "segment" else loop.position
        if not code:
            self.fault(
                expression.column, "position() works in a for_each over segments", "use a set id, or another part"
            )
            return None
        return Value(code, "positiveInt", total=True)

    def join(self, expression: Call, frame: Frame, block: Block) -> Value | None:
        if not expression.arguments or not isinstance(expression.arguments[0], Literal):
            self.fault(expression.column, "join() begins with the text between", "write join(' ', .1, .2)")
            return None
        parts: list[str] = []
        needs: list[frozenset[str] | None] = []
        for argument in expression.arguments[1:]:
            value = self.value(argument, frame, block, many=True)
            if value is None:
                return None
            parts.append(f"*{value.code}" if value.many else value.code)
            needs.append(value.needs)
        variable = self.module.name("v")
        block.line(f"{variable} = {expression.arguments[0].text!r}.join(filter(None, ({', '.join(parts)},)))")
        return Value(variable, "text", needs=united(needs))

    def otherwise(self, expression: Else, frame: Frame, block: Block, many: bool) -> Value | None:
        """`left else right`."""
        left = self.value(expression.left, frame, block, many)
        if left is None:
            return None
        if left.never:
            return self.value(expression.right, frame, block, many)
        if left.total and not left.many:
            if isinstance(expression.left, Variable):
                return left
            self.fault(expression.column, "what is before this 'else' always has a value", "take the 'else' away")
            return None
        variable = self.module.name("v")
        block.line(f"{variable} = {left.code}")
        test = left.named(variable).present
        then = block.inside(f"if not {variable}:" if test == variable else f"if {variable} is None:")
        right = self.value(expression.right, frame, then, many)
        if right is None:
            return None
        if "coding" in (left.shape, right.shape) and not many:
            self.fault(expression.column, "'else' between codings", "put ' | coding x' last, or use $first")
            return None
        if left.many and not right.many:
            right = replace(right, code=f"[{right.code}] if {right.present} else []", many=True)
        if left.shape != right.shape and not (left.shape in TEXTS and right.shape in TEXTS):
            if {left.shape, right.shape} <= {"dateTime", "instant", "date"}:
                then.line(f"{variable} = {right.code}")
                return Value(variable, "dateTime", total=right.total)
            self.fault(expression.column, f"'else' between {left.shape} and {right.shape}", "convert after the 'else'")
            return None
        then.line(f"{variable} = {right.code}")
        if right.many and not left.many:
            block.line(f"if type({variable}) is str: {variable} = [{variable}] if {variable} else []")
        shape = left.shape if left.shape == right.shape else "text"
        same = left.of if left.of == right.of else ""
        many, needs = left.many or right.many, united([left.needs, right.needs])
        return Value(variable, shape, same, many, total=right.total, sure=left.sure & right.sure, needs=needs)

    # raw parts, for `as TYPE` and for functions of raw text

    def raw(self, expression: Expression, frame: Frame, block: Block, many: bool = False) -> Raw | None:
        """Raw text of a path, or of the first of several."""
        if isinstance(expression, Path):
            wants_all = many and (
                len(expression.steps) > 1
                or any(step.pick is not None and not step.pick.number for step in expression.steps)
            )
            return self.reads.raw(expression, frame, block, wants_all)
        if isinstance(expression, XPath):
            return self.xml.raw(expression, frame, block, many)
        if isinstance(expression, Else):
            left = self.raw(expression.left, frame, block)
            if left is None:
                return None
            variable, item, path = (self.module.name(front) for front in "tsw")
            block.line(f"{variable} = {left.code}")
            block.line(f"{item}, {path} = {left.segment}, {left.path}")
            then = block.inside(f"if not {variable} or {variable} == '\"\"':")
            right = self.raw(expression.right, frame, then)
            if right is None:
                return None
            if right.level != left.level:
                self.fault(
                    expression.column, f"'else' between a {left.level} and a {right.level}", "give each its own 'as'"
                )
                return None
            then.line(f"{variable} = {right.code}")
            then.line(f"{item}, {path} = {right.segment}, {right.path}")
            others = (*right.others, left)
            needs = united([left.needs, right.needs])
            return replace(right, code=variable, segment=item, path=path, many=False, others=others, needs=needs)
        self.fault(expression.column, "'as' and functions of raw text follow a path", "write the path before them")
        return None
