"""Objects: elements checked against R4, and the instructions that shape them.

An object is there when one of its elements that can be absent is there; what is constant is added to what exists.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from engine.mapping.branches import Branches
from engine.mapping.clauses import Clauses
from engine.mapping.content import Content
from engine.mapping.demands import Demands
from engine.mapping.elements import Elements
from engine.mapping.frames import Frame
from engine.mapping.instructions import Instructions
from engine.mapping.module import Module
from engine.mapping.portions import Portion, Portions
from engine.mapping.shapes import Value, Want, united
from engine.mapping.terms import Terms
from engine.mapping.writer import Block
from engine.standards.fhir.r4 import Element, TypeDef
from engine.yamlfile import YamlMap, YamlNode, YamlScalar


class NodeValues(Protocol):
    def node(self, node: YamlNode, want: Want, frame: Frame, block: Block) -> Value | None: ...


class Objects:
    """Emits objects."""

    def __init__(self, module: Module, terms: Terms, nodes: NodeValues) -> None:
        self.module, self.terms, self.nodes = module, terms, nodes
        self.clauses, self.demands = Clauses(module, terms), Demands(module)
        self.named = Elements(module, terms)
        self.portions = Portions(module)
        self.branches = Branches(module, terms, self)
        self.instructions = Instructions(module, terms, self)

    def fault(self, code: str, frame: Frame, node: YamlNode, text: str, suggestion: str = "") -> None:
        self.module.findings.add(code, frame.file, node, text, suggestion)

    def object(self, node: YamlMap, want: Want, frame: Frame, block: Block) -> Value | None:
        """A nested object."""
        definition = self.module.r4.type(want.type)
        if definition is None:
            self.fault("M401", frame, node, f"'{want.type}' is no R4 type")
            return None
        variable = self.module.name("o")
        start, outside = block.here(), block
        frame = self.clauses.let(node.get("$let"), frame, block)
        when = node.get("$when")
        if when is not None:
            test = self.clauses.when(when, frame, block)
            if test is None:
                return None
            block = block.inside(f"if {test}:")
        content = self.content(node, definition, want, frame, block, variable)
        if content.failed:
            return None
        always_there = not content.optional and not content.branches
        constants_only = always_there and content.fixed and when is None and node.get("$issue") is None
        if constants_only and not self.module.trace:
            constant = content.constants
            return Value(self.module.shared(constant), "object", want.type, total=True, constant=constant)
        made = self.lone(node, content, definition, block)
        if made is not None and when is None:
            return made
        if made is not None:
            block.line(f"if {made.test}: {variable} = {made.code}")
            start.line(f"{variable} = None")
            return replace(made, code=variable, test="")
        block.line(f"{variable} = {{}}")
        block.add(content.maybe)
        self.demands.complete(content, definition, want, node, frame, block, variable, nested=True)
        if always_there:
            block.add(content.always)
        elif not content.always.empty:
            inner = block.inside(f"if {variable}:")
            inner.add(content.always)
        issue = node.get("$issue")
        if issue is not None:
            self.clauses.issue(issue, variable, want, frame, block)
        if when is not None:
            start.line(f"{variable} = None")
        needs = united(content.needs)
        if always_there:
            needs = self.terms.positive(self.terms.parsed(when, frame.file), frame) if when is not None else None
        if issue is not None:
            needs = None
        value = Value(
            variable,
            "object",
            want.type,
            total=always_there and when is None,
            sure=frozenset(content.sure),
            needs=needs,
        )
        return self.demanded(value, node, want, frame, outside)

    def demanded(self, value: Value, node: YamlMap, want: Want, frame: Frame, block: Block) -> Value:
        """`$required` of an object."""
        required = node.get("$required")
        if not isinstance(required, YamlScalar) or required.text != "true" or value.total:
            return value
        rule = self.module.rule(frame.file, required, want.label)
        block.line(f"if not {value.code}: r.required({rule}, ())")
        return Value(value.code, "object", want.type, ensured=True, sure=value.sure)

    def lone(self, node: YamlMap, content: Content, definition: TypeDef, block: Block) -> Value | None:
        """An object of one element and constants, written as it stands, where nothing is to be said of it."""
        found = content.lone
        stated = node.get("$issue") is not None or node.get("$required") is not None
        if found is None or stated or self.module.trace or self.demands.open(content, definition):
            return None
        name, lines, value = found
        block.add(lines)
        made = [f"{name!r}: {value.code}"]
        made += [f"{key!r}: {self.module.shared(constant)}" for key, constant in content.constants.items()]
        code = "{" + ", ".join(made) + "}"
        return Value(
            code, "object", definition.name, sure=frozenset(content.sure), needs=value.needs, test=value.present
        )

    def elements(
        self, node: YamlMap, want: Want, frame: Frame, block: Block, target: str, grouped: bool = False
    ) -> Content | None:
        """The elements of a body or branch, written into an object that is there already.

        `grouped`: of a body that is made for one instance of a group after the other.
        """
        definition = self.module.r4.type(want.type)
        if definition is None:
            return None
        frame = self.clauses.let(node.get("$let"), frame, block)
        when = node.get("$when")
        if when is not None:
            test = self.clauses.when(when, frame, block)
            if test is None:
                return None
            block = block.inside(f"if {test}:")
        content = self.content(node, definition, want, frame, block, target, grouped and when is None)
        block.add(content.maybe)
        block.add(content.always)
        issue = node.get("$issue")
        if issue is not None:
            self.clauses.issue(issue, "True", want, frame, block)
        return None if content.failed else content

    def content(
        self,
        node: YamlMap,
        definition: TypeDef,
        want: Want,
        frame: Frame,
        block: Block,
        target: str,
        grouped: bool = False,
    ) -> Content:
        content = Content(block.buffer(), block.buffer(), grouped=grouped)
        for key, child in node.entries:
            if key.text.startswith("$"):
                self.flush(content, frame, target)
                self.instructions.emit(key, child, node, definition, want, frame, content, target)
            else:
                self.element(key, child, definition, want, frame, content, target)
        self.flush(content, frame, target)
        return content

    def flush(self, content: Content, frame: Frame, target: str) -> None:
        """The portion before an element that is none of it."""
        alone = len(content.optional) == 1
        self.portions.flush(content.portion, frame, content.maybe, target, alone)
        content.portion = Portion()

    def element(
        self,
        key: YamlScalar,
        child: YamlNode,
        definition: TypeDef,
        want: Want,
        frame: Frame,
        content: Content,
        target: str,
    ) -> None:
        """One element: checked, compiled, and put where it belongs."""
        element = self.named.known(key, definition, want, frame)
        if element is None:
            content.failed = True
            return
        if element.choice and not self.alone(element, key, frame, content):
            return
        inner = Want(element.type, f"{want.label}.{key.text}", element.many, element)
        kind, fields = self.portions.kind(child, inner, frame, content.grouped)
        if kind != content.portion.kind:
            self.flush(content, frame, target)
        # What is made elsewhere knows nothing of what was read here.
        lines = Block() if kind else content.maybe.buffer()
        since = len(self.module.seen)
        if want.type == "Reference" and key.text == "reference" and self.named.linked(child, target, frame, lines):
            content.optional.add("reference")
            content.fixed = False
            content.maybe.add(lines)
            content.needs.append(None)
            return
        value = self.nodes.node(child, inner, frame, lines)
        if value is None:
            content.failed = True
            return
        if value.never:
            return
        trace = self.traced(target, key, child, inner, frame, since)
        put = f"{target}[{key.text!r}] = {value.code}{trace}"
        content.fixed = content.fixed and value.fixed
        if value.total:
            content.constants[key.text] = value.constant
            content.sure.add(key.text)
            content.always.add(lines)
            content.always.line(put)
        elif value.weak:
            content.optional_weak.add(key.text)
            content.always.add(lines)
            content.always.line(f"if {value.present}: {put}")
        else:
            content.optional.add(key.text)
            if value.ensured:
                content.ensured.add(key.text)
            content.last = key.text, lines.copy(), value
            content.needs.append(value.needs)
            if kind:
                content.portion.add(kind, fields, (lines, key.text, value))
            else:
                lines.line(f"if {value.present}: {put}")
                content.maybe.guarded(lines, value.needs)

    def alone(self, element: Element, key: YamlScalar, frame: Frame, content: Content) -> bool:
        """No other element of the same choice stands beside it."""
        other = content.choices.setdefault(element.choice, key.text)
        if other == key.text:
            return True
        text = f"only one of {element.choice}[x]: '{other}' is there already"
        self.fault("M406", frame, key, text, "put both under $choice or $switch")
        content.failed = True
        return False

    def traced(self, target: str, key: YamlScalar, child: YamlNode, want: Want, frame: Frame, since: int) -> str:
        """In a traced build, a note of what made the element."""
        if not self.module.trace:
            return ""
        rule = self.module.rule(frame.file, child, want.label)
        return f"; r.made({target}, {key.text!r}, {rule}, {self.module.places(since)})"
