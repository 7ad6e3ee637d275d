"""What expressions that became Python call: steps that are no look into the children, and functions of texts.

XML Path Language 1.0.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from engine.mapping.trees import Node

if TYPE_CHECKING:
    from engine.mapping.xmlrun import XmlRun

_BLANKS = re.compile(r"[ \t\r\n]+")


def said(node: Node) -> str:
    """All the text in an element, as it stands."""
    if node.element is None:
        return ""
    return "".join(map(str, node.element.itertext())) if node.children else node.element.text or ""


def ordered(nodes: Iterable[Node]) -> list[Node]:
    """In the order of the message, each once."""
    found = list(dict.fromkeys(nodes))
    return sorted(found, key=lambda node: node.order) if len(found) > 1 else found


def united(left: list[Node], right: list[Node]) -> list[Node]:
    return ordered([*left, *right]) if left and right else left or right


def starred(nodes: list[Node]) -> list[Node]:
    """All their children."""
    return ordered(child for node in nodes for same in node.children.values() for child in same)


def above(run: XmlRun, nodes: list[Node]) -> list[Node]:
    """Their parents."""
    parents = run.whole.parents
    if len(nodes) == 1:
        parent = parents[nodes[0].order]
        return [parent] if parent else []
    return ordered(parent for node in nodes if (parent := parents[node.order]))


def below(run: XmlRun, nodes: list[Node], name: str) -> list[Node]:
    """All of a name that stand in them, however deep."""
    found = run.whole.named.get(name) if nodes else None
    if not found:
        return []
    return [one for one in found if any(node.order < one.order <= node.last for node in nodes)]


def preceding(run: XmlRun, node: Node, name: str) -> list[Node]:
    """All of a name that end before a node begins."""
    return [one for one in run.whole.named.get(name, ()) if one.last < node.order]


def after(text: str, mark: str) -> str:
    return text.partition(mark)[2] if mark else text


def before(text: str, mark: str) -> str:
    found = text.find(mark)
    return text[:found] if found > 0 else ""


def normal(text: str) -> str:
    """Blanks as one, and none at the ends."""
    return _BLANKS.sub(" ", text).strip(" ")


def replacements(old: str, new: str) -> dict[int, str | None]:
    """Each letter of the first for that at its place in the second, or gone: the first time it stands there."""
    pairs = [(letter, new[number] if number < len(new) else None) for number, letter in enumerate(old)]
    return {ord(letter): other for letter, other in reversed(pairs)}


CALLS = {
    "said": said, "ordered": ordered, "united": united, "starred": starred, "above": above, "below": below,
    "preceding": preceding, "after": after, "before": before, "normal": normal, "replacements": replacements,
}  # fmt: skip
