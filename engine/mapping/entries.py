"""Entries in two passes: `find_x` makes the instances and their identities, `body_x` fills the resources.

So the order of entries in a file is free, and references may go round in circles.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.expression import Expression, Path, Reference, XPath
from engine.mapping.bodies import Bodies
from engine.mapping.frames import Frame
from engine.mapping.identities import Identities
from engine.mapping.loops import everything
from engine.mapping.module import Module
from engine.mapping.nodes import Nodes
from engine.mapping.plans import Plan
from engine.mapping.reads import Reads
from engine.mapping.templates import Templates
from engine.mapping.terms import Terms
from engine.mapping.writer import Block
from engine.yamlfile import YamlMap, YamlNode, YamlScalar

KEYS = (
    "key",
    "resource",
    "for_each",
    "when",
    "identity",
    "write",
    "on_null",
    "unidentified",
    "required",
    "amends",
    "body",
)


class Entries:
    """Emits all entries of a mapping."""

    def __init__(self, module: Module, reads: Reads, terms: Terms, templates: Templates, nodes: Nodes) -> None:
        self.module, self.reads, self.terms = module, reads, terms
        self.plans: dict[str, Plan] = {}
        self.identities = Identities(module, terms, templates, self)
        self.bodies = Bodies(module, nodes)
        self.wanted: dict[tuple[str, int, bool], None] = {}

    def fault(self, plan: Plan, node: YamlNode, text: str, suggestion: str = "", code: str = "M601") -> None:
        self.module.findings.add(code, plan.file, node, text, suggestion)

    # for references

    def resource(self, key: str) -> str:
        return self.plans[key].resource

    def known(self) -> list[str]:
        return list(self.plans)

    def lookup(self, key: str, frame: Frame, every: bool) -> str:
        """Python code of the instance (or list of all) of an entry nearest to a frame."""
        plan = self.plans[key]
        here = frame.chain()
        depth = 0
        while depth < min(len(here), len(plan.loops)) and here[depth].loop == plan.loops[depth].loop:
            depth += 1
        self.wanted[key, depth, every] = None
        where, name = _home(here[:depth], key)
        return f"{where}.made.get({_all_of(name)}, ())" if every else f"{where}.made.get({name})"

    # the whole

    def emit(self) -> None:
        for key, defined in self.module.sources.entries.items():
            assert isinstance(defined.node, YamlMap)
            self.plans[key] = self.plan(Plan(key, defined, defined.node))
        for plan in self.plans.values():
            self.find(plan)
        for plan in self.plans.values():
            self.bodies.emit(plan)
        for key, depth, every in self.wanted:
            self.register(self.plans[key], depth, every)
        run = self.module.functions.inside("def run(r):")
        run.line("m = r.message")
        self.module.walks.emit(self.module.functions, run)
        for plan in self.ordered():
            run.line(f"found_{plan.python} = find_{plan.python}(r, m{plan.walk})")
        for plan in self.plans.values():
            run.line(f"if found_{plan.python}: body_{plan.python}(r, m, found_{plan.python})")

    def plan(self, plan: Plan) -> Plan:
        """The keys of an entry, checked."""
        node = plan.node
        for key, _ in node.entries:
            if key.text not in KEYS:
                self.fault(plan, key, f"an entry has no '{key.text}'", self.module.findings.near(key.text, KEYS))
        resource = node.get("resource")
        plan.resource = resource.text if isinstance(resource, YamlScalar) else ""
        if plan.resource not in self.module.r4.resources:
            hint = self.module.findings.near(plan.resource, self.module.r4.resources)
            self.fault(plan, resource or node, f"'{plan.resource}' is no R4 resource", hint)
        plan.verb = self.choice(plan, "write", ("own", "mention"), "own", required=True)
        plan.unidentified = self.choice(
            plan, "unidentified", ("error", "skip"), "error" if plan.verb == "own" else "skip"
        )
        self.choice(plan, "on_null", ("remove",), "remove")
        over = node.get("for_each")
        if over is not None:
            scratch = Block()
            frame = self.message(plan, scratch)
            path = self.terms.parsed(over, plan.file)
            if isinstance(path, Path | XPath):
                opened = self.opened(path, frame, scratch)
                plan.loops = opened[1].chain() if opened is not None else []
            elif path is not None:
                self.fault(plan, over, "for_each goes over a path", "write for_each: AL1, a field, or a group")
        return plan

    def opened(self, over: Path | XPath, frame: Frame, block: Block) -> tuple[Block, Frame] | None:
        """The loop over what `for_each` names."""
        if isinstance(over, XPath):
            return self.terms.xml.loop(over, frame, block)
        return self.reads.loop(everything(over), frame, block)

    def choice(self, plan: Plan, key: str, allowed: tuple[str, ...], default: str, required: bool = False) -> str:
        node = plan.node.get(key)
        if node is None:
            if required:
                self.fault(
                    plan,
                    plan.defined.name,
                    f"entry '{plan.key}' does not say how it is written",
                    f"write {key}: {' or '.join(allowed)}",
                )
            return default
        if isinstance(node, YamlScalar) and node.text in allowed:
            return node.text
        hint = (
            "merge comes with a later version"
            if isinstance(node, YamlScalar) and node.text == "merge"
            else f"write {', '.join(allowed)}"
        )
        self.fault(plan, node, f"'{key}' is {' or '.join(allowed)}", hint)
        return default

    def message(self, plan: Plan, block: Block) -> Frame:
        return Frame("message", plan.file, "m", block.here())

    def ordered(self) -> list[Plan]:
        """Parents before those whose identity is derived from them."""
        done: dict[str, Plan] = {}
        opened: list[str] = []

        def visit(plan: Plan) -> None:
            if plan.key in done:
                return
            if plan.key in opened:
                self.fault(
                    plan,
                    plan.defined.name,
                    f"the identity of '{plan.key}' is derived from itself",
                    "derive it from another entry",
                )
                return
            opened.append(plan.key)
            for parent in sorted(plan.parents):
                visit(self.plans[parent])
            opened.pop()
            done[plan.key] = plan

        for plan in self.plans.values():
            visit(plan)
        return list(done.values())

    # pass one

    def find(self, plan: Plan) -> None:
        self.module.marks.entry = plan.key
        function = self.module.functions.inside(lambda: f"def find_{plan.python}(r, m{plan.walk}):")
        head = self.module.begun(function)
        function.line("found = []")
        before = function.here()
        frame: Frame = self.message(plan, function)
        block = function
        over = plan.node.get("for_each")
        if over is not None:
            path = self.terms.parsed(over, plan.file)
            self.module.label = plan.key
            self.module.walking = True
            opened = self.opened(path, frame, function) if isinstance(path, Path | XPath) else None
            self.module.walking = False
            if opened is None:
                return
            block, frame = opened
        plan.loops = frame.chain()
        since = len(self.module.seen)
        when = plan.node.get("when")
        if when is not None:
            expression = self.terms.parsed(when, plan.file)
            if expression is not None:
                self.module.label = plan.key
                plan.parents |= set(_references(expression)) & set(self.plans)
                block = block.inside(f"if {self.terms.condition(expression, frame, block)}:")
        del self.module.seen[since:]
        self.identities.emit(plan, frame, block, before)
        self.required(plan, function)
        function.line("return found")
        self.module.ended(head)

    def required(self, plan: Plan, function: Block) -> None:
        """`required: true`: a message without any instance is refused; unidentified ones have said so themselves."""
        node = plan.node.get("required")
        if self.choice(plan, "required", ("true", "false"), "false") == "false" or node is None:
            return
        first = plan.loops[0] if plan.loops else None
        starts = first.group.starts if first is not None and first.group is not None else {first.name if first else ""}
        rule = self.module.rule(plan.file, node, f"{plan.resource} '{plan.key}'")
        function.line(f"if not found and not r.failed({plan.key!r}): r.absent({rule}, {sorted(starts)[0]!r})")

    def register(self, plan: Plan, depth: int, every: bool) -> None:
        """Make an instance known in one of the scopes around it."""
        if plan.registration is None:
            return
        where, name = _home(plan.loops[:depth], plan.key)
        if every:
            plan.registration.line(f"{where}.made.setdefault({_all_of(name)}, []).append(n)")
        else:
            plan.registration.line(f"{where}.made.setdefault({name}, n)")


def _all_of(name: str) -> str:
    """The name under which all instances stand, beside that of the first."""
    return f"'*{name[1:]}" if name.startswith("'") else f"('*', {name})"


def _references(expression: Expression) -> Iterator[str]:
    """Entries that a condition asks for."""
    if isinstance(expression, Reference):
        yield expression.entry
    for name in ("left", "right", "operand", "item", "source"):
        part = getattr(expression, name, None)
        if part is not None and not isinstance(part, str):
            yield from _references(part)


def _home(loops: list[Frame], key: str) -> tuple[str, str]:
    """Scope and name under which an instance is known: of the group or message, or of the item of a loop in it."""
    where, item = "m", ""
    for loop in loops:
        if loop.kind == "group":
            where, item = loop.var, ""
        elif loop.level == "node":
            item = loop.var
        elif loop.kind == "segment":
            item = f"{loop.var}.position"
        else:
            item = f"{loop.segment}.position, {loop.path}, {loop.var}"
    return where, f"({key!r}, {item})" if item else repr(key)
