"""An XML message as compiled mappings walk over it: nodes with their children by name, texts and attributes at hand.

The tree is made once a run, in one pass. What is not there is `NOTHING`: a node without anything, false in a test, so
that generated code steps on without asking. What lies at the end of a path from the root is found once a message.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lxml import etree

Test = Callable[["Node"], object]
Step = str | tuple[str, int | Test]
"""One step to children: their name `{namespace}local`, alone or with a position (-1: the last) or a test."""


class Node:
    """One element. `text` is its own, with what stands between its children, blanks around it gone.

    `position`: its number among its siblings of that name, from 1. `order`: its number in the message;
    `last`: the one of the last node in it.
    """

    __slots__ = ("attributes", "children", "element", "last", "name", "order", "position", "text")

    element: etree._Element | None
    name: str
    children: dict[str, list[Node]]
    attributes: dict[str, str]
    text: str
    position: int
    order: int
    last: int

    @property
    def filled(self) -> bool:
        """Whether there is anything in it."""
        return bool(self.text or self.attributes or self.children)


Read = Node | tuple[Node, str]
"""A node, for its text; or a node and the name of its attribute."""


class _Nothing(Node):
    """The node that is not there."""

    def __bool__(self) -> bool:
        return False


def _nothing() -> Node:
    node = _Nothing()
    node.element, node.name, node.children, node.attributes, node.text = None, "", {}, {}, ""
    node.position, node.order, node.last = 0, -1, -1
    return node


NOTHING = _nothing()
NONE = (NOTHING,)
"""What to take the first of where nothing was found."""
_EMPTY: dict[str, str] = {}
_NO: list[Node] = []
_BARREN: dict[str, list[Node]] = {}


class Whole:
    """A message as nodes in its order: `nodes[0]` is its root, `parents` has the one around each."""

    __slots__ = ("_named", "nodes", "parents")

    def __init__(self, nodes: list[Node], parents: list[Node]) -> None:
        self.nodes, self.parents = nodes, parents
        self._named: dict[str, list[Node]] | None = None

    @property
    def named(self) -> dict[str, list[Node]]:
        """The nodes of each name."""
        if self._named is None:
            named: dict[str, list[Node]] = {}
            for node in self.nodes:
                if node.name in named:
                    named[node.name].append(node)
                else:
                    named[node.name] = [node]
            self._named = named
        return self._named

    def within(self, node: Node) -> list[Node]:
        """The node and all below it."""
        return self.nodes[node.order : node.last + 1]


def whole(element: etree._Element) -> Whole:
    """The element with all below it.

    Why flat, with the number of children still to come of each element around: one iterator in C costs a third of a
    call and an iterator for each element. Why parents apart: nodes that know each other would wait for the collector.
    """
    nodes: list[Node] = []
    parents: list[Node] = []
    mixed: list[Node] = []
    around: list[tuple[Node, dict[str, list[Node]], int]] = []
    among: dict[str, list[Node]] = {}
    parent, left = NOTHING, -1
    for order, one in enumerate(element.iter()):
        node = Node()
        node.element = one
        name: str = one.tag  # type: ignore[assignment]
        node.name = name
        node.order = node.last = order
        nodes.append(node)
        parents.append(parent)
        text = one.text
        node.text = text.strip() if text else ""
        attributes = one.items()
        node.attributes = dict(attributes) if attributes else _EMPTY
        same = among.get(name)
        if same is None:
            among[name] = [node]
            node.position = 1
        else:
            same.append(node)
            node.position = len(same)
        tail = one.tail
        if tail and not tail.isspace() and order:
            mixed.append(parent)
        left -= 1
        count = len(one)
        if count:
            around.append((parent, among, left))
            node.children = among = {}
            parent, left = node, count
        else:
            node.children = _BARREN
            while not left:
                parent.last = order
                parent, among, left = around.pop()
    for node in mixed:
        node.text = _text(node.element)
    return Whole(nodes, parents)


def _text(element: etree._Element | None) -> str:
    """The element's own text, with what stands between its children."""
    if element is None:
        return ""
    tails = [one.tail for one in element]
    return "".join([element.text or "", *(tail for tail in tails if tail and not tail.isspace())]).strip()


@dataclass(frozen=True, slots=True, eq=False)
class Way:
    """A path from the root of a message: the path before it, and its last step. None before: the root itself."""

    before: Way | None
    step: Step


ROOT = Way(None, "")


class Paths(dict[tuple[Way, Step], Way]):
    """Paths from the root, each made once: what is found at the end of one is found for all who ask."""

    def way(self, before: Way, step: Step) -> Way:
        return self.setdefault((before, step), Way(before, step))


class Ways(dict[Way, list[Node]]):
    """The nodes at the end of each path, found when they are first asked for; shared, not to be changed."""

    def __missing__(self, way: Way) -> list[Node]:
        step, before = way.step, way.before
        found: list[Node] = _NO
        around = _NO if before is None else self[before]
        if type(step) is not str:
            found = [child for one in around for child in _taken(one, step)]
        elif len(around) == 1:
            found = around[0].children.get(step, _NO)
        elif around:
            found = [child for one in around for child in one.children.get(step, ())]
        self[way] = found
        return found


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
