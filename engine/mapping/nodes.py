"""YAML nodes to Python: leaves with their instructions, alternatives, lists and loops. Objects are in `objects`."""

from __future__ import annotations

from dataclasses import replace

from engine.expression import Path, Reference, XPath
from engine.mapping.assign import Assign
from engine.mapping.defaults import Defaults, wrapped
from engine.mapping.frames import Frame
from engine.mapping.loops import everything
from engine.mapping.module import Module
from engine.mapping.objects import Objects
from engine.mapping.reads import Reads
from engine.mapping.shapes import COUNTED, Value, Want, united
from engine.mapping.terms import Terms
from engine.mapping.writer import Block
from engine.yamlfile import YamlList, YamlMap, YamlNode, YamlScalar

LEAF_KEYS = frozenset({"$value", "$first", "$when", "$default", "$required", "$issue", "$let", "$for_each"})


class Nodes:
    """Emits one node for what is wanted of it."""

    def __init__(self, module: Module, reads: Reads, terms: Terms) -> None:
        self.module, self.reads, self.terms = module, reads, terms
        self.assign = Assign(module)
        self.objects = Objects(module, terms, self)
        self.defaults = Defaults(module, self.assign)

    def fault(self, frame: Frame, node: YamlNode, text: str, suggestion: str = "", code: str = "M403") -> None:
        self.module.findings.add(code, frame.file, node, text, suggestion)

    def node(self, node: YamlNode, want: Want, frame: Frame, block: Block) -> Value | None:
        """Code for a node. A list is given for a `want.many`, one value otherwise."""
        if isinstance(node, YamlList):
            return self.list(node, want, frame, block)
        if isinstance(node, YamlMap) and node.get("$for_each") is not None:
            if not want.many:
                self.fault(
                    frame,
                    node,
                    f"{want.label} takes one value, and $for_each gives a list",
                    "take $for_each away",
                    "M404",
                )
                return None
            return self.loop(node, want, frame, block)
        value = self.single(node, want, frame, block)
        if value is None:
            return None
        if want.many and not value.many and not value.never:
            return wrapped(self.module, value)
        if value.many and not want.many:
            self.fault(
                frame,
                node,
                f"{want.label} takes one value, and this gives a list",
                "write [1], or take [*] away",
                "M404",
            )
            return None
        return value

    def single(self, node: YamlNode, want: Want, frame: Frame, block: Block) -> Value | None:
        if isinstance(node, YamlScalar):
            return self.leaf(node, want, frame, block)
        assert isinstance(node, YamlMap)
        keys = {key.text for key, _ in node.entries}
        if keys and keys <= LEAF_KEYS and ("$value" in keys or "$first" in keys):
            return self.ruled(node, want, frame, block)
        kind = self.module.r4.type(want.type)
        if want.type == "" or (kind is not None and kind.kind == "primitive"):
            wrong = next((key for key, _ in node.entries if key.text not in LEAF_KEYS), node)
            hint = "write one expression, or $value with $when, $default, $required"
            self.fault(frame, wrong, f"{want.label} is a {want.type or 'text'}, it has no elements", hint)
            return None
        return self.objects.object(node, want, frame, block)

    def leaf(self, node: YamlScalar, want: Want, frame: Frame, block: Block) -> Value | None:
        """One expression, converted to what the element takes."""
        expression = self.terms.parsed(node, frame.file)
        if expression is None:
            return None
        self.module.label = want.label
        since = len(self.module.seen)
        value = self.terms.value(expression, frame, block, want.many)
        if value is None:
            return None
        return self.assign.to(value, want, node, frame, block, since)

    @staticmethod
    def plain(value: Value) -> str:
        """Code that gives the value, or its absence."""
        return f"({value.code} if {value.test} else {value.absent})" if value.test else value.code

    def list(self, node: YamlList, want: Want, frame: Frame, block: Block) -> Value | None:
        if not want.many:
            self.fault(
                frame, node, f"{want.label} takes one value, and this is a list", "take the brackets away", "M404"
            )
            return None
        if len(node.items) == 1 and isinstance(node.items[0], YamlScalar | YamlMap):
            return self.node(node.items[0], want, frame, block)
        values = [self.item(item, want, frame, block) for item in node.items]
        if any(value is None for value in values):
            return None
        values = [pair for pair in values if pair is not None and not pair[1].never]
        made = [value for _, value in (pair for pair in values if pair is not None)]
        if made and all(value.fixed and not value.many for value in made):
            constant = [value.constant for value in made]
            return replace(made[0], code=self.module.shared(constant), many=True, constant=constant)
        variable = self.module.name("l")
        block.line(f"{variable} = []")
        for pair in values:
            assert pair is not None
            lines, value = pair
            if value.many:
                lines.line(f"{variable} += {value.code}")
            elif value.total:
                lines.line(f"{variable}.append({value.code})")
            else:
                lines.line(f"if {value.present}: {variable}.append({value.code})")
            block.guarded(lines, value.needs)
        ensured = any(value.total or value.ensured for value in made)
        total = any(value.total and not value.many for value in made)
        needs = None if total else united(value.needs for value in made)
        shape, of = (made[0].shape, made[0].of) if made else ("text", "")
        return Value(variable, shape, of, True, total, ensured, needs=needs)

    def item(self, node: YamlNode, want: Want, frame: Frame, block: Block) -> tuple[Block, Value] | None:
        lines = block.buffer()
        if isinstance(node, YamlMap) and node.get("$for_each") is not None:
            value = self.loop(node, want, frame, lines)
        elif isinstance(node, YamlScalar):
            value = self.leaf(node, want, frame, lines)
        elif isinstance(node, YamlMap):
            value = self.single(node, want.single, frame, lines)
        else:
            self.fault(frame, node, "a list inside a list", "write its items in the outer list")
            return None
        return None if value is None else (lines, value)

    def loop(self, node: YamlMap, want: Want, frame: Frame, block: Block) -> Value | None:
        """`$for_each`: the node for every item."""
        over = node.get("$for_each")
        assert over is not None
        expression = self.terms.parsed(over, frame.file)
        kept = tuple(pair for pair in node.entries if pair[0].text != "$for_each")
        rest = self.module.findings.like(YamlMap(kept, node.line, node.column), node)
        variable = self.module.name("l")
        if isinstance(expression, Reference):
            opened = self.reference_loop(expression, frame, block, variable)
        elif isinstance(expression, Path):
            block.line(f"{variable} = []")
            opened = self.reads.loop(everything(expression), frame, block)
        elif isinstance(expression, XPath):
            block.line(f"{variable} = []")
            opened = self.terms.xml.loop(expression, frame, block)
        elif expression is not None:
            self.fault(frame, over, "$for_each goes over a path or 'all ->entry'", "write $for_each: NTE")
            return None
        else:
            return None
        if opened is None:
            return None
        inside, at = opened
        value = self.single(rest, want.single, at, inside)
        if value is None:
            return None
        test = "" if value.total else f"if {value.present}: "
        inside.line(f"{test}{variable}.append({value.code})")
        needs = None
        if isinstance(expression, Path) and len(expression.steps) == 1:
            needs = self.terms.positive(replace(expression, steps=(replace(expression.steps[0], pick=None),)), frame)
        return Value(variable, value.shape, value.of, many=True, needs=needs)

    def reference_loop(
        self, expression: Reference, frame: Frame, block: Block, variable: str
    ) -> tuple[Block, Frame] | None:
        value = self.terms.value(expression, frame, block, many=True)
        block.line(f"{variable} = []")
        if value is None or not value.many:
            if value is not None:
                self.module.fault("M502", expression.column, "a loop needs 'all'", f"write all ->{expression.entry}")
            return None
        one = self.module.name("v")
        inside = block.inside(f"for {one} in {value.code}:")
        at = Frame("names", frame.file, "", inside.here(), frame)
        at.variables["item"] = Value(one, "reference", value.of, total=True)
        return inside, at

    def ruled(self, node: YamlMap, want: Want, frame: Frame, block: Block) -> Value | None:
        """A leaf with instructions: `$value`, `$first`, `$when`, `$default`, `$required`."""
        variable = self.module.name("v")
        since = len(self.module.seen)
        start, outside = block.here(), block
        frame = self.objects.clauses.let(node.get("$let"), frame, block)
        when = node.get("$when")
        if when is not None:
            test = self.objects.clauses.when(when, frame, block)
            if test is None:
                return None
            block = block.inside(f"if {test}:")
        chosen = node.get("$value")
        if chosen is not None:
            value = self.node(chosen, want, frame, block)
        else:
            value = self.first(node.get("$first"), want, frame, block)
        if value is None:
            return None
        if value.never:
            return value
        if value.fixed and when is None and not {key for key, _ in node} & {"$default", "$required", "$issue"}:
            return value
        if when is None and node.get("$default") is None and value.code.isidentifier() and not value.fixed:
            variable = value.code
        else:
            block.line(f"{variable} = {self.plain(value)}")
        if when is not None:
            start.line(f"{variable} = {value.absent}")
            needs = value.needs
            if needs is None or value.total:
                needs = self.terms.positive(self.terms.parsed(when, frame.file), frame)
            value = replace(value, total=False, ensured=False, needs=needs)
        from_rule = value
        value = replace(value, code=variable, constant=Value("", "").constant, test="")
        issue = node.get("$issue")
        if issue is not None:
            value = replace(value, needs=None)
            self.objects.clauses.issue(issue, value.present, want, frame, block)
        default = node.get("$default")
        if default is not None and not from_rule.total:
            value = self.defaults.default(default, value, want, frame, outside)
        required = node.get("$required")
        if required is not None and value is not None and not value.total:
            value = self.defaults.required(required, value, want, since, frame, outside)
        return value

    def first(self, node: YamlNode | None, want: Want, frame: Frame, block: Block) -> Value | None:
        """`$first`: alternatives in order."""
        if not isinstance(node, YamlList) or not node.items:
            self.fault(
                frame, node or YamlScalar("", "plain", 1, 1), "$first is a list of alternatives", "begin each with '- '"
            )
            return None
        variable = self.module.name("v")
        made: Value | None = None
        absent = ""
        for item in node.items:
            if absent:
                block, absent = block.inside(absent), ""
            if made is not None and made.total:
                self.fault(frame, item, "the alternative before this one always has a value", "put it last")
                return None
            value = self.node(item, want, frame, block)
            if value is None:
                return None
            if value.never:
                continue
            block.line(f"{variable} = {self.plain(value)}")
            if made is None:
                made = replace(value, code=variable, constant=Value("", "").constant, test="")
            else:
                shape = value.shape if value.shape == made.shape else "text"
                ensured = made.ensured and value.ensured
                needs = united([made.needs, value.needs])
                made = replace(made, shape=shape, total=value.total, ensured=ensured, needs=needs)
            if not value.total:
                absent = (
                    f"if not {made.named(variable).present}:"
                    if made.shape not in COUNTED
                    else f"if {variable} is None:"
                )
        return made or Value("''", "text")
