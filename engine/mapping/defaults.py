"""What becomes of a value that is absent: `$default`, `$required`; and one value where a list is wanted."""

from __future__ import annotations

from dataclasses import replace

from engine.mapping.assign import Assign
from engine.mapping.frames import Frame
from engine.mapping.module import Module
from engine.mapping.shapes import Value, Want
from engine.mapping.writer import Block
from engine.yamlfile import YamlNode, YamlScalar


def wrapped(module: Module, value: Value) -> Value:
    """One value as the list that the element takes."""
    if value.fixed:
        constant = [value.constant]
        return replace(value, code=module.shared(constant), many=True, constant=constant)
    if value.total:
        return replace(value, code=f"[{value.code}]", many=True)
    return replace(value, code=f"[{value.code}]", many=True, test=value.present)


class Defaults:
    """Emits what stands in for a value, or says that it is missing."""

    def __init__(self, module: Module, assign: Assign) -> None:
        self.module, self.assign = module, assign

    def fault(self, frame: Frame, node: YamlNode, text: str, suggestion: str = "") -> None:
        self.module.findings.add("M403", frame.file, node, text, suggestion)

    def default(self, node: YamlNode, value: Value, want: Want, frame: Frame, block: Block) -> Value | None:
        if not isinstance(node, YamlScalar):
            self.fault(frame, node, "$default is a text", "write $default: unknown")
            return None
        text = node.text.lstrip("=").strip() if node.text.lstrip().startswith("=") else node.text
        literal = Value(repr(text), "text", total=True, constant=text)
        made = self.assign.to(literal, want.single, node, frame, block, len(self.module.seen))
        if made is None:
            return None
        if want.many:
            made = wrapped(self.module, made)
        block.line(f"if not ({value.present}): {value.code} = {made.code}")
        return replace(value, total=True, ensured=True, needs=None)

    def required(
        self, node: YamlNode, value: Value, want: Want, since: int, frame: Frame, block: Block
    ) -> Value | None:
        if not isinstance(node, YamlScalar) or node.text not in ("true", "false"):
            self.fault(frame, node, "$required is true or false")
            return None
        if node.text == "false":
            return value
        rule = self.module.rule(frame.file, node, want.label)
        block.line(f"if not ({value.present}): r.required({rule}, {self.module.places(since)})")
        return replace(value, ensured=True, needs=None)
