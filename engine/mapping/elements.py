"""Which R4 element a key names, and references that stand among other elements."""

from __future__ import annotations

from engine.expression import Reference
from engine.mapping.frames import Frame
from engine.mapping.module import Module
from engine.mapping.shapes import Want
from engine.mapping.terms import Terms
from engine.mapping.writer import Block
from engine.standards.fhir.r4 import Element, TypeDef
from engine.yamlfile import YamlNode, YamlScalar


class Elements:
    """Knows elements by name."""

    def __init__(self, module: Module, terms: Terms) -> None:
        self.module, self.terms = module, terms

    def fault(self, code: str, frame: Frame, node: YamlNode, text: str, suggestion: str = "") -> None:
        self.module.findings.add(code, frame.file, node, text, suggestion)

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
        if isinstance(expression, Reference) and expression.entry in self.module.entries.known():
            number = self.module.name("i")
            block.line(f"{number} = {self.terms.index(expression.entry, frame)}")
            block.line(f"if {number} is not None: r.link_in({target}, {number})")
            return True
        return False
