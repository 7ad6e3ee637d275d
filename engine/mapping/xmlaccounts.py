"""What no rule read of an XML message: texts and attributes, against what a run has noted (decision 13)."""

from __future__ import annotations

from collections.abc import Mapping

from engine.mapping.trees import Node, Step, every
from engine.mapping.xmlrun import Read
from engine.message import Issue, Severity
from engine.standards import Tree

_HINTS = "{http://www.w3.org/2001/XMLSchema-instance}"
"""Where a schema may be found, or which type is meant, is no content of a message."""

Ignored = tuple[tuple[Step, ...], str]
"""Steps from the root and an attribute: one attribute, or without it an element with all below it."""


class XmlAccounts:
    """The accounts of one mapping in messages of one variant. `everywhere`: attributes ignored on any element."""

    def __init__(self, ignored: Mapping[Ignored, str], everywhere: frozenset[str]) -> None:
        self.ignored, self.everywhere = tuple(ignored), everywhere

    def unread(self, document: Tree, root: Node, reads: list[Read]) -> list[Issue]:
        """An issue for each text and attribute with content that nobody read, in the order of the message."""
        done: set[Read] = set(reads)
        passed: set[Node] = set()
        for steps, attribute in self.ignored:
            for node in every(root, steps):
                if attribute:
                    done.add((node, attribute))
                else:
                    passed.add(node)
        found: list[Issue] = []
        everywhere = self.everywhere
        waiting = [root]
        while waiting:
            node = waiting.pop()
            if node in passed:
                continue
            if node.text and node not in done:
                found.append(_unread(document, node, ""))
            for name, value in node.attributes.items():
                if (
                    (node, name) not in done
                    and name not in everywhere
                    and value.strip()
                    and not name.startswith(_HINTS)
                ):
                    found.append(_unread(document, node, name))
            for same in reversed(node.children.values()):
                waiting += reversed(same)
        return found


def _unread(document: Tree, node: Node, attribute: str) -> Issue:
    place = document.place(node.element) if node.element is not None else ""
    what, end = ("attribute", f"/@{attribute.rpartition('}')[2][:60]}") if attribute else ("text", "")
    return Issue(Severity.NOTE, "map.unread", f"no rule reads this {what}", place + end)
