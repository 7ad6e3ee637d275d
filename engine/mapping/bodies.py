"""The second pass: one function for each entry fills the resources of all its instances.

Elements that say the same for every instance of a group around (the patient of all results, when they were issued) are
made at the first of them. A body that reads nothing but the texts of a few fields is not made again for the same texts.
"""

from __future__ import annotations

from engine.mapping.frames import Frame
from engine.mapping.module import Module
from engine.mapping.nodes import Nodes
from engine.mapping.plans import Plan
from engine.mapping.settled import texts_of
from engine.mapping.shapes import Want
from engine.mapping.walks import Walk
from engine.mapping.writer import Block
from engine.yamlfile import YamlMap, YamlScalar


class Bodies:
    """Emits bodies."""

    def __init__(self, module: Module, nodes: Nodes) -> None:
        self.module, self.nodes = module, nodes

    def emit(self, plan: Plan) -> None:
        """The function that fills the resources of one entry."""
        function = self.module.functions.inside(f"def body_{plan.python}(r, m, found):")
        self.module.marks.entry = plan.key
        before = function.here()
        frame = Frame("message", plan.file, "m", function.here())
        each = function.inside(f"for {', '.join(['n', *plan.parameters])}, in found:")
        head = self.module.begun(each)
        frame = self.scopes(plan, frame, each)
        node = plan.node.get("body")
        want = Want(plan.resource, plan.resource)
        if plan.resource not in self.module.r4.resources:
            return
        if isinstance(node, YamlScalar):
            node = YamlMap(((YamlScalar("$value", "plain", node.line, node.column), node),), node.line, node.column)
        if not isinstance(node, YamlMap):
            text = f"entry '{plan.key}' has no body"
            at = node or plan.defined.name
            self.module.findings.add("M601", plan.file, at, text, "write body: with the elements below")
            return
        walk = frame.walk
        often = any(loop.walk is not None and loop.walk.outer for loop in plan.loops) and not self.module.trace
        texts = texts_of(self.module, node, want, frame) if often and plan.verb == "mention" else ()
        grouped = walk is not None and often and not texts and bool(walk.group.takes)
        if walk is not None and grouped:
            self.grouped(walk, before, each)
        else:
            each.lines(lambda: frame.unpacked(plan.parameters))
        if texts:
            self.repeated(texts, before, each)
        each.line("e = r.entries[n]")
        each.line("o = r.body(n)" if self.module.trace else "o = e.resource if len(e.resource) == 1 else {}")
        del self.module.seen[:]
        content = self.nodes.objects.elements(node, want, frame, each, "o", grouped)
        definition = self.module.r4.type(plan.resource)
        if content is not None and definition is not None:
            self.nodes.objects.demands.complete(content, definition, want, node, frame, each, "o", nested=False)
        rule = self.module.rule(plan.file, plan.defined.name, f"{plan.resource} '{plan.key}'")
        each.line(f"if o is not e.resource: r.put(n, o, {rule})")
        if texts:
            each.line("if told == len(r.issues): done.add(key)")
        self.module.ended(head, plan.parameters)

    def scopes(self, plan: Plan, frame: Frame, block: Block) -> Frame:
        """The scopes around an instance."""
        for loop in plan.loops:
            frame = Frame(
                loop.kind, plan.file, loop.var, block.here(), frame, loop.name, loop.group, "", loop.level,
                loop.segment, loop.path, loop.origin, None, "", 0, loop.loop, loop.position, walk=loop.walk,
            )  # fmt: skip
        return frame

    def grouped(self, walk: Walk, before: Block, each: Block) -> None:
        """`fresh` at the first instance of each group around; what is read of that group is read then."""
        assert walk.outer is not None
        before.line("last = None")
        each.line(f"{walk.outer.item} = {walk.item}[0]")
        each.line(f"fresh = {walk.outer.item} is not last")
        fresh = each.inside("if fresh:")
        fresh.line(f"last = {walk.outer.item}")
        fresh.lines(walk.outer.unpacked)
        each.lines(lambda: walk.unpacked(inner=True))

    def repeated(self, texts: tuple[str, ...], before: Block, each: Block) -> None:
        """The same texts make the same body again: one without an issue is not made again."""
        before.line("done = set()")
        each.line(f"key = (n, {', '.join(texts)})")
        each.line("if key in done: continue")
        each.line("told = len(r.issues)")
