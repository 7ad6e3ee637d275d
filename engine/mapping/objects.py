"""Objects: elements checked against R4, and the instructions that shape them.

An object is there when one of its elements that can be absent is there; what is constant is added to what exists.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from engine.expression import As, Reference
from engine.mapping.frames import Frame
from engine.mapping.module import Module, Value, Want, united
from engine.mapping.terms import Terms
from engine.mapping.writer import Block
from engine.standards.fhir.r4 import Element, TypeDef
from engine.yamlfile import YamlList, YamlMap, YamlNode, YamlScalar

OBJECT_KEYS = frozenset(
    {
        "$when",
        "$let",
        "$value",
        "$switch",
        "$cases",
        "$choice",
        "$if_empty",
        "$issue",
        "$extend",
        "$ignore",
        "$required",
    }
)
_LEVELS = {"error": "error", "warn": "warning", "note": "note"}


class NodeValues(Protocol):
    def node(self, node: YamlNode, want: Want, frame: Frame, block: Block) -> Value | None: ...


@dataclass(slots=True)
class Content:
    """What is known of an object's elements: those that may be absent, then those that cannot."""

    maybe: Block
    always: Block
    constants: dict[str, object] = field(default_factory=dict)
    fixed: bool = True
    optional: set[str] = field(default_factory=set)
    optional_weak: set[str] = field(default_factory=set)
    sure: set[str] = field(default_factory=set)
    ensured: set[str] = field(default_factory=set)
    choices: dict[str, str] = field(default_factory=dict)
    branches: bool = False
    needs: list[frozenset[str] | None] = field(default_factory=list)
    failed: bool = False

    @property
    def named(self) -> set[str]:
        return self.optional | self.optional_weak | self.sure | self.ensured


