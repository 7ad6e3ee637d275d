"""Walks over groups: which instances there are, each with the segments that rules look up in it, found once a message.

Entries of one group go over the same instances, and look for the same segments in them. An item of a walk is a tuple:
the item of the group around it (where there is one), the instance, then segment and padded fields by turns.

Why: a laboratory message has thirty results, and five entries that would each look for OBX in every one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from engine.mapping.groups import Group
from engine.mapping.writer import Block


@dataclass(eq=False, slots=True)
class Walk:
    """The instances of one group. `wanted`: segments looked up in each, with the code that finds them."""

    number: int
    group: Group
    outer: Walk | None
    wanted: dict[str, str] = field(default_factory=dict)

    @property
    def every(self) -> str:
        return f"walk{self.number}"

    @property
    def instance(self) -> str:
        return f"group{self.number}"

    @property
    def item(self) -> str:
        return f"item{self.number}"

    def names(self, segment: str) -> tuple[str, str]:
        """Python names of a segment in scope and of its fields; the same in every function."""
        return f"s_{segment}_g{self.number}", f"{segment}_g{self.number}"

    def parts(self) -> list[str]:
        """Python names of what stands in an item."""
        found = [self.outer.item] if self.outer is not None else []
        found.append(self.instance)
        for segment in self.wanted:
            found += self.names(segment)
        return found

    def unpacked(self, inner: bool = False) -> list[str]:
        """Lines that give the parts of an item their names, outer items after inner ones. Who needs less drops some."""
        lines = [f"{name} = {self.item}[{number}]" for number, name in enumerate(self.parts())]
        if self.outer is None:
            return lines
        return lines[1:] if inner else lines + self.outer.unpacked()

    def function(self, functions: Block) -> None:
        """The function that makes the list of items."""
        outer = self.outer
        whole = body = functions.inside(f"def {self.every}_of(r, m{f', {outer.every}' if outer is not None else ''}):")
        body.line("found = []")
        around = "m"
        if outer is not None:
            body = body.inside(f"for {outer.item} in {outer.every}:")
            body.lines(outer.unpacked)
            around = outer.instance
        each = body.inside(f"for {self.instance} in {around}.inner.get({self.group.name!r}, ()):")
        for segment, code in self.wanted.items():
            one, fields = self.names(segment)
            each.line(f"{one} = {code}")
            each.line(f"{fields} = {one}.fields")
            each.line(f"if len({fields}) < L_{segment}: {fields} += P_{segment}")
        each.line(f"found.append(({', '.join(self.parts())},))")
        whole.line("return found")


@dataclass(slots=True)
class Walks:
    """The walks of one module, by the groups they go through."""

    found: dict[str, Walk] = field(default_factory=dict)

    def over(self, way: Iterable[Group]) -> Walk:
        """The walk over the last of these groups, each inside the one before it."""
        walk: Walk | None = None
        for group in way:
            if group.name not in self.found:
                self.found[group.name] = Walk(len(self.found) + 1, group, walk)
            walk = self.found[group.name]
        assert walk is not None
        return walk

    def emit(self, functions: Block, run: Block) -> None:
        """The functions, and the calls of them."""
        for walk in self.found.values():
            walk.function(functions)
            outer = f", {walk.outer.every}" if walk.outer is not None else ""
            run.line(f"{walk.every} = {walk.every}_of(r, m{outer})")
