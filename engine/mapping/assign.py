"""A value to the element it is for: is it of the right type, and what must still be done to it."""

from __future__ import annotations

import re
from dataclasses import replace

from engine.mapping.frames import Frame
from engine.mapping.functions import FUNCTIONS, BadValue
from engine.mapping.module import Module
from engine.mapping.shapes import Value, Want
from engine.mapping.tables import Table
from engine.mapping.writer import Block
from engine.standards.fhir import Decimal
from engine.standards.fhir.r4 import Element
from engine.yamlfile import YamlNode

STRINGS = frozenset({"string", "markdown", "xhtml"})
URIS = frozenset({"uri", "url", "canonical", "oid", "uuid"})
TAKES: dict[str, frozenset[str]] = {
    "code": frozenset({"code", "text"}),
    "date": frozenset({"date"}),
    "dateTime": frozenset({"dateTime", "date", "instant"}),
    "instant": frozenset({"instant"}),
    "time": frozenset({"time"}),
    "decimal": frozenset({"decimal", "integer", "positiveInt", "unsignedInt"}),
    "integer": frozenset({"integer", "positiveInt", "unsignedInt"}),
    "unsignedInt": frozenset({"unsignedInt", "positiveInt"}),
    "positiveInt": frozenset({"positiveInt"}),
    "boolean": frozenset({"boolean", "condition"}),
    "base64Binary": frozenset({"base64Binary"}),
    "id": frozenset({"text", "code"}),
}
_REMEDY = {
    "date": "| date", "dateTime": "| dateTime", "instant": "| instant", "time": "| time", "decimal": "| decimal",
    "integer": "| integer", "positiveInt": "| positiveInt", "unsignedInt": "| unsignedInt", "boolean": "| yesno",
    "base64Binary": "| base64",
}  # fmt: skip
_NUMBERS = {"integer": "integer", "positiveInt": "positiveInt", "unsignedInt": "unsignedInt", "decimal": "decimal"}


