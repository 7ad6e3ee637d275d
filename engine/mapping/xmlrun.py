"""One run of a mapping over an XML message: its tree, and what was read of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from math import isfinite
from typing import Any, cast

from lxml import etree

from engine.mapping.markup import prose
from engine.mapping.runtime import Run
from engine.mapping.trees import NOTHING, ROOT, Node, Read, Ways, Whole
from engine.mapping.values import Kept
from engine.mapping.xkept import Known, content, known, light
from engine.standards import Tree
from engine.standards.fhir.shared import share


class Said(str):
    """A text that an expression picked out of a node."""

    node: Node = NOTHING


Found = Read | str
"""What an expression gives; a truth value or a number as a text."""
Asked = Callable[["XmlRun", Node], Sequence[Found]]
"""An expression, as a function of a run and the node that it begins at."""


_NOTHING = Whole([NOTHING], [NOTHING])


@dataclass(slots=True)
class XmlRun(Run):
    """State of one run. `reads`: what rules have read so far, in order, with repetitions."""

    whole: Whole = _NOTHING
    root: Node = field(init=False)
    reads: list[Read] = field(default_factory=list)
    read: Callable[[Read], None] = field(init=False)
    nodes: dict[Any, Node] = field(default_factory=dict)
    ways: Ways = field(init=False)

    def __post_init__(self) -> None:
        self.root = self.whole.nodes[0]
        self.ways = Ways({ROOT: [self.root]})
        self.read = self.reads.append

    def place(self, segment: Any, path: str, raw: str = "") -> str:
        """`MsgHead/MsgInfo/Type/@V`; "" for what is not there."""
        element = segment.element
        return cast("Tree", self.document).place(element) + path if element is not None else ""

    def located(self, path: Asked, at: Node) -> list[Node]:
        """The elements that an expression gives."""
        return [one for one in path(self, at) if isinstance(one, Node)] if at else []

    def texts(self, found: Sequence[Found], counted: bool) -> list[str]:
        """The texts of what an expression gave, without the empty ones."""
        return [text for one in found if (text := self._text(one, counted))]

    def text(self, found: Sequence[Found], counted: bool) -> str:
        """The text of the first that an expression gave."""
        return self._text(found[0], counted) if found else ""

    def markup(self, at: Node, counted: bool) -> str:
        """The text of an element with all that stands in it, which then counts as read; attributes do not."""
        if at.element is None:
            return ""
        if counted:
            for one in self.whole.within(at):
                if one.text:
                    self.read(one)
        return prose(at.element)

    def holds(self, path: Asked, at: Node) -> bool:
        """Whether an expression gives anything with content."""
        for one in path(self, at) if at else ():
            if one.filled if isinstance(one, Node) else one[0].attributes[one[1]] if isinstance(one, tuple) else one:
                return True
        return False

    def content(self, node: Node, more: object) -> object:
        """What a template's result is kept by."""
        return content(self.whole, node, more)

    def keep(self, kept: Kept, key: object, node: Node, value: Any, since: int) -> None:
        """Keep what was made of a node, with what was read of it since."""
        found = known(node, value, self.reads[since:])
        if key is not None and found is not None and light(self.whole, node):
            share(value)
            kept[key] = found

    def again(self, node: Node, found: Known) -> Any:
        """What was kept, and its reads noted."""
        nodes, at = self.whole.nodes, node.order
        self.reads.extend([nodes[at + place] for place in found.texts])
        self.reads.extend([(nodes[at + place], name) for place, name in found.attributes])
        return found.value

    def node(self, element: etree._Element) -> Node:
        """The node of an element."""
        if not self.nodes:
            self.nodes = {one.element: one for one in self.whole.nodes}
        return self.nodes.get(element, NOTHING)

    def _text(self, found: Found, counted: bool) -> str:
        if isinstance(found, str):
            if counted and isinstance(found, Said) and found.node and found.strip():
                self.read(found.node)
            return found.strip()
        text = found.text if isinstance(found, Node) else found[0].attributes[found[1]].strip()
        if counted and text:
            self.read(found)
        return text


def evaluated(path: etree.XPath) -> Asked:
    """An expression that lxml evaluates."""

    def asked(run: XmlRun, at: Node) -> Sequence[Found]:
        if at.element is None or run.root.element is None:
            return []
        found: Any = path(at.element, root=run.root.element)
        if isinstance(found, bool):
            return ["true"] if found else []
        if isinstance(found, float):
            return [_number(found)] if isfinite(found) else []
        return [_found(run, one) for one in found] if isinstance(found, list) else [str(found)]

    return asked


def _found(run: XmlRun, one: Any) -> Found:
    if isinstance(one, etree._Element):
        return run.node(one)
    parent = one.getparent() if hasattr(one, "getparent") else None
    if parent is not None and getattr(one, "is_tail", False):
        parent = parent.getparent()
    node = run.node(parent) if parent is not None else NOTHING
    name = str(one.attrname or "") if parent is not None else ""
    if name in node.attributes:
        return node, name
    said = Said(one)
    said.node = node
    return said


def _number(found: float) -> str:
    """A number with all its digits and no exponent. XPath 1.0, 4.2 (`string`)."""
    return str(int(found)) if found.is_integer() else f"{Decimal(repr(found)):f}"
