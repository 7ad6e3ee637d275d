"""An XML message as compiled mappings walk over it: nodes with their children by name, texts and attributes at hand.

The tree is made once a run, in one pass. What is not there is `NOTHING`: a node without anything, false in a test, so
that generated code steps on without asking.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from lxml import etree

Test = Callable[["Node"], object]
Step = str | tuple[str, int | Test]
"""One step to children: their name `{namespace}local`, alone or with a position (-1: the last) or a test."""


class Node:
    """One element. `text` is its own, with what stands between its children, blanks around it gone.

    `position`: its number among its siblings of that name, from 1.
    """

    __slots__ = ("attributes", "children", "element", "position", "text")

    element: etree._Element | None
    children: dict[str, list[Node]]
    attributes: dict[str, str]
    text: str
    position: int

    @property
    def filled(self) -> bool:
        """Whether there is anything in it."""
        return bool(self.text or self.attributes or self.children)


class _Nothing(Node):
    """The node that is not there."""

    def __bool__(self) -> bool:
        return False


def _nothing() -> Node:
    node = _Nothing()
    node.element, node.children, node.attributes, node.text, node.position = None, {}, {}, "", 0
    return node


NOTHING = _nothing()


def tree_of(element: etree._Element) -> Node:
    """The element with all below it. Not recursive where an element has none: most have none."""
    node = Node()
    node.element = element
    node.position = 1
    node.attributes = dict(element.items())
    text = element.text or ""
    children: dict[str, list[Node]] = {}
    node.children = children
    for one in element:
        child = tree_of(one)
        name = str(one.tag)
        same = children.get(name)
        if same is None:
            children[name] = [child]
        else:
            same.append(child)
            child.position = len(same)
        tail = one.tail
        if tail is not None and not tail.isspace():
            text += tail
    node.text = text.strip()
    return node


def first(node: Node, steps: Sequence[Step]) -> Node:
    """The first node, in the order of the message, at the end of the steps."""
    at = node
    for number, step in enumerate(steps):
        found = at.children.get(step) if type(step) is str else _taken(at, step)
        if not found:
            return NOTHING
        if len(found) > 1 and number + 1 < len(steps):
            # The first may lead nowhere.
            rest = steps[number + 1 :]
            return next((last for one in found if (last := first(one, rest))), NOTHING)
        at = found[0]
    return at


def every(node: Node, steps: Sequence[Step]) -> list[Node]:
    """All nodes at the end of the steps, in the order of the message where each step has one parent."""
    nodes = [node] if node else []
    for step in steps:
        if type(step) is str:
            nodes = [child for one in nodes for child in one.children.get(step, ())]
        else:
            nodes = [child for one in nodes for child in _taken(one, step)]
    return nodes


def _taken(node: Node, step: Step) -> Sequence[Node]:
    name, pick = (step, 1) if isinstance(step, str) else step
    found = node.children.get(name, ())
    if not isinstance(pick, int):
        return [one for one in found if pick(one)]
    if pick < 0:
        return found[-1:]
    return found[pick - 1 : pick]


def all_of(node: Node) -> Iterator[Node]:
    """The node and all below it, in no order."""
    waiting = [node]
    while waiting:
        one = waiting.pop()
        yield one
        for same in one.children.values():
            waiting += same
