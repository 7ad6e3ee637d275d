"""`xp(...)` to Python that reads nodes: texts, nodes for templates, loops. What is read is noted while it runs.

Why noted at run time and not by static marks as for ER7: an XPath may pick by content, and one note costs less than
finding out afterwards. What only decides is not noted (decision 13).
"""

from __future__ import annotations

from typing import Literal

from engine.expression import XPath
from engine.mapping.frames import Frame
from engine.mapping.module import Module
from engine.mapping.raws import Raw
from engine.mapping.shapes import Seen, Value
from engine.mapping.writer import Block
from engine.mapping.xlanguage import compiled
from engine.mapping.xparts import Part
from engine.mapping.xpaths import Chain, Located, Named, Unclear, located
from engine.mapping.xsteps import XmlSteps
from engine.yamlfile import YamlMap, YamlScalar

NODE: Literal["node"] = "node"
_BEYOND = ("r.ways", "above(", "preceding(", "said(")
"""In the Python of an expression that reads more than texts and attributes inside the node it begins at."""


class XmlReads:
    """Emits reads of XPaths."""

    def __init__(self, module: Module) -> None:
        self.module, self.steps = module, XmlSteps(module)

    def located(self, expression: XPath, frame: Frame) -> Located | None:
        """What the expression means here; a finding where it means nothing."""
        if self.module.sources.paths != "xml":
            self.module.fault("M502", expression.column, "xp(...) is for XML standards", "write a path such as PID-3")
            return None
        try:
            found = located(expression.text, self.module.sources.prefixes, frame.in_template())
            self.module.beyond |= found.rooted or any(chain.rooted for chain in found.chains)
            return found
        except Unclear as error:
            hint = self.module.findings.near(error.name, error.names) if error.name else ""
            hint = hint or ("known: " + ", ".join(sorted(error.names)) if error.names else "")
            self.module.fault("M507", expression.column, str(error), hint)
            return None

    def text(self, expression: XPath, frame: Frame, block: Block, many: bool) -> Value | None:
        """Text of the first node, or the texts of all."""
        what = self.located(expression, frame)
        if what is None:
            return None
        if what.general:
            return self.general_text(what, frame, block, many)
        if many:
            return self.texts(what, frame, block)
        found: Value | None = None
        for number, chain in enumerate(what.chains):
            at = block.inside(f"if not {found.code}:") if number and found is not None else block
            made = self.chain_text(chain, frame, at, found.code if found is not None else "")
            found = found or made
        return found

    def chain_text(self, chain: Chain, frame: Frame, block: Block, into: str) -> Value:
        """Text of one chain, in a new variable or in the one of the chain before it."""
        counted = self.module.counting
        key = (
            f"{self.steps.first(chain.steps, self.start(chain, frame))} @{chain.attribute} {'read' if counted else ''}"
        )
        known = block.value_of(key) or block.value_of(f"{key}read")
        node, path = self.node(chain, frame, block)
        place = self.place(node, path, chain.attribute)
        self.see(node, place, frame)
        if known is not None and not into:
            return Value(known, "text")
        variable = into or self.module.name("v")
        if chain.attribute:
            block.line(f"{variable} = {node}.attributes.get({self.attribute(chain)}, '')")
            then = block.inside(f"if {variable}:")
            then.line(f"{variable} = {variable}.strip()")
            if counted:
                then.line(self.noted(node, chain))
        else:
            block.line(f"{variable} = {node}.text")
            if counted:
                block.line(f"if {variable}: {self.noted(node, chain)}")
        if not into:
            block.known[key] = variable
        return Value(variable, "text")

    def texts(self, what: Located, frame: Frame, block: Block) -> Value:
        variable = self.module.name("l")
        block.line(f"{variable} = []")
        for chain in what.chains:
            one, text = self.module.name("s"), self.module.name("v")
            nodes = self.steps.all(chain.steps, self.start(chain, frame))
            inside = block.inside(f"for {one} in {nodes}:")
            code = f"{one}.attributes.get({self.attribute(chain)}, '').strip()" if chain.attribute else f"{one}.text"
            inside.line(f"{text} = {code}")
            then = inside.inside(f"if {text}:")
            then.line(f"{variable}.append({text})")
            if self.module.counting:
                then.line(self.noted(one, chain))
            self.see(one, self.place(one, "''", chain.attribute), frame)
        return Value(variable, "text", many=True)

    def raw(self, expression: XPath, frame: Frame, block: Block, many: bool) -> Raw | None:
        """The node for a template, or all of them."""
        what = self.located(expression, frame)
        if what is None:
            return None
        if any(chain.attribute for chain in what.chains):
            self.module.fault("M507", expression.column, "a template takes an element, and this is an attribute")
            return None
        variable = self.module.name("l" if many else "s")
        if many:
            block.line(f"{variable} = {self.listed(what, frame, block)}")
            return Raw(variable, NODE, "", "''", True, None)
        if what.general:
            block.line(f"{variable} = ({self.listed(what, frame, block)} or NONE)[0]")
        else:
            for number, chain in enumerate(what.chains):
                at = block.inside(f"if not {variable}:") if number else block
                at.line(f"{variable} = {self.steps.first(chain.steps, self.start(chain, frame))}")
        return Raw(variable, NODE, variable, self.path_here(what, frame), False, None)

    def held(self, expression: XPath, frame: Frame, block: Block) -> str:
        """Python test whether there is anything: an element with any content, an attribute with text."""
        what = self.located(expression, frame)
        if what is None:
            return "False"
        if what.general:
            part = self.part(what, frame)
            return f"({part.holds})" if part else f"r.holds({self.expression(what)}, {self.context(frame)})"
        tests = []
        for chain in what.chains:
            node, path = self.node(chain, frame, block)
            self.see(node, self.place(node, path, chain.attribute), frame, decides=True)
            code = f"{node}.attributes.get({self.attribute(chain)})"
            tests.append(code if chain.attribute else f"{node}.text or {node}.attributes or {node}.children")
            if frame.in_template() and chain.attribute:
                block.line(f"if {code}: {self.noted(node, chain)}")
        return f"({' or '.join(tests)})"

    def loop(self, expression: XPath, frame: Frame, block: Block) -> tuple[Block, Frame] | None:
        """Open a loop over all nodes. One that begins inside what another entry goes over is opened inside that."""
        what = self.located(expression, frame)
        if what is None:
            return None
        if what.general or len(what.chains) > 1 or what.chains[0].attribute:
            if any(chain.attribute for chain in what.chains):
                self.module.fault("M507", expression.column, "a loop goes over elements, and this is an attribute")
                return None
            return self.inner(self.listed(what, frame, block), f"xp {expression.text}", frame, block)
        chain = what.chains[0]
        base = "" if chain.rooted else self.base(frame)
        opened = (block, frame)
        done: tuple[Named, ...] = ()
        for stop in self.stops(chain) if chain.rooted or not base else ():
            opened = self.over(stop, len(done), "", *opened)
            done = stop
        return self.over(chain.steps, len(done), base, *opened)

    def over(self, steps: tuple[Named, ...], done: int, base: str, block: Block, frame: Frame) -> tuple[Block, Frame]:
        start = frame.item() if done or base else None
        at = start.var if start is not None else self.context(frame) if base else "r.root"
        return self.inner(self.steps.all(steps[done:], at), f"{base or 'xp'} {_written(steps)}", frame, block)

    def inner(self, nodes: str, loop: str, frame: Frame, block: Block) -> tuple[Block, Frame]:
        variable = self.module.name("s")
        inside = block.inside(f"for {variable} in {nodes}:")
        at = Frame(
            "text", frame.file, variable, inside.here(), frame, level=NODE, segment=variable, path="''", loop=loop,
            position=f"{variable}.position",
        )  # fmt: skip
        return inside, at

    def stops(self, chain: Chain) -> list[tuple[Named, ...]]:
        """The shorter chains that entries go over and that this one leads through, the shortest first."""
        found: set[tuple[Named, ...]] = set()
        for defined in self.module.sources.entries.values():
            over = defined.node.get("for_each") if isinstance(defined.node, YamlMap) else None
            text = over.text.strip() if isinstance(over, YamlScalar) else ""
            if text.startswith("xp(") and text.endswith(")"):
                try:
                    what = located(text[3:-1], self.module.sources.prefixes)
                except Unclear:
                    continue
                steps = what.chains[0].steps if len(what.chains) == 1 else ()
                if steps and len(steps) < len(chain.steps) and chain.steps[: len(steps)] == steps:
                    found.add(steps)
        return sorted(found, key=len)

    # parts

    def listed(self, what: Located, frame: Frame, block: Block) -> str:
        if what.general:
            part = self.part(what, frame)
            if part is not None:
                return part.code if part.kind == "nodes" else "NO"
            return f"r.located({self.expression(what)}, {self.context(frame)})"
        return " + ".join(self.steps.all(chain.steps, self.start(chain, frame)) for chain in what.chains)

    def general_text(self, what: Located, frame: Frame, block: Block, many: bool) -> Value:
        variable = self.module.name("l" if many else "v")
        call = "texts" if many else "text"
        context = self.context(frame)
        part = self.part(what, frame)
        if part is not None and part.kind == "text" and not many:
            block.line(f"{variable} = {part.code}.strip()")
        else:
            found = part.result if part else f"{self.expression(what)}(r, {context})"
            block.line(f"{variable} = r.{call}({found}, {self.module.counting})")
        item = frame.item()
        if item is not None:
            self.module.seen.append(Seen(item.segment, item.path, not self.module.counting))
        return Value(variable, "text", many=many)

    def start(self, chain: Chain, frame: Frame) -> str:
        """Python of the node a chain begins at."""
        return "r.root" if chain.rooted else self.context(frame)

    def node(self, chain: Chain, frame: Frame, block: Block) -> tuple[str, str]:
        """The variable that holds the first node, found where it was not found before; and its path, as code."""
        code = self.steps.first(chain.steps, self.start(chain, frame))
        if not chain.steps:
            item = frame.item()
            return code, item.path if item is not None and code == item.var else "''"
        variable = block.value_of(code)
        if variable is None:
            variable = block.known[code] = self.module.name("s")
            block.line(f"{variable} = {code}")
        return variable, "''"

    @staticmethod
    def noted(node: str, chain: Chain) -> str:
        """Python that notes a text or an attribute as read."""
        return f"r.read(({node}, {chain.attribute!r}))" if chain.attribute else f"r.read({node})"

    def context(self, frame: Frame) -> str:
        """What a relative path begins at: the node of the loop or template around, else the message's root."""
        item = frame.item()
        return item.var if item is not None else "r.root"

    @staticmethod
    def base(frame: Frame) -> str:
        """The name of the loop around, for a path that begins in it; "" at the message's root."""
        item = frame.item()
        return "" if item is None else f"{item.loop or 'xp .'} /"

    def expression(self, what: Located) -> str:
        return self.module.constant(f"X({what.general!r})")

    def part(self, what: Located, frame: Frame) -> Part | None:
        """An expression as Python, where it can be; what it reads beyond its node is noted."""
        part = compiled(what.general, self.module.constant, self.context(frame))
        self.module.beyond |= part is None or any(one in part.result for one in _BEYOND)
        return part

    @staticmethod
    def attribute(chain: Chain) -> str:
        return repr(chain.attribute)

    @staticmethod
    def place(node: str, path: str, attribute: str) -> str:
        return repr(f"/@{attribute}") if attribute else path

    def path_here(self, what: Located, frame: Frame) -> str:
        item = frame.item()
        return item.path if item is not None and what.chains and not what.chains[0].steps else "''"

    def see(self, node: str, path: str, frame: Frame, decides: bool = False) -> None:
        item = frame.item()
        if item is not None and node == item.var:
            node = item.segment
        self.module.seen.append(Seen(node, path, decides or not self.module.counting))


def _written(steps: tuple[Named, ...]) -> str:
    return "/".join(repr(one) if one.position or one.test else f"{one.prefix}:{one.local}" for one in steps)
