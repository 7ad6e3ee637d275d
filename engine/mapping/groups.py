"""Segments into groups by anchors: declared in the mapping, not taken from a version's grammar.

So an ORU with its SPM in an odd place, or without ORC, still groups as its sender meant. One pass, linear.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from engine.mapping.findings import Findings
from engine.mapping.sources import Defined
from engine.standards.hl7v2.er7 import Er7Document, Segment
from engine.yamlfile import YamlList, YamlMap, YamlNode, YamlScalar


@dataclass(slots=True)
class Group:
    """One declared group and those inside it. `closers`: segments that end an instance which has no `takes`."""

    name: str
    outer: str = ""
    starts: frozenset[str] = frozenset()
    one_each: frozenset[str] = frozenset()
    takes: frozenset[str] = frozenset()
    holds: frozenset[str] = frozenset()
    inner: list[Group] = field(default_factory=list)
    closers: frozenset[str] = frozenset()
    moves: dict[str, tuple[int, Group | None]] = field(default_factory=dict)

    def starting(self, name: str) -> Group | None:
        """The group inside that a segment opens."""
        return next((child for child in self.inner if name in child.starts), None)

    def move(self, name: str) -> tuple[int, Group | None]:
        """What a segment does here, worked out once for its name: stays, leaves, or opens this group anew."""
        child = self.starting(name)
        if self.name and name in self.starts:
            what = _OWN
        else:
            what = _STAYS if child is not None or not self.name or self.belongs(name) else _LEAVES
        if len(self.moves) < 1000:
            self.moves[name] = (what, child)
        return what, child

    @property
    def own(self) -> frozenset[str]:
        """Segments that are looked up in this group only."""
        return self.starts | self.one_each | self.takes | self.holds

    def belongs(self, name: str) -> bool:
        return name in self.takes if self.takes else name not in self.closers


_STAYS, _LEAVES, _OWN = range(3)
_NONE: dict[str, list[Scope]] = {}


class Scope:
    """One instance of a group, or the message: its own segments by name, the instances inside, the entries made in it.

    `made`: number of the first instance of an entry by its key, of all of them by `*key`.
    """

    __slots__ = ("inner", "made", "named")

    def __init__(self, named: dict[str, list[Segment]], inner: dict[str, list[Scope]]) -> None:
        self.named = named
        self.inner = inner
        self.made: dict[Any, Any] = {}


def grouped(document: Er7Document, message: Group) -> Scope:
    """The message as a scope with its groups inside. `message` has the outermost groups in its `inner`."""
    if not message.inner:
        return Scope(document.named, _NONE)
    outer = scope = Scope({}, {})
    group = message
    around: list[tuple[Group, Scope]] = []
    for segment in document.segments:
        name = segment.name
        while True:
            what, child = group.moves.get(name) or group.move(name)
            if what == _STAYS or (
                what == _OWN and name not in scope.named and group.one_each and group.one_each.isdisjoint(scope.named)
            ):
                break
            group, scope = around.pop()
        while child is not None:
            instance = Scope({}, {} if child.inner else _NONE)
            instances = scope.inner.get(child.name)
            if instances is None:
                scope.inner[child.name] = [instance]
            else:
                instances.append(instance)
            around.append((group, scope))
            group, scope = child, instance
            child = group.starting(name) if group.inner else None
        same = scope.named.get(name)
        if same is None:
            scope.named[name] = [segment]
        else:
            same.append(segment)
    return outer


def read_groups(definitions: dict[str, Defined], findings: Findings) -> dict[str, Group]:
    """The declared groups by name; each is also in the `inner` of its outer one."""
    groups = {name: _group(name, defined, findings) for name, defined in definitions.items()}
    wrong = False
    for name, group in groups.items():
        defined = definitions[name]
        if group.outer and group.outer not in groups:
            hint = findings.near(group.outer, groups)
            text = f"group '{name}' lies in an unknown group '{group.outer}'"
            findings.add("M303", defined.file, defined.node, text, hint)
            wrong = True
        elif group.outer and _circular(group, groups):
            findings.add("M303", defined.file, defined.node, f"group '{name}' lies in itself")
            wrong = True
    if wrong:
        return groups
    for group in groups.values():
        if group.outer:
            groups[group.outer].inner.append(group)
    outermost = [group for group in groups.values() if not group.outer]
    for group in groups.values():
        closers: set[str] = set()
        around: Group | None = group
        while around is not None:
            outer = groups.get(around.outer) if around.outer else None
            for sibling in outermost if outer is None else outer.inner:
                closers |= sibling.starts
            around = outer
        group.closers = frozenset(closers - {name for child in group.inner for name in child.starts})
    return groups


def _circular(group: Group, groups: dict[str, Group]) -> bool:
    seen = {group.name}
    while group.outer in groups:
        if group.outer in seen:
            return True
        seen.add(group.outer)
        group = groups[group.outer]
    return False


def _group(name: str, defined: Defined, findings: Findings) -> Group:
    group = Group(name)
    file, node = defined.file, defined.node
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        findings.add("M301", file, defined.name, "not a name for a group", "write it in lower case")
    if not isinstance(node, YamlMap):
        findings.add("M302", file, node, f"group '{name}' is a map", "write {starts: [ORC, OBR]}")
        return group
    for key, value in node.entries:
        if key.text == "in" and isinstance(value, YamlScalar):
            group.outer = value.text
        elif key.text in ("starts", "one_each", "takes", "holds"):
            setattr(group, key.text, _segments(file, value, findings))
        else:
            known = ("in", "starts", "one_each", "takes", "holds")
            findings.add("M302", file, key, f"a group has no '{key.text}'", findings.near(key.text, known))
    if not group.starts:
        findings.add("M302", file, node, f"group '{name}' has no starts", "name the segments that open it")
    if group.one_each - group.starts:
        findings.add("M302", file, node, "one_each names a segment that is not in starts")
    if group.takes:
        group.takes |= group.starts
    return group


def _segments(file: str, node: YamlNode, findings: Findings) -> frozenset[str]:
    items = node.items if isinstance(node, YamlList) else (node,)
    found: set[str] = set()
    for item in items:
        if isinstance(item, YamlScalar) and re.fullmatch(r"[A-Z][A-Z0-9]{2}", item.text):
            found.add(item.text)
        else:
            findings.add("M304", file, item, "not a segment name", "write three capitals or digits: OBX")
    return frozenset(found)