class Objects:
    """Emits objects."""

    def __init__(self, module: Module, terms: Terms, nodes: NodeValues) -> None:
        self.module, self.terms, self.nodes = module, terms, nodes

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
        frame = self.let(node.get("$let"), frame, block)
        when = node.get("$when")
        if when is not None:
            test = self.when(when, frame, block)
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
        block.line(f"{variable} = {{}}")
        block.add(content.maybe)
        self.complete(content, definition, want, node, frame, block, variable, nested=True)
        if always_there:
            block.add(content.always)
        elif not content.always.empty:
            inner = block.inside(f"if {variable}:")
            content.always.shift(1)
            inner.add(content.always)
        issue = node.get("$issue")
        if issue is not None:
            self.issue(issue, variable, want, frame, block)
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
        required = node.get("$required")
        if isinstance(required, YamlScalar) and required.text == "true" and not value.total:
            rule = self.module.rule(frame.file, required, want.label)
            outside.line(f"if not {variable}: r.required({rule}, ())")
            return Value(variable, "object", want.type, ensured=True, sure=value.sure)
        return value

    def elements(self, node: YamlMap, want: Want, frame: Frame, block: Block, target: str) -> Content | None:
        """The elements of a body or branch, written into an object that is there already."""
        definition = self.module.r4.type(want.type)
        if definition is None:
            return None
        frame = self.let(node.get("$let"), frame, block)
        when = node.get("$when")
        if when is not None:
            test = self.when(when, frame, block)
            if test is None:
                return None
            block = block.inside(f"if {test}:")
        content = self.content(node, definition, want, frame, block, target)
        block.add(content.maybe)
        block.add(content.always)
        issue = node.get("$issue")
        if issue is not None:
            self.issue(issue, "True", want, frame, block)
        return None if content.failed else content

    def content(
        self, node: YamlMap, definition: TypeDef, want: Want, frame: Frame, block: Block, target: str
    ) -> Content:
        content = Content(block.buffer(), block.buffer())
        for key, child in node.entries:
            if key.text.startswith("$"):
                self.instruction(key, child, node, definition, want, frame, content, target)
            else:
                self.element(key, child, definition, want, frame, content, target)
        return content

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
        element = self.known(key, definition, want, frame)
        if element is None:
            content.failed = True
            return
        if element.choice:
            other = content.choices.setdefault(element.choice, key.text)
            if other != key.text:
                self.fault(
                    "M406",
                    frame,
                    key,
                    f"only one of {element.choice}[x]: '{other}' is there already",
                    "put both under $choice or $switch",
                )
                content.failed = True
                return
        inner = Want(element.type, f"{want.label}.{key.text}", element.many, element)
        lines = content.maybe.buffer()
        since = len(self.module.seen)
        if want.type == "Reference" and key.text == "reference" and self.linked(child, target, frame, lines):
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
        if value.fixed:
            content.constants[key.text] = value.constant
            content.sure.add(key.text)
            content.always.add(lines)
            content.always.line(f"{target}[{key.text!r}] = {value.code}{trace}")
        elif value.total:
            content.fixed = False
            content.sure.add(key.text)
            content.always.add(lines)
            content.always.line(f"{target}[{key.text!r}] = {value.code}{trace}")
        elif value.weak:
            content.fixed = False
            content.optional_weak.add(key.text)
            content.always.add(lines)
            content.always.line(f"if {value.present}: {target}[{key.text!r}] = {value.code}{trace}")
        else:
            content.fixed = False
            (content.ensured if value.ensured else content.optional).add(key.text)
            content.optional.add(key.text)
            lines.line(f"if {value.present}: {target}[{key.text!r}] = {value.code}{trace}")
            content.needs.append(value.needs)
            content.maybe.guarded(lines, value.needs)

    def traced(self, target: str, key: YamlScalar, child: YamlNode, want: Want, frame: Frame, since: int) -> str:
        """In a traced build, a note of what made the element."""
        if not self.module.trace:
            return ""
        rule = self.module.rule(frame.file, child, want.label)
        return f"; r.made({target}, {key.text!r}, {rule}, {self.module.places(since)})"

    def known(self, key: YamlScalar, definition: TypeDef, want: Want, frame: Frame) -> Element | None:
        element = definition.elements.get(key.text)
        if element is None and key.text.startswith("_"):
            plain = definition.elements.get(key.text[1:])
            kind = self.module.r4.type(plain.type) if plain else None
            if plain is not None and kind is not None and kind.kind == "primitive" and not plain.many:
                return Element(key.text, ("Element",), 0, False)
        if element is None:
            hint = self.module.findings.near(key.text, definition.elements)
            if not hint and key.text in definition.choices:
                names = [e.name for e in definition.elements.values() if e.choice == key.text]
                hint = f"write it with its type: {', '.join(names[:4])}"
            self.fault("M401", frame, key, f"{definition.name} has no element '{key.text}'", hint)
        return element

    def linked(self, child: YamlNode, target: str, frame: Frame, block: Block) -> bool:
        """`reference: ->key` among other elements of a Reference."""
        if not isinstance(child, YamlScalar) or not child.text.lstrip().startswith("->"):
            return False
        expression = self.terms.parsed(child, frame.file)
        if isinstance(expression, Reference) and expression.entry in self.module.entries.keys():
            number = self.module.name("i")
            block.line(f"{number} = {self.terms.index(expression.entry, frame)}")
            block.line(f"if {number} is not None: r.link_in({target}, {number})")
            return True
        return False

    # instructions

    def instruction(
        self,
        key: YamlScalar,
        child: YamlNode,
        node: YamlMap,
        definition: TypeDef,
        want: Want,
        frame: Frame,
        content: Content,
        target: str,
    ) -> None:
        name = key.text
        if name not in OBJECT_KEYS:
            hint = self.module.findings.near(name, OBJECT_KEYS | {"$first", "$default", "$for_each"})
            self.fault("M407", frame, key, f"'{name}' has no meaning in an object", hint)
            content.failed = True
        elif name == "$value":
            self.joined(child, want, frame, content, target)
        elif name == "$switch":
            self.switch(child, node.get("$cases"), want, frame, content, target, node.get("$if_empty"))
        elif name == "$choice":
            self.choice(child, want, frame, content, target, node.get("$if_empty"))
        elif name == "$extend" and isinstance(child, YamlScalar):
            text = child.text.lstrip("= ").strip()
            self.element(
                YamlScalar("url", "plain", key.line, key.column),
                self.module.findings.like(YamlScalar(f"= {text}", "plain", child.line, child.column), child),
                definition, want, frame, content, target,
            )  # fmt: skip
        elif name == "$ignore" and isinstance(child, YamlMap):
            for ignored, reason in child.entries:
                if isinstance(reason, YamlScalar) and reason.text.strip():
                    self.module.sources.ignore.setdefault(ignored.text, reason.text)
                else:
                    self.fault(
                        "M111", frame, ignored, f"no reason for ignoring {ignored.text}", "say why nobody needs it"
                    )
        elif name == "$cases" and node.get("$switch") is None:
            self.fault("M407", frame, key, "$cases without $switch", "write $switch: OBX-2 above it")
        elif name == "$if_empty" and node.get("$switch") is None and node.get("$choice") is None:
            self.fault("M407", frame, key, "$if_empty without $switch or $choice")

    def joined(self, child: YamlNode, want: Want, frame: Frame, content: Content, target: str) -> None:
        """`X as TYPE` whose elements join the object."""
        expression = self.terms.parsed(child, frame.file)
        if not isinstance(expression, As):
            if expression is not None:
                self.fault(
                    "M405",
                    frame,
                    child,
                    f"{want.label} is a {want.type}, and this is no 'as TYPE'",
                    "write its elements, or X as TYPE",
                )
            content.failed = True
            return
        self.module.label = want.label
        value = self.terms.value(expression, frame, content.maybe)
        if value is None or value.shape != "object" or value.of != want.type or value.many:
            if value is not None:
                self.fault(
                    "M405",
                    frame,
                    child,
                    f"{want.label} is a {want.type}, and this gives {value.of or value.shape}",
                    "use a type with that $target",
                )
            content.failed = True
            return
        content.maybe.line(f"if {value.code}: {target}.update({value.code})")
        if self.module.trace:
            content.maybe.line(f"r.joined({target}, {value.code})")
        content.needs.append(value.needs)
        content.branches = True
        content.fixed = False
        content.ensured |= value.sure

    def switch(
        self,
        over: YamlNode,
        cases: YamlNode | None,
        want: Want,
        frame: Frame,
        content: Content,
        target: str,
        empty: YamlNode | None,
    ) -> None:
        """`$switch`, `$cases`: the elements of one branch."""
        content.needs.append(None)
        expression = self.terms.parsed(over, frame.file)
        block = content.maybe
        content.branches, content.fixed = True, False
        if expression is None or not isinstance(cases, YamlMap) or not cases.entries:
            if expression is not None:
                self.fault("M407", frame, over, "$switch needs $cases", "write $cases: with the values below")
            content.failed = True
            return
        value = self.terms.value(expression, frame, block)
        if value is None:
            content.failed = True
            return
        before = self.module.name("n")
        block.line(f"{before} = len({target})")
        word, seen = "if", set[str]()
        last: YamlNode | None = None
        for key, child in cases.entries:
            if key.text == "$else":
                last = child
                continue
            values = [one.strip() for one in key.text.split(",")]
            twice = seen & set(values)
            if twice:
                self.fault("M408", frame, key, f"the case '{sorted(twice)[0]}' stands twice")
            seen |= set(values)
            test = f"== {values[0]!r}" if len(values) == 1 else "in {" + ", ".join(map(repr, values)) + "}"
            self.branch(child, want, frame, block.inside(f"{word} {value.code} {test}:"), content, target)
            word = "elif"
        if last is not None:
            self.branch(last, want, frame, block.inside("else:") if seen else block, content, target)
        self.empty(empty, before, want, frame, content, target)

    def branch(self, child: YamlNode, want: Want, frame: Frame, block: Block, content: Content, target: str) -> None:
        """Elements of a branch; `X as TYPE` stands for a branch of its own."""
        if isinstance(child, YamlScalar):
            key = YamlScalar("$value", "plain", child.line, child.column)
            child = self.module.findings.like(YamlMap(((key, child),), child.line, child.column), child)
        if not isinstance(child, YamlMap):
            self.fault("M407", frame, child, "a branch is a map of elements")
            content.failed = True
            return
        made = self.elements(child, want, frame, block, target)
        if made is None:
            content.failed = True
            return
        for choice, name in made.choices.items():
            if choice in content.choices and choice not in self._branched(content):
                self.fault(
                    "M406",
                    frame,
                    child,
                    f"only one of {choice}[x]: '{content.choices[choice]}' is there already",
                    f"take {name} away",
                )
            content.choices.setdefault(choice, f"${choice}")

    @staticmethod
    def _branched(content: Content) -> set[str]:
        return {choice for choice, name in content.choices.items() if name.startswith("$")}

    def choice(
        self, child: YamlNode, want: Want, frame: Frame, content: Content, target: str, empty: YamlNode | None
    ) -> None:
        """`$choice`: the first alternative that gives an element."""
        content.needs.append(None)
        content.branches, content.fixed = True, False
        if not isinstance(child, YamlList) or not child.items:
            self.fault("M407", frame, child, "$choice is a list of alternatives", "begin each with '- '")
            content.failed = True
            return
        before = self.module.name("n")
        block = content.maybe
        block.line(f"{before} = len({target})")
        for position, item in enumerate(child.items):
            inside = block if position == 0 else block.inside(f"if len({target}) == {before}:")
            self.branch(item, want, frame, inside, content, target)
        self.empty(empty, before, want, frame, content, target)

    def empty(
        self, node: YamlNode | None, before: str, want: Want, frame: Frame, content: Content, target: str
    ) -> None:
        """`$if_empty`."""
        if node is None:
            return
        if not isinstance(node, YamlMap):
            self.fault("M407", frame, node, "$if_empty is a map of elements")
            content.failed = True
            return
        block = content.maybe.inside(f"if len({target}) == {before}:")
        if self.elements(node, want, frame, block, target) is None:
            content.failed = True

    def when(self, node: YamlNode, frame: Frame, block: Block) -> str | None:
        expression = self.terms.parsed(node, frame.file)
        return None if expression is None else self.terms.condition(expression, frame, block)

    def let(self, node: YamlNode | None, frame: Frame, block: Block) -> Frame:
        """`$let`: a frame with further names."""
        if node is None:
            return frame
        if not isinstance(node, YamlMap):
            self.fault("M407", frame, node, "$let is a map of names")
            return frame
        inner = Frame("names", frame.file, "", block.here(), frame)
        for name, child in node.entries:
            expression = self.terms.parsed(child, frame.file)
            value = self.terms.value(expression, inner, block) if expression is not None else None
            if value is None:
                value = Value("''", "text")
            elif value.code.isidentifier() or value.fixed or value.shape == "coding":
                pass
            else:
                variable = self.module.name("x")
                block.line(f"{variable} = {value.code}")
                value = value.named(variable)
            inner.variables[name.text] = value
        return inner

    def issue(self, node: YamlNode, test: str, want: Want, frame: Frame, block: Block) -> None:
        """`$issue: "warn: text"`."""
        level, _, text = node.text.partition(":") if isinstance(node, YamlScalar) else ("", "", "")
        if level.strip() not in _LEVELS or not text.strip():
            self.fault("M407", frame, node, "$issue is a severity and a text", "write $issue: 'warn: what is wrong'")
            return
        rule = self.module.rule(frame.file, node, want.label)
        call = f"r.issue({_LEVELS[level.strip()]!r}, 'map.stated', {text.strip()!r}, '', '', {rule})"
        block.line(call if test == "True" else f"if {test}: {call}")

    # what R4 requires

    def complete(
        self,
        content: Content,
        definition: TypeDef,
        want: Want,
        node: YamlMap,
        frame: Frame,
        block: Block,
        target: str,
        nested: bool,
    ) -> None:
        """Elements that R4 requires: there is a rule, and an object without them does not go out."""
        for element in definition.elements.values():
            if not element.minimum or element.choice:
                continue
            name = element.name
            if name not in content.named and not content.branches:
                self.fault(
                    "M409",
                    frame,
                    node,
                    f"{want.label} ({definition.name}) requires '{name}', and there is no rule for it",
                    f"add {name}:",
                )
            elif nested and name not in content.sure:
                rule = self.module.rule(frame.file, node, want.label)
                block.line(f"if {target} and {name!r} not in {target}: r.incomplete({rule}, {name!r}); {target} = None")
            elif not nested and name not in content.sure and name not in content.ensured:
                self.fault(
                    "M410", frame, self.place(node, name),
                    f"{want.label}.{name} is required, and its rule can miss",
                    "add $required: true, $default, or a table with unmapped: error and a source that is always there",
                )  # fmt: skip
        for choice in {e.choice for e in definition.elements.values() if e.choice and e.minimum}:
            if choice not in content.choices and not content.branches:
                self.fault(
                    "M409",
                    frame,
                    node,
                    f"{want.label} ({definition.name}) requires {choice}[x], and there is no rule for it",
                )

    @staticmethod
    def place(node: YamlMap, name: str) -> YamlNode:
        return node.key(name) or node
