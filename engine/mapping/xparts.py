"""Parts of an XPath that becomes Python: what kind of value one gives, and its code as each other kind.

XML Path Language 1.0, sections 3 and 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["nodes", "attributes", "text", "number", "test"]


class Beyond(ValueError):
    """The expression has more to it than is known here."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an expression: its Python, and of attributes the one of their elements.

    `way`: constants of the steps from the root, while there are no others. `child`: of one step to children by name,
    whose number among them is `position()`. `single`: the one node that the list holds. `nested`: one may stand in
    another.
    """

    kind: Kind
    code: str
    attribute: str = ""
    way: str = ""
    child: bool = False
    single: str = ""
    nested: bool = False

    @property
    def texts(self) -> str:
        """Python list of what its nodes say."""
        if self.kind == "nodes":
            return f"[said(one) for one in {self.code}]"
        if self.kind == "attributes":
            name = repr(self.attribute)
            return f"[one.attributes[{name}] for one in {self.code} if {name} in one.attributes]"
        return f"[{self.text}]"

    @property
    def text(self) -> str:
        """Python of it as a text: of nodes the first one's."""
        match self.kind:
            case "text":
                return self.code
            case "attributes" if self.single:
                return f"{self.single}.attributes.get({self.attribute!r}, '')"
            case "nodes" if self.single:
                return f"said({self.single})"
            case "nodes" | "attributes":
                return f"next(iter({self.texts}), '')"
        raise Beyond(self.kind)

    @property
    def test(self) -> str:
        """Python of it as a truth value."""
        if self.kind == "attributes":
            return f"{self.attribute!r} in {self.single}.attributes" if self.single else self.texts
        return self.code

    @property
    def holds(self) -> str:
        """Python of whether there is anything with content."""
        if self.kind == "nodes":
            return f"any([one.text or one.attributes or one.children for one in {self.code}])"
        return f"any({self.texts})" if self.kind == "attributes" else self.test

    @property
    def result(self) -> str:
        """Python list of what it gives: nodes, attributes as node and name, or a text."""
        match self.kind:
            case "nodes":
                return self.code
            case "attributes":
                name = repr(self.attribute)
                return f"[(one, {name}) for one in {self.code} if {name} in one.attributes]"
            case "number":
                return f"[str({self.code})]"
            case "text":
                return f"[{self.code}]"
        return f"['true'] if {self.code} else []"
