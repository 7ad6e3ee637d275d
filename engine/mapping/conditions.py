"""The one grammar for channels (decision 12): a condition, or one value, over a message's paths and a channel's fields.

Compiled once when the channel is built; run for every message. Functions, types and entries belong to mappings.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any

from engine.errors import ConfigError, MappingError
from engine.expression import Expression, Path, Where
from engine.expression.parser import parse
from engine.mapping.findings import Findings
from engine.mapping.frames import Frame
from engine.mapping.functions import FUNCTIONS, numbers, numeric
from engine.mapping.groups import Group
from engine.mapping.languages import language_of, xml_run
from engine.mapping.module import Module
from engine.mapping.reads import Reads
from engine.mapping.shapes import Value
from engine.mapping.sources import Sources
from engine.mapping.terms import Terms
from engine.mapping.writer import Block
from engine.mapping.xpaths import Prefixes
from engine.standards import Document, Standard
from engine.standards.fhir import r4
from engine.standards.hl7v2 import paths
from engine.standards.hl7v2.standard import Hl7v2

Place = Where | tuple[str, int, int]


def compile_condition(
    text: str, where: Place, fields: Mapping[str, str] | None = None, standard: Standard | None = None
) -> Callable[[Document], bool]:
    """`type in ('ADT^A01','ADT^A04')`, `PV1-2 = 'I' and not PID-30`. Raises: ConfigError.

    `fields`: names that stand for paths, as a channel declares them. `standard`: HL7 v2 where none is given.
    """
    compiler = _Compiler(where, fields or {}, standard or Hl7v2())
    block, frame = compiler.start()
    expression = compiler.expression(text)
    test = compiler.terms.condition(expression, frame, block)
    block.line(f"return bool({test})")
    run = compiler.finished()
    return lambda document: bool(run(document))


def compile_value(
    text: str, where: Place, fields: Mapping[str, str] | None = None, standard: Standard | None = None
) -> Callable[[Document], str]:
    """`MSH-9.2`, `PID-3[.5 = 'FNR'].1 else PID-2`: its text, "" where it has none. Raises: ConfigError."""
    compiler = _Compiler(where, fields or {}, standard or Hl7v2())
    block, frame = compiler.start()
    expression = compiler.expression(text)
    value = compiler.terms.value(expression, frame, block)
    if value is not None and value.shape not in ("text", "code", "uri"):
        compiler.module.fault("M502", expression.column, "a field is text", "write a path, with 'else' if need be")
    block.line(f"return {value.code if value is not None else repr('')}")
    run = compiler.finished()
    return lambda document: str(run(document))


class _NoEntries:
    """There are no entries outside a mapping."""

    def resource(self, key: str) -> str:
        raise KeyError(key)

    def known(self) -> list[str]:
        return []

    def lookup(self, key: str, frame: Frame, every: bool) -> str:
        raise KeyError(key)


class _FieldTerms(Terms):
    """Terms in which a channel's field names stand for their paths."""

    fields: Mapping[str, Expression] = {}

    def value(self, expression: Expression, frame: Frame, block: Block, many: bool = False) -> Value | None:
        named = self.named(expression)
        if named is not None:
            return super().value(named, frame, block, many)
        return super().value(expression, frame, block, many)

    def test(self, expression: Expression, frame: Frame, block: Block) -> str:
        return super().test(self.named(expression) or expression, frame, block)

    def named(self, expression: Expression) -> Expression | None:
        if isinstance(expression, Path) and len(expression.steps) == 1:
            step = expression.steps[0]
            if step.name and not step.name.isupper() and not step.field and step.pick is None:
                found = self.fields.get(step.name)
                if found is None:
                    hint = self.module.findings.near(step.name, self.fields)
                    self.fault(
                        expression.column, f"there is no field '{step.name}'", hint or "text needs single quotes"
                    )
                    return _EMPTY
                return found
        return None


_EMPTY = parse("''", Where("", 0, 0))


class _Compiler:
    """One small module for one leaf."""

    def __init__(self, where: Place, fields: Mapping[str, str], standard: Standard) -> None:
        self.standard = standard
        self.where = where if isinstance(where, Where) else Where(*where)
        self.findings = Findings(r4.load())
        sources = Sources("channel", standard=standard.name, paths=standard.paths)
        sources.prefixes = Prefixes({prefix: (uri,) for prefix, uri in standard.namespaces.items()})
        self.sources = sources
        self.module = Module(self.findings.r4, sources, self.findings, {}, {}, False, document="d")
        self.terms = _FieldTerms(self.module, Reads(self.module))
        self.terms.fields = {name: parse(path, self.where) for name, path in fields.items()}
        self.module.terms = self.terms
        self.module.entries = _NoEntries()

    def expression(self, text: str) -> Expression:
        self.module.leaf = (self.where.file, self.where.line, self.where.column)
        found = parse(text, self.where)
        self.refuse(found)
        return found

    def refuse(self, expression: Expression) -> None:
        """What only a mapping has."""
        kind = type(expression).__name__
        if kind in ("As", "Reference", "Variable"):
            hint = "compare text: PID-3.1, 'text', in ('A','B')"
            self.module.fault("M505", expression.column, "a channel has no types, entries or variables", hint)
            raise ConfigError(self.findings.found)
        function = getattr(expression, "function", "")
        if function and (function not in FUNCTIONS or FUNCTIONS[function].fails):
            names = [name for name, row in FUNCTIONS.items() if not row.fails]
            self.module.fault(
                "M505", expression.column, f"a channel cannot use '{function}'", self.findings.near(function, names)
            )
            raise ConfigError(self.findings.found)
        for name in ("left", "right", "operand", "item", "source"):
            inner = getattr(expression, name, None)
            if inner is not None and not isinstance(inner, str):
                self.refuse(inner)

    def start(self) -> tuple[Block, Frame]:
        block = self.module.functions.inside("def made(d, m, r):")
        return block, Frame("message", self.where.file, "m", block.here())

    def finished(self) -> Callable[[Document], object]:
        """The function, bound to each set of separators when a message first comes with it."""
        if self.findings.errors:
            raise ConfigError(self.findings.found)
        pads = self.module.padding()
        text = "\n".join([*self.module.top.text(), *pads, *self.module.functions.text()])
        code = compile(text, "<condition>", "exec")
        names = {
            **{row.name: row.call for row in FUNCTIONS.values()},
            "numeric": numeric,
            "numbers": numbers,
            "missing": paths.missing,
        }
        language = language_of(self.standard, self.sources, Group(""), ())
        bound: dict[Hashable, Callable[[object, object, object], object]] = {}

        def run(document: Document) -> object:
            if not language.takes(document):
                raise MappingError(
                    f"this condition reads {self.standard.name}", code="mapping.standard", place=self.where.file
                )
            key = language.key(document)
            made = bound.get(key)
            if made is None:
                if len(bound) >= 16:
                    bound.clear()
                scope: dict[str, Any] = {**names, **language.scope(key)}
                exec(code, scope)
                made = bound[key] = scope["made"]
            # An ER7 document has `named`, which is all that a look-up in the message wants of a scope.
            return made(document, document, xml_run(document) if self.standard.paths == "xml" else None)

        return run
