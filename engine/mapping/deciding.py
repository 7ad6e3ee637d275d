"""Conditions to Python tests."""

from __future__ import annotations

from abc import ABC, abstractmethod

from engine.expression import And, Compare, Expression, In, Literal, Not, Or, Path, Reference, XPath
from engine.mapping.frames import Frame
from engine.mapping.lookups import segment, segments
from engine.mapping.module import Module
from engine.mapping.reads import Reads
from engine.mapping.shapes import Value, united
from engine.mapping.writer import Block
from engine.mapping.xreads import XmlReads


class Deciding(ABC):
    """Emits conditions. Reads in them decide; outside templates they do not count as carried over (decision 13)."""

    def __init__(self, module: Module, reads: Reads) -> None:
        self.module, self.reads = module, reads
        self.xml = XmlReads(module)

    @abstractmethod
    def value(self, expression: Expression, frame: Frame, block: Block, many: bool = False) -> Value | None:
        """Code for a value."""

    def fault(self, column: int, text: str, suggestion: str = "") -> None:
        self.module.fault("M502", column, text, suggestion)

    def condition(self, expression: Expression, frame: Frame, block: Block) -> str:
        """Python test. Reads in it decide; they do not count as carried over."""
        # In a template the condition decides how the value is written: there it reads.
        if frame.in_template():
            return self.test(expression, frame, block)
        with self.module.uncounted():
            return self.test(expression, frame, block)

    def test(self, expression: Expression, frame: Frame, block: Block) -> str:
        match expression:
            case And(left=left, right=right):
                return self.both(left, right, "and", frame, block)
            case Or(left=left, right=right):
                return self.both(left, right, "or", frame, block)
            case Not(operand=operand):
                return f"not {self.test(operand, frame, block)}"
            case Compare(left=left, right=right, equal=equal):
                sides = [self.text(side, frame, block) for side in (left, right)]
                return f"({sides[0]} {'==' if equal else '!='} {sides[1]})"
            case In(item=item, values=values, negated=negated):
                listed = "{" + ", ".join(map(repr, values)) + "}"
                return f"({self.text(item, frame, block)} {'not in' if negated else 'in'} {listed})"
            case Path() if self.names_segment(expression):
                return self.exists(expression, frame, block)
            case Path(steps=(step,)) if step.pick is None:
                return self.holds(expression, frame, block)
            case XPath():
                return self.xml.held(expression, frame, block)
            case Reference(entry=entry) if entry in self.module.entries.known():
                return f"({self.module.entries.lookup(entry, frame, False)} is not None)"
            case _:
                value = self.value(expression, frame, block)
                return "False" if value is None else f"({value.present})"

    def holds(self, path: Path, frame: Frame, block: Block) -> str:
        """A field or component alone: there is anything in it, in whichever part, and it is not null."""
        return self.reads.held(path, frame, block) or "False"

    def both(self, left: Expression, right: Expression, word: str, frame: Frame, block: Block) -> str:
        """`and`, `or`: what the right side reads is read only when it matters."""
        first = self.test(left, frame, block)
        lines = block.buffer()
        second = self.test(right, frame, lines)
        if lines.empty:
            return f"({first} {word} {second})"
        variable = self.module.name("x")
        block.line(f"{variable} = {first}")
        then = block.inside(f"if {variable}:" if word == "and" else f"if not {variable}:")
        then.parts.append(lines)
        then.line(f"{variable} = {second}")
        return variable

    def positive(self, expression: Expression | None, frame: Frame) -> frozenset[str] | None:
        """Raw texts of which one must be there for a condition to hold; None where it may hold without."""
        match expression:
            case And(left=left, right=right):
                return self.positive(left, frame) or self.positive(right, frame)
            case Or(left=left, right=right):
                return united([self.positive(left, frame), self.positive(right, frame)])
            case Compare(left=left, right=Literal(text=text), equal=True) if text:
                return self.positive(left, frame)
            case In(item=item, values=values, negated=False) if "" not in values:
                return self.positive(item, frame)
            case Path(steps=(step,)):
                step = self.reads.absolute(step, frame)
                if step.name and step.field:
                    return frozenset({f"{segment(self.module, frame, step.name, step.field)[1]}[{step.field}]"})
        return None

    def text(self, expression: Expression, frame: Frame, block: Block) -> str:
        value = self.value(expression, frame, block)
        if value is None:
            return "''"
        if value.shape in ("object", "reference", "condition", "coding"):
            self.fault(expression.column, f"a comparison needs text, and this is {value.shape}")
        return value.code

    def names_segment(self, path: Path) -> bool:
        last = path.steps[-1]
        return bool(last.name) and not last.field

    def exists(self, path: Path, frame: Frame, block: Block) -> str:
        """Is there such a segment, or such a group."""
        step = path.steps[0]
        if len(path.steps) == 1 and step.name not in self.module.groups and step.pick is None:
            if not self.reads.visible(step, frame):
                return "False"
            if self.reads.segment_frame(frame, step.name):
                return "True"
            segment(self.module, frame, step.name)
            return f"({segments(frame, step.name)[0]})"
        variable = self.module.name("x")
        block.line(f"{variable} = False")
        opened = self.reads.loop(path, frame, block)
        if opened is not None:
            opened[0].line(f"{variable} = True")
        return variable
