"""Alternatives of an object's elements: `$switch` with `$cases`, `$choice`, `$if_empty`."""

from __future__ import annotations

from typing import Protocol

from engine.mapping.content import Content
from engine.mapping.frames import Frame
from engine.mapping.module import Module
from engine.mapping.shapes import Want
from engine.mapping.terms import Terms
from engine.mapping.writer import Block
from engine.yamlfile import YamlList, YamlMap, YamlNode, YamlScalar


class ElementWriter(Protocol):
    """Writes the elements of a branch into an object."""

    def elements(self, node: YamlMap, want: Want, frame: Frame, block: Block, target: str) -> Content | None: ...


class Branches:
    """Emits alternatives."""

    def __init__(self, module: Module, terms: Terms, objects: ElementWriter) -> None:
        self.module, self.terms, self.objects = module, terms, objects

    def fault(self, code: str, frame: Frame, node: YamlNode, text: str, suggestion: str = "") -> None:
        self.module.findings.add(code, frame.file, node, text, suggestion)

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
        made = self.objects.elements(child, want, frame, block, target)
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
        if self.objects.elements(node, want, frame, block, target) is None:
            content.failed = True
