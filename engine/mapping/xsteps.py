"""Steps to children as Python: from the message's root, what a path leads to is found once; from a node, at once.

Why a test of the first step: most rules are about what a message does not have.
"""

from __future__ import annotations

from engine.mapping.module import Module
from engine.mapping.xpaths import Named


class XmlSteps:
    """Emits steps. `start` is the Python of the node that they begin at."""

    def __init__(self, module: Module) -> None:
        self.module = module

    def first(self, steps: tuple[Named, ...], start: str) -> str:
        """Python of the first node at the end of the steps; NOWHERE where there is none."""
        if not steps:
            return start
        if start == "r.root":
            return f"(r.ways[{self.way(steps)}] or NONE)[0]"
        first, name = steps[0], self.child(steps[0])
        if len(steps) == 1 and first.plain:
            return f"({start}.children.get({name}) or NONE)[0]"
        return f"first({start}, {self.steps(steps)}) if {name} in {start}.children else NOWHERE"

    def all(self, steps: tuple[Named, ...], start: str) -> str:
        """Python of the list of all nodes of a chain: one that may be shared, and is not changed."""
        if not steps:
            return f"[{start}] * bool({start})"
        if start == "r.root":
            return f"r.ways[{self.way(steps)}]"
        first, name = steps[0], self.child(steps[0])
        if len(steps) == 1 and first.plain:
            return f"({start}.children.get({name}) or NO)"
        return f"(every({start}, {self.steps(steps)}) if {name} in {start}.children else NO)"

    def way(self, steps: tuple[Named, ...]) -> str:
        """The constant of a path from the root: the nodes it leads to are found once a message."""
        if not steps:
            return "ROOT"
        return self.module.constant(f"Way({self.way(steps[:-1])}, {self.step(steps[-1])})")

    def steps(self, steps: tuple[Named, ...]) -> str:
        """The constant of steps; names are bound when the message's namespaces are known."""
        return self.module.constant("(" + "".join(f"{self.step(one)}, " for one in steps) + ")")

    def child(self, step: Named) -> str:
        """The constant of a child's name."""
        return self.module.constant(f"Q({step.prefix!r}, {step.local!r})")

    def step(self, step: Named) -> str:
        name = self.child(step)
        if step.position:
            return f"({name}, {step.position})"
        if step.test is None:
            return name
        inner = "n"
        if len(step.test.steps) == 1 and step.test.steps[0].plain:
            inner = f"(n.children.get({self.child(step.test.steps[0])}) or NONE)[0]"
        elif step.test.steps:
            inner = f"first(n, {self.steps(step.test.steps)})"
        if step.test.attribute:
            code = f"{inner}.attributes.get({step.test.attribute!r}, '').strip()"
        else:
            code = f"{inner}.{'filled' if step.equals is None else 'text'}"
        test = code if step.equals is None else f"{code} == {step.equals!r}"
        return self.module.constant(f"({name}, lambda n: {test})")
