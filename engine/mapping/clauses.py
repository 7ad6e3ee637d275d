"""The instructions that stand beside elements: `$when`, `$let`, `$issue`."""

from __future__ import annotations

from engine.mapping.frames import Frame
from engine.mapping.module import Module
from engine.mapping.shapes import Value, Want
from engine.mapping.terms import Terms
from engine.mapping.writer import Block
from engine.yamlfile import YamlMap, YamlNode, YamlScalar

_LEVELS = {"error": "error", "warn": "warning", "note": "note"}


class Clauses:
    """Emits conditions, names and issues of a node."""

    def __init__(self, module: Module, terms: Terms) -> None:
        self.module, self.terms = module, terms

    def fault(self, code: str, frame: Frame, node: YamlNode, text: str, suggestion: str = "") -> None:
        self.module.findings.add(code, frame.file, node, text, suggestion)

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
            lines = block.buffer()
            value = self.terms.value(expression, inner, lines) if expression is not None else None
            if value is not None and value.needs and value.code.isidentifier() and lines.size > 2:
                block.line(f"{value.code} = {value.absent}")
                block.guarded(lines, value.needs)
            else:
                block.add(lines)
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
