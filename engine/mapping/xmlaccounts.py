"""What no rule read of an XML message: texts and attributes, against what a run has noted (decision 13)."""

from __future__ import annotations

from collections.abc import Iterable

from engine.mapping.trees import Node, Read, Way, Ways, Whole
from engine.message import Issue, Severity
from engine.standards import Tree

_HINTS = "{http://www.w3.org/2001/XMLSchema-instance}"
"""Where a schema may be found, or which type is meant, is no content of a message."""

Ignored = tuple[Way, str]
"""A path from the root and an attribute: one attribute, or without it an element with all below it."""


class XmlAccounts:
    """The accounts of one mapping in messages of one variant. `everywhere`: attributes ignored on any element."""

    def __init__(self, ignored: Iterable[Ignored], everywhere: frozenset[str]) -> None:
        self.ignored, self.everywhere = tuple(ignored), everywhere

    def unread(self, document: Tree, whole: Whole, ways: Ways, reads: list[Read]) -> list[Issue]:
        """An issue for each text and attribute with content that nobody read, in the order of the message."""
        done: set[Read] = set(reads)
        everywhere = self.everywhere
        found: list[Read] = [node for node in whole.nodes if node.text and node not in done]
        for node in whole.nodes:
            if node.attributes:
                for name in node.attributes:
                    if name not in everywhere and (node, name) not in done:
                        found.append((node, name))
        if not found:
            return []
        ignored = self._ignored(whole, ways)
        found = [one for one in found if one not in ignored and self._counts(one)]
        return [_unread(document, *one) for one in sorted(map(_placed, found), key=lambda one: one[0].order)]

    def _ignored(self, whole: Whole, ways: Ways) -> set[Read]:
        ignored: set[Read] = set()
        for way, attribute in self.ignored:
            for node in ways[way]:
                if attribute:
                    ignored.add((node, attribute))
                else:
                    for one in whole.within(node):
                        ignored.add(one)
                        ignored.update((one, name) for name in one.attributes)
        return ignored

    @staticmethod
    def _counts(one: Read) -> bool:
        """Whether there is content in it."""
        return isinstance(one, Node) or (bool(one[0].attributes[one[1]].strip()) and not one[1].startswith(_HINTS))


def _placed(one: Read) -> tuple[Node, str]:
    return (one, "") if isinstance(one, Node) else one


def _unread(document: Tree, node: Node, attribute: str) -> Issue:
    place = document.place(node.element) if node.element is not None else ""
    what, end = ("attribute", f"/@{attribute.rpartition('}')[2][:60]}") if attribute else ("text", "")
    return Issue(Severity.NOTE, "map.unread", f"no rule reads this {what}", place + end)
