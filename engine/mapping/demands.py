"""What R4 requires of an object: there is a rule for it, and what lacks it does not go out."""

from __future__ import annotations

from engine.mapping.content import Content
from engine.mapping.frames import Frame
from engine.mapping.module import Module
from engine.mapping.shapes import Want
from engine.mapping.writer import Block
from engine.standards.fhir.r4 import TypeDef
from engine.yamlfile import YamlMap, YamlNode


class Demands:
    """Checks required elements when a mapping is compiled, and emits the check of nested ones."""

    def __init__(self, module: Module) -> None:
        self.module = module

    def fault(self, code: str, frame: Frame, node: YamlNode, text: str, suggestion: str = "") -> None:
        self.module.findings.add(code, frame.file, node, text, suggestion)

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
    def open(content: Content, definition: TypeDef) -> bool:
        """Whether a nested object of one optional element may turn out to lack what R4 requires."""
        required = {one.name for one in definition.elements.values() if one.minimum and not one.choice}
        return not required <= content.sure | content.optional

    @staticmethod
    def place(node: YamlMap, name: str) -> YamlNode:
        return node.key(name) or node
