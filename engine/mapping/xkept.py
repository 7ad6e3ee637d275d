"""What templates made of elements and what they read of them, by the content of the element: kept between messages."""

from __future__ import annotations

from typing import Any, NamedTuple

from engine.mapping.trees import Node, Read, Whole

MOST_NODES = 60
MOST_LETTERS = 8_192
"""An element with more in it is not kept."""


class Known(NamedTuple):
    """What was made, and what was read, by places in the element: its texts, its attributes."""

    value: Any
    texts: tuple[int, ...]
    attributes: tuple[tuple[int, str], ...]


def content(whole: Whole, node: Node, more: object) -> object:
    """All that a template can read of a node, to be looked up by; None for one that is too large."""
    size = node.last - node.order
    if not size:
        return (node.text, *node.attributes.items(), more)
    if size > MOST_NODES:
        return None
    inside = whole.within(node)
    return tuple([(one.name, one.text, one.last - one.order, *one.attributes.items()) for one in inside]), more


def known(node: Node, value: Any, reads: list[Read]) -> Known | None:
    """None where something was read that is not in the node."""
    texts: dict[int, None] = {}
    attributes: dict[tuple[int, str], None] = {}
    for read in reads:
        one, name = (read, "") if isinstance(read, Node) else read
        if not node.order <= one.order <= node.last:
            return None
        if name:
            attributes[one.order - node.order, name] = None
        else:
            texts[one.order - node.order] = None
    return Known(value, tuple(texts), tuple(attributes))


def light(whole: Whole, node: Node) -> bool:
    """Whether there is not too much text in it."""
    inside = whole.within(node)
    return sum(len(one.text) + sum(map(len, one.attributes.values())) for one in inside) <= MOST_LETTERS