class Assign:
    """Checks and converts values for elements."""

    def __init__(self, module: Module) -> None:
        self.module = module

    def fault(self, frame: Frame, node: YamlNode, text: str, suggestion: str = "") -> None:
        self.module.findings.add("M405", frame.file, node, text, suggestion)

    def to(self, value: Value, want: Want, node: YamlNode, frame: Frame, block: Block, since: int) -> Value | None:
        """The value as the element takes it; a finding and None where it cannot be."""
        if value.never:
            return value
        if want.type == "":
            if value.shape in ("object", "reference", "coding", "condition"):
                self.fault(frame, node, f"{want.label} is text, and this is {value.of or value.shape}")
                return None
            return value
        kind = self.module.r4.type(want.type)
        if kind is not None and kind.kind == "primitive":
            return self.primitive(value, want, node, frame, block, since)
        if value.shape == "coding":
            return self.coding(value, want, node, frame, block)
        if value.shape == "reference":
            return self.reference(value, want, node, frame)
        if value.shape == "object" and value.of == want.type:
            return value
        given = f"{value.of}" if value.shape == "object" else value.shape
        hint = (
            "use 'as' with a type that makes it, or write its elements"
            if value.shape != "object"
            else "use another type"
        )
        self.fault(frame, node, f"{want.label} is a {want.type}, and this gives {given}", hint)
        return None

    # primitives

    def primitive(
        self, value: Value, want: Want, node: YamlNode, frame: Frame, block: Block, since: int
    ) -> Value | None:
        if value.shape in ("object", "reference", "coding"):
            self.fault(
                frame,
                node,
                f"{want.label} is a {want.type}, and this gives {value.of if value.shape == 'object' else value.shape}",
            )
            return None
        if value.fixed and not isinstance(value.constant, list):
            return self.constant(value, want, node, frame)
        if (
            want.element is not None
            and want.element.codes is not None
            and not self.bound(value, want.element, want, node, frame)
        ):
            return None
        if want.type in STRINGS or (want.type in URIS and value.shape == "uri"):
            if value.shape not in ("integer", "positiveInt", "unsignedInt", "boolean", "condition", "decimal"):
                return value
        elif value.shape in TAKES.get(want.type, frozenset()):
            return (
                self.coded(value, block) if want.type == "code" and value.shape == "text" else self.truth(value, want)
            )
        elif want.type in URIS and value.shape in ("text", "code"):
            return self.uri(value, want, frame, block, since)
        if want.type in STRINGS:
            self.fault(
                frame, node, f"{want.label} is a {want.type}, and this gives {value.shape}", "leave the conversion out"
            )
        else:
            self.fault(
                frame,
                node,
                f"{want.label} is a {want.type}, and this gives {value.shape}",
                f"add {_REMEDY[want.type]}" if want.type in _REMEDY else "",
            )
        return None

    @staticmethod
    def truth(value: Value, want: Want) -> Value:
        if value.shape == "condition":
            return replace(value, code=f"bool({value.code})", shape="boolean", total=True)
        return value

    def coded(self, value: Value, block: Block) -> Value:
        """Text as a code: blanks inside are single."""
        if value.many:
            variable, one = self.module.name("l"), self.module.name("v")
            block.line(f"{variable} = [{one} if {one}.isalnum() else as_code({one}) for {one} in {value.code}]")
            return replace(value, code=variable, shape="code")
        variable = self.module.name("v")
        block.line(f"{variable} = {value.code} if {value.code}.isalnum() else as_code({value.code})")
        return replace(value, code=variable, shape="code")

    def uri(self, value: Value, want: Want, frame: Frame, block: Block, since: int) -> Value:
        """Text as a uri: no blanks."""
        variable = self.module.name("v")
        rule = self.module.rule_here(want.label)
        spot = self.module.spot(since)
        if value.many:
            one = self.module.name("v")
            block.line(f"{variable} = [{one} for {one} in {value.code} if as_uri(r, {one}, {rule}, {spot})]")
        else:
            block.line(f"{variable} = as_uri(r, {value.code}, {rule}, {spot}) if {value.code} else ''")
        return replace(value, code=variable, shape="uri", total=False, weak=value.total)

    def bound(self, value: Value, element: Element, want: Want, node: YamlNode, frame: Frame) -> bool:
        """A required binding: only a table whose codes all lie in it will do."""
        assert element.codes is not None
        if value.shape == "code" and value.of.startswith("table "):
            return self.table_inside(self.module.tables[value.of[6:]], element.codes, want, node, frame)
        if value.shape == "code" and not value.of:
            return True
        self.fault(
            frame, node, f"{want.label} takes only codes of its required value set", "use ' | table x' with those codes"
        )
        return False

    def table_inside(self, table: Table, codes: frozenset[str], want: Want, node: YamlNode, frame: Frame) -> bool:
        outside = sorted({target.code for target in table.targets.values()} - codes)
        if table.fallback is not None and table.fallback.code not in codes:
            outside.append(table.fallback.code)
        if outside:
            hint = self.module.findings.near(outside[0], codes) or f"allowed: {', '.join(sorted(codes)[:12])}"
            self.fault(
                frame, node, f"table '{table.name}' gives '{outside[0]}', which {want.label} does not allow", hint
            )
            return False
        if table.keep:
            self.fault(
                frame,
                node,
                f"table '{table.name}' keeps unknown codes, which {want.label} does not allow",
                "write unmapped: error or {code: x}",
            )
            return False
        return True

    def constant(self, value: Value, want: Want, node: YamlNode, frame: Frame) -> Value | None:
        """A literal in the element's own JSON form."""
        text = str(value.constant)
        made: object = text
        if want.type == "boolean":
            made = {"true": True, "false": False}.get(text)
        elif want.type in _NUMBERS:
            try:
                made = FUNCTIONS[_NUMBERS[want.type]].call(text)
            except BadValue:
                made = None
        definition = self.module.r4.type(want.type)
        fits = made is not None and (
            not isinstance(made, str) or isinstance(made, Decimal) or definition is None or not definition.pattern
            or re.fullmatch(definition.pattern, made) is not None
        )  # fmt: skip
        if not fits or made is None:
            self.fault(frame, node, f"'{text}' is no {want.type}, which {want.label} is", _near_path(text))
            return None
        codes = want.element.codes if want.element else None
        if codes is not None and text not in codes:
            hint = self.module.findings.near(text, codes) or f"allowed: {', '.join(sorted(codes)[:12])}"
            self.fault(frame, node, f"'{text}' is not a code that {want.label} allows", hint)
            return None
        shape = want.type if want.type not in STRINGS else "text"
        return Value(self.module.shared(made), shape, total=True, constant=made)

    # complex types

    def coding(self, value: Value, want: Want, node: YamlNode, frame: Frame, block: Block) -> Value | None:
        """The codes of `| coding x` as Coding or CodeableConcept."""
        if want.type not in ("Coding", "CodeableConcept"):
            self.fault(
                frame,
                node,
                f"{want.label} is a {want.type}, and coding gives a Coding or CodeableConcept",
                "use ' | table x' for a code",
            )
            return None
        concept = want.type == "CodeableConcept"
        name, _, call = value.of.partition("|")
        table = self.module.tables[name]
        if not self.codings(table, value, want, node, frame):
            return None
        if value.fixed:
            constant = {"coding": [value.constant]} if concept else value.constant
            return Value(self.module.shared(constant), "object", want.type, total=True, constant=constant)
        lookup = self.module.table(name, "concept" if concept else "coding")
        again = call.format(table=self.module.table(name, "table"), code="{code}", concept=concept)
        variable = self.module.name("v")
        if value.many:
            one = self.module.name("v")
            made = f"({lookup}.get({one}) or {again.format(code=one)})"
            block.line(f"{variable} = [{one} for {one} in [{made} for {one} in {value.code}] if {one}]")
        else:
            block.line(f"{variable} = {lookup}.get({value.code})")
            silent = " and r.tables" if table.silent else ""
            unknown = again.format(code=value.code)
            block.line(f"if {variable} is None and {value.code}{silent}: {variable} = {unknown}")
        return replace(value, code=variable, shape="object", of=want.type)

    def codings(self, table: Table, value: Value, want: Want, node: YamlNode, frame: Frame) -> bool:
        """A required binding of a coded element."""
        allowed = want.element.codings if want.element else None
        if allowed is None:
            return True
        targets = [(t.system or table.system, t.code) for t in table.targets.values()]
        if table.fallback is not None:
            targets.append((table.fallback.system or table.system, table.fallback.code))
        if value.fixed and isinstance(value.constant, dict):
            targets = [(value.constant.get("system", ""), value.constant.get("code", ""))]
        outside = next((pair for pair in targets if pair not in allowed), None)
        if outside is not None or (table.keep and not value.fixed):
            text = f"'{outside[0]}|{outside[1]}'" if outside else "unknown codes"
            systems = sorted({system for system, _ in allowed})
            self.fault(
                frame,
                node,
                f"table '{table.name}' gives {text}, which {want.label} does not allow",
                f"its system is {systems[0]}" if systems else "",
            )
            return False
        return True

    def reference(self, value: Value, want: Want, node: YamlNode, frame: Frame) -> Value | None:
        if want.type != "Reference":
            self.fault(frame, node, f"{want.label} is a {want.type}, and this is a reference")
            return None
        targets = want.element.targets if want.element else ()
        if targets and value.of not in targets and "Resource" not in targets:
            self.fault(frame, node, f"{want.label} cannot refer to a {value.of}", f"it refers to {', '.join(targets)}")
            return None
        return value


def _near_path(text: str) -> str:
    return "take the '=' away if this is a path" if re.match(r"[A-Z][A-Z0-9]{2}-\d", text) else ""
