"""The instructions that stand among the elements of an object: `$switch`, `$choice`, `$value`, `$extend`, `$ignore`."""

from __future__ import annotations

from typing import Protocol

from engine.expression import As
from engine.mapping.branches import Branches
from engine.mapping.content import Content
from engine.mapping.frames import Frame
from engine.mapping.module import Module
from engine.mapping.shapes import Want
from engine.mapping.terms import Terms
from engine.standards.fhir.r4 import TypeDef
from engine.yamlfile import YamlMap, YamlNode, YamlScalar

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


class ElementWriter(Protocol):
    """Writes elements, and alternatives of them."""

    branches: Branches

    def element(
        self,
        key: YamlScalar,
        child: YamlNode,
        definition: TypeDef,
        want: Want,
        frame: Frame,
        content: Content,
        target: str,
    ) -> None: ...


class Instructions:
    """Emits instructions."""

    def __init__(self, module: Module, terms: Terms, objects: ElementWriter) -> None:
        self.module, self.terms, self.objects = module, terms, objects

    def fault(self, code: str, frame: Frame, node: YamlNode, text: str, suggestion: str = "") -> None:
        self.module.findings.add(code, frame.file, node, text, suggestion)

    def emit(
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
            self.objects.branches.switch(child, node.get("$cases"), want, frame, content, target, node.get("$if_empty"))
        elif name == "$choice":
            self.objects.branches.choice(child, want, frame, content, target, node.get("$if_empty"))
        elif name == "$extend" and isinstance(child, YamlScalar):
            text = child.text.lstrip("= ").strip()
            self.objects.element(
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
