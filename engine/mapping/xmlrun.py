"""One run of a mapping over an XML message: its tree, and what was read of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from math import isfinite
from typing import Any, cast

from lxml import etree

from engine.mapping.markup import prose
from engine.mapping.runtime import Run
from engine.mapping.trees import NOTHING, ROOT, Node, Ways, all_of
from engine.standards import Tree

Read = Node | tuple[Node, str]
"""A node, for its text; or a node and the name of its attribute."""


@dataclass(slots=True)
class XmlRun(Run):
    """State of one run. `reads`: what rules have read so far, in order, with repetitions."""

    root: Node = NOTHING
    reads: list[Read] = field(default_factory=list)
    read: Callable[[Read], None] = field(init=False)
    nodes: dict[Any, Node] = field(default_factory=dict)
    ways: Ways = field(init=False)

    def __post_init__(self) -> None:
        self.ways = Ways({ROOT: [self.root]})
        self.read = self.reads.append

    def place(self, segment: Any, path: str, raw: str = "") -> str:
        """`MsgHead/MsgInfo/Type/@V`; "" for what is not there."""
        element = segment.element
        return cast("Tree", self.document).place(element) + path if element is not None else ""

    def located(self, path: etree.XPath, at: Node) -> list[Node]:
        """The elements that an expression gives."""
        return [self.node(one) for one in self._evaluated(path, at) if isinstance(one, etree._Element)]

    def located_first(self, path: etree.XPath, at: Node) -> Node:
        return next(iter(self.located(path, at)), NOTHING)

    def texts(self, path: etree.XPath, at: Node, counted: bool) -> list[str]:
        """The texts of what an expression gives, without the empty ones."""
        found = [(self._text(one, counted)) for one in self._evaluated(path, at)]
        return [text for text in found if text]

    def text(self, path: etree.XPath, at: Node, counted: bool) -> str:
        """The text of the first that an expression gives."""
        return self._text(next(iter(self._evaluated(path, at)), ""), counted)

    def markup(self, at: Node, counted: bool) -> str:
        """The text of an element with all that stands in it, which then counts as read; attributes do not."""
        if at.element is None:
            return ""
        if counted:
            for one in all_of(at):
                if one.text:
                    self.read(one)
        return prose(at.element)

    def holds(self, path: etree.XPath, at: Node) -> bool:
        """Whether an expression gives anything with content."""
        found = self._evaluated(path, at)
        return any(self.node(one).filled if isinstance(one, etree._Element) else str(one).strip() for one in found)

    def node(self, element: etree._Element) -> Node:
        """The node of an element."""
        if not self.nodes:
            self.nodes = {one.element: one for one in all_of(self.root)}
        return self.nodes.get(element, NOTHING)

    def _evaluated(self, path: etree.XPath, at: Node) -> list[Any]:
        if at.element is None or self.root.element is None:
            return []
        found = path(at.element, root=self.root.element)
        if isinstance(found, bool):
            return ["true"] if found else []
        if isinstance(found, float):
            return [_number(found)] if isfinite(found) else []
        return found if isinstance(found, list) else [found]

    def _text(self, found: Any, counted: bool) -> str:
        if isinstance(found, etree._Element):
            node, name = self.node(found), ""
            text = node.text
        else:
            parent = found.getparent() if hasattr(found, "getparent") else None
            if parent is not None and getattr(found, "is_tail", False):
                parent = parent.getparent()
            node = self.node(parent) if parent is not None else NOTHING
            name = str(found.attrname or "") if parent is not None else ""
            text = str(found).strip()
        if counted and text and node:
            self.read((node, name) if name else node)
        return text


def _number(found: float) -> str:
    """A number with all its digits and no exponent. XPath 1.0, 4.2 (`string`)."""
    return str(int(found)) if found.is_integer() else f"{Decimal(repr(found)):f}"
